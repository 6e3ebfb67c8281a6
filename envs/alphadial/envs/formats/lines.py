"""Lines of text files, plain or compressed, one at a time."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from .types import Fault, FormatError

LONGEST_LINE = 512 * 1024 * 1024
"""Bytes. A longer line, which may come from a few compressed ones, is a fault and is skipped."""
COMPRESSED = (".xz", ".gz", ".bz2")
_UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error)
_CHUNK = 1024 * 1024


def read_lines(path: Path, longest: int = LONGEST_LINE) -> Iterator[tuple[int, str] | Fault]:
    """Each line that is not blank, with its number from 1 on; a fault for one that is too long or not UTF-8."""
    number = 0
    try:
        with open_bytes(path) as file:
            while line := file.readline(longest + 1):
                number += 1
                if len(line) > longest:
                    yield Fault(path, number, f"longer than {longest:,} bytes")
                    _skip_line(file, line)
                    continue
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    yield Fault(path, number, f"not UTF-8 at byte {error.start}: convert the file with iconv")
                    continue
                if text.strip():
                    yield number, text
    except _UNREADABLE as error:
        yield Fault(path, number + 1, f"cannot be read further: {describe(error)}")


def read_text(path: Path, largest: int = LONGEST_LINE) -> str:
    """A whole file as text, exactly.

    Raises:
        FormatError: it cannot be read, is larger than ``largest`` bytes, or is not UTF-8.
    """
    try:
        with open_bytes(path) as file:
            data = file.read(largest + 1)
    except _UNREADABLE as error:
        raise FormatError(f"cannot be read: {describe(error)}", path=path) from None
    if len(data) > largest:
        raise FormatError(f"larger than {largest:,} bytes", path=path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(f"not UTF-8 at byte {error.start}", path=path, line=line) from None


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


def _skip_line(file: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(_CHUNK)
