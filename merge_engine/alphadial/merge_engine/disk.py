"""theta(alpha) from disk to disk, in one pass over the endpoints, on every processor. Importing this loads no torch.

Each piece of a tensor is merged into a buffer that stays in the cache and is written from there, for every alpha before
the next piece is read; nothing else of a model is in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alphadial.merge_engine.alpha import GRID, check_alpha, format_alpha
from alphadial.merge_engine.companions import companion_files, differences
from alphadial.merge_engine.compiled import (
    BIT_TYPES,
    FLUSHES,
    FLUSHING,
    NOT_FINITE,
    OVERFLOWS,
    Bits,
    is_finite,
    merge_bits,
)
from alphadial.merge_engine.errors import MergeError, OutputError
from alphadial.merge_engine.hashing import TensorHash, combine, weights_id_of_folder
from alphadial.merge_engine.pairs import Pair, open_checkpoint, open_pair
from alphadial.merge_engine.reader import DTYPE_BYTES, INDEX, TensorInfo
from alphadial.merge_engine.threads import each, thread_count
from alphadial.merge_engine.types import Family, MergePlan, MergeReport
from alphadial.merge_engine.writer import atomic_folder, lay_out

_PIECE = 1 << 19
"""Elements: with both endpoints' and the result's bytes they fit a core's cache."""
_READ_AHEAD = 16 * _PIECE
_LOADED_BYTES = 80 * 2**20
"""Memory of a process that has loaded numpy and the compiled loops, and merged nothing."""

OnBytes = Callable[[str, int], None]
"""Told what is being done, "merging" or "hashing", and how many more bytes of results are done; from any thread."""


def merge_to_folder(
    family: Family, alpha: float | str, out: Path, on_bytes: OnBytes = lambda doing, count: None
) -> MergeReport:
    """Writes theta(alpha) as a Hugging Face folder, sharded as the low endpoint is; see ``merge_to_folders``."""
    (report,) = merge_to_folders(family, {alpha: out}, on_bytes)
    return report


def merge_to_folders(
    family: Family, outs: Mapping[float | str, Path], on_bytes: OnBytes = lambda doing, count: None
) -> tuple[MergeReport, ...]:
    """Writes theta(alpha) for several alphas, each as a Hugging Face folder, reading the endpoints once.

    Configuration, tokenizer, chat template and whatever else is neither weights nor code are the low endpoint's; where
    the high endpoint's differ, the report's ``warnings`` say so. A folder appears whole or not at all. A merge that was
    interrupted or killed goes on, when it is asked for again, after the last file that was whole.

    Args:
        family: whose endpoints are merged.
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
    alphas = [check_alpha(alpha, family) for alpha in outs]
    pair = open_pair(family, family.alpha_min)
    pairs = [replace(pair, alpha=alpha) for alpha in alphas]
    companions = companion_files(pair.low.folder)
    warnings = tuple(differences(pair.low.folder, pair.high.folder))
    names = [*pair.low.files, *companions, *([INDEX] if pair.low.index is not None else [])]
    reports = []
    with ExitStack() as stack:
        drafts = [
            stack.enter_context(atomic_folder(out, names, _content(each_pair)))
            for each_pair, out in zip(pairs, outs.values(), strict=True)
        ]
        for file in pair.low.files:
            _merge_file(file, [(p, draft) for p, draft in zip(pairs, drafts, strict=True)], on_bytes)
        for each_pair, draft, out in zip(pairs, drafts, outs.values(), strict=True):
            _copy_companions(pair, companions, draft)
            found = weights_id_of_folder(draft, lambda count: on_bytes("hashing", count))
            written = sum((draft / name).stat().st_size for name in names)
            reports.append(MergeReport(each_pair.alpha, found, written, 0.0, out, warnings))
    seconds = time.perf_counter() - start
    return tuple(replace(report, seconds=seconds / len(reports)) for report in reports)


def plan_merge(family: Family, alphas: Sequence[float | str]) -> MergePlan:
    """What ``merge_to_folders`` would do, as far as the headers tell. Reads no tensors.

    Raises:
        AlphaError, CheckpointError: as ``merge``.
    """
    for alpha in alphas:
        check_alpha(alpha, family)
    pair = open_pair(family, family.alpha_min)
    low = pair.low.folder
    weights = sum(info.bytes for info in pair.low.tensors.values())
    copied = sum((low / name).stat().st_size for name in companion_files(low))
    buffers = thread_count() * sum(_PIECE * np.dtype(kind).itemsize for kind in BIT_TYPES.values())
    return MergePlan(
        tensors=len(pair.low.tensors),
        reads=2 * weights,
        weights=len(alphas) * weights,
        writes=len(alphas) * (weights + copied),
        memory=_LOADED_BYTES + buffers,
        warnings=tuple(differences(low, pair.high.folder)),
    )


def compute_weights_id(family: Family, dial: float | str) -> str:
    """The weights id of an alpha or a checkpoint, piece by piece: no whole tensor is held in memory.

    Raises:
        AlphaError, FamilyError, CheckpointError, MergeError: as ``merge`` and ``checkpoint``.
    """
    if isinstance(dial, str):
        return weights_id_of_folder(open_checkpoint(family, dial).folder)
    pair = open_pair(family, dial)

    def digest(name: str) -> str:
        info = pair.low.tensors[name]
        found = TensorHash(info.dtype, info.shape)
        for first, last in _pieces(info):
            found.update(_merged(pair, name, first, last).data)
        return found.hexdigest()

    names = list(pair.low.tensors)
    return combine(dict(zip(names, each(digest, names), strict=True)))


@dataclass(frozen=True, slots=True)
class _Target:
    """A file in the making, for one alpha."""

    pair: Pair
    draft: Path
    descriptor: int


def _merge_file(file: str, drafts: Sequence[tuple[Pair, Path]], on_bytes: OnBytes) -> None:
    """Writes one safetensors file of every alpha that does not have it yet."""
    low = drafts[0][0].low
    tensors = {name: info for name, info in low.tensors.items() if info.file == file}
    header, places = lay_out(tensors)
    total = sum(info.bytes for info in tensors.values())
    with ExitStack() as stack:
        targets = []
        for pair, draft in drafts:
            if (draft / file).is_file():
                on_bytes("merging", total)
                continue
            stream = stack.enter_context((draft / f"{file}.part").open("wb"))
            stream.write(header)
            stream.flush()
            targets.append(_Target(pair, draft, stream.fileno()))

        def merge_piece(piece: tuple[str, int, int]) -> None:
            name, first, last = piece
            width = DTYPE_BYTES[tensors[name].dtype]
            for end in (low, targets[0].pair.high):
                end.will_need(name, first + _READ_AHEAD, last + _READ_AHEAD)
            for target in targets:
                bits = _merged(target.pair, name, first, last)
                _write(target.descriptor, bits.data.cast("B"), places[name] + first * width)
                on_bytes("merging", bits.nbytes)

        if targets:
            each(merge_piece, [(name, *piece) for name in places for piece in _pieces(tensors[name])])
        for target in targets:
            os.fsync(target.descriptor)  # a file that has its final name is whole, though the power should fail
    for target in targets:
        (target.draft / f"{file}.part").replace(target.draft / file)


def _pieces(info: TensorInfo) -> list[tuple[int, int]]:
    """First element and the one after the last, of each piece of a tensor."""
    count = info.bytes // DTYPE_BYTES[info.dtype]
    return [(first, min(first + _PIECE, count)) for first in range(0, count, _PIECE)]


_buffers = threading.local()


def _merged(pair: Pair, name: str, first: int, last: int) -> Bits:
    """A piece of theta(alpha); it is good until this thread asks for the next one.

    Raises:
        CheckpointError, MergeError: it cannot be made.
    """
    info = pair.low.tensors[name]
    low, high = pair.low.bits(name, first, last), pair.high.bits(name, first, last)
    if info.dtype not in BIT_TYPES:
        pair.check_integers(name, first, last)
        return low
    buffers = _buffers.__dict__
    if info.dtype not in buffers:
        buffers[info.dtype] = np.empty(_PIECE, BIT_TYPES[info.dtype])
    merged: Bits = buffers[info.dtype][: last - first]
    faults = merge_bits(info.dtype, low, high, merged, round(pair.alpha * GRID))
    if faults & NOT_FINITE:
        raise (pair.high if is_finite(info.dtype, low) else pair.low).not_finite(name)
    if faults & FLUSHES:
        raise MergeError(FLUSHING)
    if faults & OVERFLOWS:
        raise pair.overflows(name)
    return merged


def _write(descriptor: int, content: memoryview, place: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, place)
        content, place = content[written:], place + written


def _copy_companions(pair: Pair, names: Sequence[str], draft: Path) -> None:
    for name in names:
        (draft / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(pair.low.folder / name, draft / name)
    if pair.low.index is not None:
        (draft / INDEX).write_text(json.dumps(pair.low.index, indent=2) + "\n", encoding="utf-8")


def _content(pair: Pair) -> str:
    """What a merge is made from, without reading it: the endpoints' files as they are now, and alpha."""
    files = [end.folder / file for end in (pair.low, pair.high) for file in end.files]
    states = [(str(file.absolute()), (found := file.stat()).st_ino, found.st_mtime_ns, found.st_size) for file in files]
    return hashlib.sha256(json.dumps([format_alpha(pair.alpha), states]).encode()).hexdigest()
