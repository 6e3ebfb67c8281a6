"""A family's folders are data: what would make a library run code of theirs is refused by name, before it is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alphadial.merge_engine.errors import CheckpointError

_CODE = frozenset({"auto_map", "custom_pipelines"})
"""Keys under which a configuration names Python files of its folder, or of a repository, to be imported."""
_IMPLEMENTATION = "_implementation"
"""Part of the keys that say how attention and the like are computed; a value with a slash is a repository of code."""
ADAPTER_CONFIG = "adapter_config.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def check_data_only(folder: Path, *, adapter: bool = False) -> None:
    """Refuses a checkpoint whose configuration asks for code.

    Args:
        folder: of the checkpoint.
        adapter: whether it may be an adapter, which names the model that it belongs to.

    Raises:
        CheckpointError: the first such thing, by file and key; a configuration that is no JSON object; an adapter where
            none may be; or an entry that is neither a file nor a folder of the checkpoint's own.
    """
    _check_entries(folder)
    if not adapter and (folder / ADAPTER_CONFIG).exists():
        raise CheckpointError(
            f"{folder / ADAPTER_CONFIG}: an adapter names a model elsewhere, and is merged with another adapter alone: "
            "merge it into the model's weights and remove the file"
        )
    for file in sorted(folder.glob("*config.json")):
        for key in _keys_with_code(read_json(file)):
            raise CheckpointError(
                f"{file}: {key} asks for code of its own to be run, which alphadial never does: use a model type that "
                "transformers knows, and remove the key"
            )


def _check_entries(folder: Path) -> None:
    """Refuses links that lead out: a merge would copy what they lead to; and pipes, which nobody may ever write to."""
    own = folder.resolve()
    # The cache of the Hugging Face Hub keeps every file as a link to its content.
    roots = (own, own.parent.parent / "blobs") if own.parent.name == "snapshots" else (own,)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise CheckpointError(f"cannot read {folder}: {error.strerror}") from error
    for entry in entries:
        if entry.is_symlink() and not any(Path(os.path.realpath(entry)).is_relative_to(root) for root in roots):
            raise CheckpointError(f"{entry} is a link out of its folder: put a copy in its place")
        if not (entry.is_file() or entry.is_dir()):
            raise CheckpointError(f"{entry} is no regular file: remove it")


def pickled_weights(folder: Path) -> str | None:
    """The name of a weights file whose format can hold code; None without one."""
    return next((file.name for file in sorted(folder.iterdir()) if file.suffix in PICKLED), None)


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        CheckpointError: the file cannot be read, or holds something else.
    """
    try:
        contents = json.loads(file.read_bytes())
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror}") from error
    except RecursionError as error:
        raise CheckpointError(f"{file} is nested too deeply") from error
    except ValueError as error:
        raise CheckpointError(f"{file} is not JSON: {error}") from error
    if not isinstance(contents, dict):
        raise CheckpointError(f"{file} is not a JSON object")
    return contents


def _keys_with_code(value: object) -> Iterator[str]:
    """Finds them at any depth: composite models have configurations within their configuration."""
    if isinstance(value, list):
        for inner in value:
            yield from _keys_with_code(inner)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if (key in _CODE and inner) or (_IMPLEMENTATION in key and "/" in json.dumps(inner)):
            yield key
        yield from _keys_with_code(inner)
