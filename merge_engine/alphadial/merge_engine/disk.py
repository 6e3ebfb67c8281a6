"""theta(alpha) from disk to disk, in one pass over the checkpoints, on every processor. Importing this loads no torch.

Each piece of a tensor is merged into a buffer that stays in the cache and is written from there, for every alpha before
the next piece is read; nothing else of a model is in memory.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from alphadial.merge_engine.adapters import are_adapters, merge_adapters, plan_adapters
from alphadial.merge_engine.alpha import check_alpha
from alphadial.merge_engine.companions import companion_files, differences
from alphadial.merge_engine.compiled import BIT_TYPES, LOADED_BYTES, Bits
from alphadial.merge_engine.errors import OutputError
from alphadial.merge_engine.hashing import TensorHash, combine, weights_id_of_folder
from alphadial.merge_engine.inputs import Inputs, open_checkpoint, open_inputs
from alphadial.merge_engine.merging import Merging
from alphadial.merge_engine.methods import METHODS
from alphadial.merge_engine.reader import DTYPE_BYTES, INDEX, Checkpoint, TensorInfo
from alphadial.merge_engine.threads import each, thread_count
from alphadial.merge_engine.types import Family, MergePlan, MergeReport, OnBytes
from alphadial.merge_engine.writer import atomic_folder, lay_out, made_from

_PIECE = 1 << 19
"""Elements: with two checkpoints' and the result's bytes they fit a core's cache."""
_READ_AHEAD = 16 * _PIECE


def merge_to_folder(
    family: Family, alpha: float | str, out: Path, on_bytes: OnBytes = lambda doing, count: None
) -> MergeReport:
    """Writes theta(alpha) as a Hugging Face folder, sharded as the low endpoint is; see ``merge_to_folders``."""
    (report,) = merge_to_folders(family, {alpha: out}, on_bytes)
    return report


def merge_to_folders(
    family: Family, outs: Mapping[float | str, Path], on_bytes: OnBytes = lambda doing, count: None
) -> tuple[MergeReport, ...]:
    """Writes theta(alpha) for several alphas, each as a Hugging Face folder, reading the checkpoints once.

    Configuration, tokenizer, chat template and whatever else is neither weights nor code are the low endpoint's; where
    the high endpoint's differ, the report's ``warnings`` say so. A folder appears whole or not at all. A merge that was
    interrupted or killed goes on, when it is asked for again, after the last file that was whole.

    Two LoRA adapters give an adapter, of both ranks together: see ``adapters``.

    Args:
        family: whose checkpoints are merged.
        outs: where each alpha goes.
        on_bytes: told of the progress.

    Returns:
        One report per alpha, in the order of ``outs``.

    Raises:
        OutputError: a folder holds something else, or cannot be written.
        AlphaError, CheckpointError, MergeError: as ``merge``.
    """
    start = time.perf_counter()
    if len({out.resolve() for out in outs.values()}) < len(outs):
        raise OutputError("two alphas cannot be written to one folder: name a folder for each")
    if are_adapters(family):
        return merge_adapters(family, outs, on_bytes)
    alphas = [check_alpha(alpha, family) for alpha in outs]
    inputs = open_inputs(family)
    low = inputs.low
    companions = companion_files(low.folder)
    warnings = _warnings(inputs)
    names = [*low.files, *companions, *([INDEX] if low.index is not None else [])]
    reports = []
    with ExitStack() as stack:
        drafts = [
            (alpha, stack.enter_context(atomic_folder(out, names, made_from(inputs.checkpoints, inputs.recipe, alpha))))
            for alpha, out in zip(alphas, outs.values(), strict=True)
        ]
        for file in low.files:
            _merge_file(file, inputs, drafts, on_bytes)
        for (alpha, draft), out in zip(drafts, outs.values(), strict=True):
            _copy_companions(low, companions, draft)
            found = weights_id_of_folder(draft, lambda count: on_bytes("hashing", count))
            written = sum((draft / name).stat().st_size for name in names)
            reports.append(MergeReport(alpha, found, written, 0.0, out, warnings))
    seconds = time.perf_counter() - start
    return tuple(replace(report, seconds=seconds / len(reports)) for report in reports)


def plan_merge(family: Family, alphas: Sequence[float | str]) -> MergePlan:
    """What ``merge_to_folders`` would do, as far as the headers tell. Reads no tensors.

    Raises:
        AlphaError, CheckpointError: as ``merge``.
    """
    if are_adapters(family):
        return plan_adapters(family, alphas)
    for alpha in alphas:
        check_alpha(alpha, family)
    inputs, passes = open_inputs(family), 2 if METHODS[family.recipe.method].reduces else 1
    low = inputs.low.folder
    weights = sum(info.bytes for info in inputs.low.tensors.values())
    copied = sum((low / name).stat().st_size for name in companion_files(low))
    buffers = thread_count() * sum(_PIECE * np.dtype(kind).itemsize for kind in BIT_TYPES.values())
    return MergePlan(
        tensors=len(inputs.low.tensors),
        reads=passes * len(inputs.checkpoints) * weights,
        weights=len(alphas) * weights,
        writes=len(alphas) * (weights + copied),
        memory=LOADED_BYTES + buffers,
        warnings=_warnings(inputs),
    )


def compute_weights_id(family: Family, dial: float | str) -> str:
    """The weights id of an alpha or a checkpoint, piece by piece: no whole tensor is held in memory.

    Raises:
        AlphaError, FamilyError, CheckpointError, MergeError: as ``merge`` and ``checkpoint``.
    """
    if isinstance(dial, str):
        return weights_id_of_folder(open_checkpoint(family, dial).folder)
    alpha, inputs, merging = check_alpha(dial, family), open_inputs(family), Merging(family.recipe)

    def digest(name: str) -> str:
        info = inputs.low.tensors[name]
        found = TensorHash(info.dtype, info.shape)
        reduced = _reduced(inputs, merging, name)
        for first, last in _pieces(info):
            found.update(_merged(inputs, merging, name, alpha, reduced, first, last).data)
        return found.hexdigest()

    names = list(inputs.low.tensors)
    return combine(dict(zip(names, each(digest, names), strict=True)))


def _merge_file(file: str, inputs: Inputs, drafts: Sequence[tuple[float, Path]], on_bytes: OnBytes) -> None:
    """Writes one safetensors file of every alpha that does not have it yet; ``drafts`` are their folders."""
    tensors = {name: info for name, info in inputs.low.tensors.items() if info.file == file}
    header, places = lay_out(tensors)
    total = sum(info.bytes for info in tensors.values())
    merging = Merging(inputs.recipe)
    with ExitStack() as stack:
        targets = []
        for alpha, draft in drafts:
            if (draft / file).is_file():
                on_bytes("merging", total)
                continue
            stream = stack.enter_context((draft / f"{file}.part").open("wb"))
            stream.write(header)
            stream.flush()
            targets.append((alpha, draft, stream.fileno()))
        if not targets:
            return
        # The largest first, so that no thread is left alone with one at the end.
        names = sorted(tensors, key=lambda name: -tensors[name].bytes)
        reduced = dict(zip(names, each(lambda name: _reduced(inputs, merging, name), names), strict=True))

        def merge_piece(piece: tuple[str, int, int]) -> None:
            name, first, last = piece
            for source in inputs.checkpoints:
                source.will_need(name, first + _READ_AHEAD, last + _READ_AHEAD)
            for alpha, _, descriptor in targets:
                bits = _merged(inputs, merging, name, alpha, reduced[name], first, last)
                _write(descriptor, bits.data.cast("B"), places[name] + first * bits.itemsize)
                on_bytes("merging", bits.nbytes)

        each(merge_piece, [(name, *piece) for name in places for piece in _pieces(tensors[name])])
        for _, _, descriptor in targets:
            os.fsync(descriptor)  # a file that has its final name is whole, though the power should fail
    for _, draft, _ in targets:
        (draft / f"{file}.part").replace(draft / file)


def _pieces(info: TensorInfo) -> list[tuple[int, int]]:
    """First element and the one after the last, of each piece of a tensor."""
    count = info.bytes // DTYPE_BYTES[info.dtype]
    return [(first, min(first + _PIECE, count)) for first in range(0, count, _PIECE)]


_buffers = threading.local()


def _reduced(inputs: Inputs, merging: Merging, name: str) -> Any:
    """What the method has to know of a whole tensor."""
    kind = inputs.kind(name)
    return merging.reduce(kind, inputs.bits(name)) if kind.dtype in BIT_TYPES else None


def _merged(inputs: Inputs, merging: Merging, name: str, alpha: float, reduced: Any, first: int, last: int) -> Bits:
    """A piece of theta(alpha); it is good until this thread asks for the next one.

    Raises:
        CheckpointError, MergeError: it cannot be made.
    """
    kind, bits = inputs.kind(name), inputs.bits(name, first, last)
    if kind.dtype not in BIT_TYPES:
        inputs.check_integers(name, first, last)
        return bits[0]
    buffers = _buffers.__dict__
    if kind.dtype not in buffers:
        buffers[kind.dtype] = np.empty(_PIECE, BIT_TYPES[kind.dtype])
    merged: Bits = buffers[kind.dtype][: last - first]
    inputs.refuse(merging.merge(kind, bits, merged, alpha, reduced, first), name, alpha)
    return merged


def _write(descriptor: int, content: memoryview, place: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, place)
        content, place = content[written:], place + written


def _warnings(inputs: Inputs) -> tuple[str, ...]:
    low, *others = (source.folder for source in inputs.checkpoints)
    return tuple(dict.fromkeys(warning for other in others for warning in differences(low, other)))


def _copy_companions(low: Checkpoint, names: Sequence[str], draft: Path) -> None:
    for name in names:
        (draft / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(low.folder / name, draft / name)
    if low.index is not None:
        (draft / INDEX).write_text(json.dumps(low.index, indent=2) + "\n", encoding="utf-8")
