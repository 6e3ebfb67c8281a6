"""What lies beside the weights: which files of an endpoint belong to a merge, and where two endpoints' files differ.

A merge takes these files from its low endpoint. Where the high endpoint's say otherwise, either the two cannot be one
model, which is refused, or the merge behaves as its low endpoint does, which is told. The README has the table.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alphadial.merge_engine.data_only import PICKLED, read_json
from alphadial.merge_engine.errors import CheckpointError

_WEIGHTS = (*PICKLED, ".safetensors", ".gguf", ".ggml", ".h5", ".joblib", ".msgpack", ".npy", ".npz", ".onnx", ".ot")
_CODE = (".c", ".cc", ".cpp", ".cu", ".dll", ".exe", ".ipynb", ".js", ".py", ".pyc", ".sh", ".so")
_INDEX = ".index.json"
_CARD = "README.md"
_TEMPLATES = "additional_chat_templates"
"""The one folder that tokenizers keep files in."""
_TOKENIZER = "tokenizer.json"
_TOKENS = ("tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "merges.txt")
"""Other files that say which token has which number, or into which tokens a text is cut."""
_BY_KEY = frozenset({"config.json", "generation_config.json", "tokenizer_config.json", _TOKENIZER})
"""Files whose differing keys are told one by one."""
_IDLE = frozenset(
    {
        *("_from_model_config", "_name_or_path", "architectures", "attention_dropout", "dtype", "initializer_range"),
        *("name_or_path", "tokenizer_file", "torch_dtype", "transformers_version", "use_cache", "version"),
    }
)
"""Keys of those files that say where a model comes from or how it is trained; dtypes are those of the tensors."""
_LONGEST_VALUE = 60


def companion_files(folder: Path) -> list[str]:
    """Names of the files that a merge copies: all but weights and their indexes, code, hidden files and the card.

    The card describes one endpoint, not a merge.
    """
    files = [*folder.iterdir(), *(folder / _TEMPLATES).glob("*")]
    return sorted(file.relative_to(folder).as_posix() for file in files if file.is_file() and _is_companion(file.name))


def _is_companion(name: str) -> bool:
    lowered = name.lower()
    other = lowered.endswith((*_WEIGHTS, *_CODE, _INDEX)) or name == _CARD
    return not other and not name.startswith(".")


def check_tokens(low: Path, high: Path) -> None:
    """Refuses endpoints that give one number to two tokens, or two to one: their embeddings mean different things.

    Raises:
        CheckpointError: the first difference found, by file.
    """
    for name in _TOKENS:
        if _both(low, high, name) and not _same(low, high, name):
            raise CheckpointError(f"{name} of {low} and {high} differ: their tokens are not the same")
    if _both(low, high, _TOKENIZER) and not _same(low, high, _TOKENIZER):
        ours, theirs = (dict(_numbers(read_json(folder / _TOKENIZER))) for folder in (low, high))
        back = {number: token for token, number in theirs.items()}
        for token, number in ours.items():
            if theirs.get(token, number) != number:
                values = f"number {number} and {theirs[token]}"
            elif back.get(number, token) != token:
                token, values = f"number {number}", f"{token!r} and {back[number]!r}"
            else:
                continue
            raise CheckpointError(f"{_TOKENIZER} of {low} and {high} differ in token {token!r}: {values}")


def differences(low: Path, high: Path) -> Iterator[str]:
    """Tells what the high endpoint's files say otherwise than the low endpoint's, which the merge gets; one line each.

    Raises:
        CheckpointError: a file of either that is no JSON.
    """
    names = companion_files(low)
    for name in sorted({*names, *companion_files(high)}):
        if name not in names:
            yield f"{name} is in {high} alone: the merge has none"
        elif not (high / name).is_file():
            yield f"{name} is in {low} alone: the merge has it"
        elif not _same(low, high, name) and name in _BY_KEY:
            yield from _by_key(name, read_json(low / name), read_json(high / name), high)
        elif not _same(low, high, name):
            yield f"{name} differs: the merge has that of {low}"
    if not any(name in names for name in (_TOKENIZER, *_TOKENS)):
        yield f"{low} has no tokenizer, so the merge has none: copy that of its base model there"


def _by_key(name: str, low: Mapping[str, Any], high: Mapping[str, Any], other: Path, within: str = "") -> Iterator[str]:
    for key in sorted((low.keys() | high.keys()) - _IDLE):
        ours, theirs = low.get(key), high.get(key)
        if isinstance(ours, dict) and isinstance(theirs, dict) and not within:  # further down there may be many
            yield from _by_key(name, ours, theirs, other, f"{within}{key}.")
        elif ours != theirs:
            yield f"{name} differs in {within}{key}: {_shown(ours)} in the merge, {_shown(theirs)} in {other}"


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _numbers(tokenizer: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Tokens and their numbers, as far as a ``tokenizer.json`` has the shape that its library writes."""
    model = tokenizer.get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocab, dict):
        yield from ((token, number) for token, number in vocab.items() if isinstance(number, int))
    elif isinstance(vocab, list):  # of the unigram model: token and score, numbered by place
        yield from ((str(entry[0]), place) for place, entry in enumerate(vocab) if isinstance(entry, list) and entry)
    added = tokenizer.get("added_tokens")
    for entry in added if isinstance(added, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("id"), int):
            yield str(entry.get("content")), entry["id"]


def _both(low: Path, high: Path, name: str) -> bool:
    return (low / name).is_file() and (high / name).is_file()


def _same(low: Path, high: Path, name: str) -> bool:
    return filecmp.cmp(low / name, high / name, shallow=False)
