"""Writing checkpoints: safetensors streamed tensor by tensor, into a folder that appears whole or not at all."""

from __future__ import annotations

import fcntl
import filecmp
import glob
import json
import math
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from alphadial.merge_engine.errors import OutputError
from alphadial.merge_engine.hashing import raw_bytes
from alphadial.merge_engine.reader import DTYPE_BYTES, TensorInfo


def write_safetensors(file: Path, layout: Mapping[str, TensorInfo], tensor: Callable[[str], torch.Tensor]) -> None:
    """Writes one safetensors file, holding one tensor in memory at a time.

    Args:
        file: created; must not exist.
        layout: dtype and shape of every tensor, by name.
        tensor: gives each tensor, of just that dtype and shape, when its turn comes.

    Format: https://github.com/huggingface/safetensors#format (header length, JSON header, bytes without holes).
    """
    # Wider dtypes first keeps every tensor aligned to its own size.
    names = sorted(layout, key=lambda name: (-DTYPE_BYTES[layout[name].dtype], name))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in names:
        info = layout[name]
        start, end = end, end + DTYPE_BYTES[info.dtype] * math.prod(info.shape)
        header[name] = {"dtype": info.dtype, "shape": list(info.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with file.open("xb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            stream.write(raw_bytes(tensor(name)))


@contextmanager
def atomic_folder(out: Path, names: Collection[str]) -> Iterator[Path]:
    """Gives a fresh folder beside ``out`` to write the files ``names`` into; on leaving, it becomes ``out``.

    ``out`` must not exist, or be empty, or already hold just these files: then they are compared and left alone. If the
    body raises, nothing is left behind; what a killed process left is cleared by the next one that writes ``out``.

    Raises:
        OutputError: ``out`` holds something else or is a file, or the disk refuses.
    """
    out = out.resolve()
    try:
        _check_room(out, names)
        out.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(out)
        draft = out.parent / f".{out.name}.{secrets.token_hex(4)}.tmp"
        draft.mkdir()
        try:
            with _locked(draft):
                yield draft
                for file in draft.rglob("*"):
                    _sync(file)
                _sync(draft)
                _publish(draft, out)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror or error}") from error


def _check_room(out: Path, names: Collection[str]) -> None:
    for place in (out, out.parent):
        if place.exists() and not place.is_dir():
            raise OutputError(f"{place} is a file: name a new or empty folder")
    if out.is_dir() and _listing(out) not in (set(), set(names)):
        raise OutputError(f"{out} is not empty and holds something else: name a new or empty folder")


def _listing(folder: Path) -> set[str]:
    """Relative paths of all that is not a folder."""
    return {entry.relative_to(folder).as_posix() for entry in folder.rglob("*") if not entry.is_dir()}


def _publish(draft: Path, out: Path) -> None:
    names = sorted(_listing(draft))
    if out.is_dir() and any(out.iterdir()):
        same, _, _ = filecmp.cmpfiles(draft, out, names, shallow=False)
        if sorted(same) != names:
            raise OutputError(f"{out} already holds another checkpoint: name a new or empty folder")
        return
    draft.rename(out)
    _sync(out.parent)


def _clear_abandoned(out: Path) -> None:
    for draft in out.parent.glob(f".{glob.escape(out.name)}.????????.tmp"):
        try:
            with _locked(draft):
                shutil.rmtree(draft)
        except OSError:
            continue


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # The lock dies with its process, whatever kills it: it tells a draft in the making from an abandoned one.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
