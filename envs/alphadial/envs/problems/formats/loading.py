"""One way into every format."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from alphadial.envs.problems.formats import apps, harbor, kattis, swebench
from alphadial.envs.problems.formats.detect import ROWS, Format, detect, examine
from alphadial.envs.problems.formats.fields import mapping
from alphadial.envs.problems.formats.lines import COMPRESSED, describe
from alphadial.envs.problems.formats.packages import FormatError, LoadError, Package
from alphadial.envs.problems.formats.record_files import read_records
from alphadial.envs.problems.formats.tree import kind_of

_FILES = (".jsonl", ".json", ".csv", ".parquet")
_TO_CONVERT = {
    **dict.fromkeys((".zip", ".kpp"), "an archive: unpack it first"),
    ".zst": "compressed by zstd: unpack it first, with zstd -d",
}
_DEEPEST = 16
_LONGEST_SPLIT = 80
"""Characters of a split's name."""


def load(path: Path) -> Iterator[Package | LoadError]:
    """What a file, a package or a folder of them holds, one problem at a time; a fault for each that cannot be read.

    Files of a folder that hold no problems are passed over, and links to other folders are not followed. Nothing that
    is read is executed.
    """
    if fault := _unseen(path):
        yield fault
        return
    form = examine(path)
    if form is Format.FOLDER:
        yield from _folder(path)
    elif isinstance(form, Format):
        yield from _load(path, form, path.resolve().name)
    else:
        yield _unknown(path, form)


def _load(path: Path, form: Format, name: str) -> Iterator[Package | LoadError]:
    """What one package or file holds. Whatever nobody foresaw in it is a fault, and the others are still read."""
    try:
        if form is Format.KATTIS:
            yield from kattis.load(path, name)
        elif form is Format.HARBOR:
            yield from harbor.load(path, name)
        elif form is Format.SWEBENCH_FOLDER:
            yield from swebench.load(path)
        elif form is Format.APPS_FOLDER:
            yield from apps.load_folder(path, name)
        else:
            yield from _rows(path, form)
    except Exception as error:
        yield LoadError(path, None, f"cannot be read: {type(error).__name__}: {describe(error)}")


def _folder(root: Path) -> Iterator[Package | LoadError]:
    known = False
    for path in _walk(root, 0):
        form = None if isinstance(path, LoadError) else examine(path)
        if isinstance(path, LoadError):
            yield path
        elif isinstance(form, Format):
            known = True
            yield from _load(path, form, path.relative_to(root).as_posix())
        elif form is not None or ".jsonl" in path.suffixes:
            yield _unknown(path, form)
    if not known:
        yield LoadError(root, None, f"no problems in this folder; known formats: {', '.join(Format)}")


def _unseen(path: Path) -> LoadError | None:
    """Why nothing is to be seen there; None where something is."""
    try:
        path.stat()
    except FileNotFoundError:
        return LoadError(path, None, "no such file or folder")
    except (OSError, ValueError) as error:
        return LoadError(path, None, f"cannot be read: {describe(error)}")
    return None


def _unknown(path: Path, found: LoadError | None) -> LoadError:
    if path.suffix in _TO_CONVERT:
        return LoadError(path, None, _TO_CONVERT[path.suffix])
    if found is not None and _bare(path).suffix in _FILES:
        return found
    return LoadError(path, None, f"holds no problems in a known format: {', '.join(Format)}")


def _walk(folder: Path, depth: int) -> Iterator[Path | LoadError]:
    """Packages, and files that may hold problems."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        yield LoadError(folder, None, f"cannot be listed: {describe(error)}")
        return
    for entry in entries:
        kind = kind_of(entry)
        if kind == stat.S_IFDIR:
            yield from _enter(entry, depth)
        elif kind is None or _bare(entry).suffix in _FILES:
            yield _unseen(entry) or entry


def _enter(folder: Path, depth: int) -> Iterator[Path | LoadError]:
    if folder.is_symlink():
        yield LoadError(folder, None, "a link to a folder, which is not followed: name that folder itself")
    elif detect(folder) is not Format.FOLDER:
        yield folder
    elif depth < _DEEPEST:
        yield from _walk(folder, depth + 1)
    else:
        yield LoadError(folder, None, f"more than {_DEEPEST} folders within folders: name it itself")


def _rows(path: Path, form: Format) -> Iterator[Package | LoadError]:
    package = ROWS[form][1]
    for record in read_records(path):
        if isinstance(record, LoadError):
            yield record
            continue
        try:
            row = mapping(record.value, "the row")
            found = package(row, path, record.number)
        except FormatError as error:
            yield error.fault(path, record.line)
            continue
        split = row.get("split")
        yield replace(found, split=split) if isinstance(split, str) and len(split) <= _LONGEST_SPLIT else found


def _bare(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in COMPRESSED else path
