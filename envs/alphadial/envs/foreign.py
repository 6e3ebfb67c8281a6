"""What lies in a folder may come from anywhere: plain files, JSON of one meaning, and tables that carry no code.

A link would make us read or replace a file elsewhere, a pipe would let us wait for ever, and a trigger or a view would
run statements of its maker's whenever we touch a table.
"""

from __future__ import annotations

import json
import lzma
import math
import os
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from alphadial.envs.errors import ForeignError

LARGEST = 2**29
"""Bytes of a JSON file: far above what any command writes."""

COMPRESSED = ".xz"
"""The names of compressed JSON files end so."""
LARGEST_UNPACKED = 2**26
"""Bytes of JSON in a compressed file, of which a small one may hold any number."""
_UNPACKING_MEMORY = 2**27

Schema = frozenset[tuple[str, str, str, str]]
"""Of a database's tables and indices: kind, name, table, and the statement that made it."""


def check_folder(folder: Path) -> None:
    """Refuses a folder that holds more than files and folders of its own; one that is not there passes.

    Raises:
        ForeignError: it names the entry.
        OSError: the folder cannot be read.
    """
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        mode = entry.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise ForeignError(f"{entry} is a link, and what it leads to may be anyone's: put a copy in its place")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ForeignError(f"{entry} is no regular file: remove it")


def read_json(file: Path) -> Any:
    """What a JSON file holds; one whose name ends in .xz is compressed.

    Raises:
        ForeignError: it cannot be read, is no regular file, or holds something else or too much; the message names it.
    """
    try:
        with open(file, "rb", opener=_at_once) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise ForeignError(f"{file} is no regular file")
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise ForeignError(f"cannot read {file}: {error.strerror}") from error
    if len(data) > LARGEST:
        raise ForeignError(f"{file} is larger than {LARGEST:,} bytes")
    if file.suffix == COMPRESSED:
        data = _unpacked(data, file)
    try:
        return parse_json(data)
    except ValueError as error:
        raise ForeignError(f"{file} is not JSON: {error}") from error


def _unpacked(data: bytes, file: Path) -> bytes:
    try:
        unpacking = lzma.LZMADecompressor(lzma.FORMAT_XZ, _UNPACKING_MEMORY)
        found = unpacking.decompress(data, LARGEST_UNPACKED + 1)
    except lzma.LZMAError as error:
        raise ForeignError(f"{file} is no xz file that can be unpacked: {error}") from error
    if len(found) > LARGEST_UNPACKED:
        raise ForeignError(f"{file} unpacks to more than {LARGEST_UNPACKED:,} bytes")
    if not unpacking.eof or unpacking.unused_data:
        raise ForeignError(f"{file} is no whole xz file")
    return found


def parse_json(text: str | bytes) -> Any:
    """JSON in which every key occurs once and every number is finite.

    Raises:
        ValueError: it is something else, or nests too deeply.
    """
    text = text.decode() if isinstance(text, bytes) else text
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def check_tables(database: sqlite3.Connection, made: Schema, file: Path | str) -> None:
    """Refuses a database whose tables of these names were made in another way, or have more to them.

    Args:
        database: just opened, before anything is read from it or written into it.
        made: what ``schema`` gives of a database that this version made.
        file: what it is called in messages.

    Raises:
        ForeignError: it names what is strange.
        sqlite3.Error: it is no database.
    """
    names = {name.lower() for kind, name, _, _ in made if kind == "table"}
    for kind, name, table, statement in sorted(schema(database) - made):
        if table.lower() in names or name.lower() in names:
            raise ForeignError(
                f"{file}: its {kind} {name[:80]!r} is not one that this version makes ({statement[:80]!r}): use "
                "another folder, or the version of alphadial that made it"
            )


def schema(database: sqlite3.Connection) -> Schema:
    """What a database consists of, however its statements are spaced.

    Raises:
        sqlite3.Error: it is no database.
    """
    query = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema"
    rows: Iterable[Sequence[Any]] = database.execute(query)
    return frozenset((str(kind), str(name), str(table), " ".join(str(sql).split())) for kind, name, table, sql in rows)


def _at_once(path: str, flags: int) -> int:
    """Opens a file; a pipe without waiting for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:80]!r} occurs twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no finite number")
    return number
