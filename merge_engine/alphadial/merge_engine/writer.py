"""Writing checkpoints: the layout of safetensors files, and folders that appear whole or not at all."""

from __future__ import annotations

import fcntl
import filecmp
import glob
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from alphadial.merge_engine.alpha import format_alpha
from alphadial.merge_engine.errors import OutputError
from alphadial.merge_engine.reader import DTYPE_BYTES, TensorInfo, Tensors
from alphadial.merge_engine.recipes import numbers_of
from alphadial.merge_engine.types import Recipe

_CONTENT = ".content"
"""Says in a draft what its files are to hold."""


def lay_out(tensors: Mapping[str, TensorInfo]) -> tuple[bytes, dict[str, int]]:
    """The beginning of a safetensors file that holds these tensors, and where in the file the bytes of each begin.

    Format: https://github.com/huggingface/safetensors#format (header length, JSON header, bytes without holes).
    """
    # Wider dtypes first keeps every tensor aligned to its own size.
    names = sorted(tensors, key=lambda name: (-DTYPE_BYTES[tensors[name].dtype], name))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offsets, end = {}, 0
    for name in names:
        info = tensors[name]
        offsets[name], end = end, end + info.bytes
        header[name] = {"dtype": info.dtype, "shape": list(info.shape), "data_offsets": [offsets[name], end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, {name: 8 + len(text) + start for name, start in offsets.items()}


def made_from(sources: Iterable[Tensors], recipe: Recipe, alpha: float) -> str:
    """What a merge is made from, without reading it: the checkpoints' files as they are now, the recipe and alpha."""
    files = [source.folder / file for source in sources for file in source.files]
    states = [(str(file.absolute()), (found := file.stat()).st_ino, found.st_mtime_ns, found.st_size) for file in files]
    made_by = [recipe.method, *numbers_of(recipe), format_alpha(alpha)]
    return hashlib.sha256(json.dumps([made_by, states]).encode()).hexdigest()


@contextmanager
def atomic_folder(out: Path, names: Collection[str], content: str) -> Iterator[Path]:
    """Gives a folder beside ``out`` to write the files ``names`` into; on leaving, it becomes ``out``.

    ``out`` must not exist, or be empty, or already hold just these files: then they are compared and left alone. If the
    body fails, nothing is left behind. If it is killed, or interrupted after a file had its final name, the folder
    stays: the next one that writes the same content to ``out`` gets it with all such files; any other clears it away.

    Args:
        out: the folder to be.
        names: of its files, relative to it.
        content: what the files are to hold, in any words; a folder that was left is used for these words alone.

    Raises:
        OutputError: ``out`` holds something else or is a file, or the disk refuses.
    """
    out = out.resolve()
    try:
        _check_room(out, names)
        out.parent.mkdir(parents=True, exist_ok=True)
        with _draft(out, content) as draft:
            try:
                yield draft
                (draft / _CONTENT).unlink()
                for file in draft.rglob("*"):
                    _sync(file)
                _sync(draft)
                _publish(draft, out)
            except BaseException as error:
                if isinstance(error, Exception) or not any((draft / name).exists() for name in names):
                    shutil.rmtree(draft, ignore_errors=True)
                raise
            shutil.rmtree(draft, ignore_errors=True)  # where the folder held the same already
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


@contextmanager
def _draft(out: Path, content: str) -> Iterator[Path]:
    """A locked folder beside ``out``: one of this content that was left half done, or else a new one."""
    with ExitStack() as lock:
        for left in sorted(out.parent.glob(f".{glob.escape(out.name)}.????????.tmp")):
            if _taken_over(left, content, lock):
                yield left
                return
        draft = out.parent / f".{out.name}.{secrets.token_hex(4)}.tmp"
        draft.mkdir()
        try:
            lock.enter_context(_locked(draft))
            (draft / _CONTENT).write_text(content, "utf-8")
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        yield draft


def _taken_over(left: Path, content: str, lock: ExitStack) -> bool:
    """Whether a draft was abandoned and is of this content; ``lock`` then holds it. Another one is removed."""
    with suppress(OSError), ExitStack() as held:  # its writer is at work, or has ended this moment
        held.enter_context(_locked(left))
        if (left / _CONTENT).is_file() and (left / _CONTENT).read_bytes() == content.encode():
            lock.push(held.pop_all())
            return True
        shutil.rmtree(left)
    return False


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
