"""Lines of text files, plain or compressed, one at a time."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from alphadial.envs.problems.formats.packages import FormatError, LoadError

LONGEST_LINE = 512 * 1024 * 1024
"""Bytes. A longer line, which may come from a few compressed ones, is a fault and is skipped."""
COMPRESSED = (".xz", ".gz", ".bz2")
_UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error)
_CHUNK = 1024 * 1024


def read_lines(path: Path, longest: int = LONGEST_LINE) -> Iterator[tuple[int, str] | LoadError]:
    """Each line that is not blank, with its number from 1 on; a fault for one that is too long or not UTF-8."""
    number = 0
    try:
        with open_bytes(path) as file:
            while line := file.readline(longest + 1):
                number += 1
                if len(line) > longest:
                    yield LoadError(path, number, f"longer than {longest:,} bytes")
                    _skip_line(file, line)
                    continue
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    yield LoadError(path, number, f"not UTF-8 at byte {error.start}: convert the file with iconv")
                    continue
                if text.strip():
                    yield number, text
    except _UNREADABLE as error:
        yield LoadError(path, number + 1, f"cannot be read further: {describe(error)}")


def read_data(path: Path, largest: int = LONGEST_LINE) -> bytes:
    """A whole file.

    Raises:
        FormatError: it cannot be read, or is larger than ``largest`` bytes.
    """
    try:
        with open_bytes(path) as file:
            data = file.read(largest + 1)
    except _UNREADABLE as error:
        raise FormatError(f"cannot be read: {describe(error)}", path=path) from None
    if len(data) > largest:
        raise FormatError(f"larger than {largest:,} bytes", path=path)
    return data


def read_text(path: Path, largest: int = LONGEST_LINE) -> str:
    """A whole file as text, exactly.

    Raises:
        FormatError: as ``read_data``, or it is not UTF-8.
    """
    data = read_data(path, largest)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(f"not UTF-8 at byte {error.start}", path=path, line=line) from None


def read_table(path: Path, largest: int = LONGEST_LINE) -> Iterator[tuple[int, dict[str, Any]] | LoadError]:
    """Each row of a CSV file under its header, with the line that it begins on; a fault for one that is broken.

    Raises:
        FormatError: as ``read_text``.
    """
    text = io.StringIO(read_text(path, largest).removeprefix("\ufeff"), newline="")
    reader = csv.reader(text, strict=True)  # else a quote that nothing closes makes one row of all that follow
    try:
        header = _cells(reader) or []
    except FormatError as error:
        yield error.fault(path, 1)
        return
    while True:
        line = reader.line_num + 1
        try:
            cells = _cells(reader)
        except FormatError as error:
            yield error.fault(path, line)
            continue
        if cells is None:
            return
        if cells and len(cells) != len(header):
            yield LoadError(path, line, f"has {len(cells)} fields, but the header has {len(header)}")
        elif cells:
            yield line, dict(zip(header, cells, strict=True))


def read_header(path: Path) -> list[str]:
    """The names in the first line of a CSV file; none where it cannot be read."""
    first = next(read_lines(path), None)
    if first is None or isinstance(first, LoadError):
        return []
    try:
        return _cells(csv.reader(io.StringIO(first[1], newline=""), strict=True)) or []
    except FormatError:
        return []


def open_bytes(path: Path) -> BinaryIO:
    """The bytes of a file, decompressed as its name ends (.xz, .gz, .bz2)."""
    if path.suffix == ".xz":
        return cast(BinaryIO, lzma.open(path))
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path))
    if path.suffix == ".bz2":
        return cast(BinaryIO, bz2.open(path))
    return path.open("rb")


def describe(error: BaseException) -> str:
    """The error in a few words, without the path that the fault names already."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _cells(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row; None at the end. The module's limit to a field, 128 KiB, is too low for tests and programs."""
    before = csv.field_size_limit(LONGEST_LINE)
    try:
        return next(reader)
    except StopIteration:
        return None
    except csv.Error as error:
        raise FormatError(f"not CSV: {error}") from None
    finally:
        csv.field_size_limit(before)


def _skip_line(file: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(_CHUNK)
