"""One way into every format."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import apps, kattis
from .detect import LARGEST_ARRAY, ROWS, Format, detect, is_array, is_table
from .fields import mapping, parse, sequence
from .lines import COMPRESSED, read_lines, read_text
from .types import Fault, FormatError, Package

_FILES = (".jsonl", ".json", ".csv")
_TO_CONVERT = {
    **dict.fromkeys((".zip", ".kpp"), "an archive: unpack it first"),
    ".zst": "compressed by zstd: unpack it first, with zstd -d",
    ".parquet": "Parquet is not read: convert it to JSON lines first",
}
_DEEPEST = 16


def load(path: Path) -> Iterator[Package | Fault]:
    """What a file, a package or a folder of them holds, one problem at a time; a fault for each that cannot be read.

    Files of a folder that hold no problems are passed over, and links to other folders are not followed. Nothing that
    is read is executed.
    """
    form = detect(path)
    if not path.exists():
        yield Fault(path, None, "no such file or folder")
    elif form is Format.FOLDER:
        yield from _folder(path)
    elif form is None:
        yield _unknown(path)
    else:
        yield from _load(path, form, path.resolve().name)


def _load(path: Path, form: Format, name: str) -> Iterator[Package | Fault]:
    if form is Format.KATTIS:
        yield from kattis.load(path, name)
    elif form is Format.APPS_FOLDER:
        yield from apps.load_folder(path, name)
    else:
        yield from _rows(path, form)


def _folder(root: Path) -> Iterator[Package | Fault]:
    found = False
    for path in _walk(root, 0):
        if isinstance(path, Fault):
            yield path
            continue
        form = detect(path)
        if form is not None:
            found = True
            yield from _load(path, form, path.relative_to(root).as_posix())
        elif ".jsonl" in path.suffixes:
            yield _unknown(path)
    if not found:
        yield Fault(root, None, f"no problems in this folder; known formats: {', '.join(Format)}")


def _unknown(path: Path) -> Fault:
    if path.suffix in _TO_CONVERT:
        return Fault(path, None, _TO_CONVERT[path.suffix])
    first = next(iter(read_lines(path)), None) if path.is_file() else None
    if isinstance(first, Fault):
        return first
    return Fault(path, None, f"holds no problems in a known format: {', '.join(Format)}")


def _walk(folder: Path, depth: int) -> Iterator[Path | Fault]:
    """Packages, and files that may hold problems."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        yield Fault(folder, None, f"cannot be listed: {error.strerror}")
        return
    for entry in entries:
        if entry.is_dir():
            if entry.is_symlink():
                yield Fault(entry, None, "a link to a folder, which is not followed: name that folder itself")
            elif detect(entry) is not Format.FOLDER:
                yield entry
            elif depth < _DEEPEST:
                yield from _walk(entry, depth + 1)
        elif entry.is_file() and _bare(entry).suffix in _FILES:
            yield entry


def _rows(path: Path, form: Format) -> Iterator[Package | Fault]:
    package = ROWS[form][1]
    for row in _table(path) if is_table(path) else _array(path) if is_array(path) else _objects(path):
        if isinstance(row, Fault):
            yield row
            continue
        line, value = row
        try:
            yield package(mapping(parse(value) if isinstance(value, str) else value, "the line"), path, line)
        except FormatError as error:
            yield error.fault(path, line)


def _objects(path: Path) -> Iterator[tuple[int, str] | Fault]:
    yield from read_lines(path)


def _array(path: Path) -> Iterator[tuple[int, Any] | Fault]:
    try:
        rows = sequence(parse(read_text(path, LARGEST_ARRAY).removeprefix("\ufeff"), "the file"), "the file")
    except FormatError as error:
        yield error.fault(path)
        return
    yield from enumerate(rows, 1)


def _table(path: Path) -> Iterator[tuple[int, Any] | Fault]:
    try:
        reader = csv.DictReader(read_text(path, LARGEST_ARRAY).removeprefix("\ufeff").splitlines(keepends=True))
        line = 2
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except FormatError as error:
        yield error.fault(path)
    except csv.Error as error:
        yield Fault(path, line, f"not CSV: {error}")


def _bare(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in COMPRESSED else path
