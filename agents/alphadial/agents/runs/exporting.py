"""The attempts of a run for other programs: as plain values, and as CSV, JSON lines or Parquet.

``docs/attempts.md`` says what the columns are.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, get_args, get_type_hints

from alphadial.agents.errors import MissingExtraError, OptionError
from alphadial.agents.runs.reading_runs import read_attempts
from alphadial.agents.types import Attempt
from alphadial.envs.folders import replacing

Row = dict[str, Any]
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'")
"""What a spreadsheet may take for the beginning of a formula, wide signs included, and the mark that defuses it: see
https://owasp.org/www-community/attacks/CSV_Injection."""
_AT_ONCE = 512
"""Rows of a row group of Parquet: transcripts can be large."""


def columns() -> dict[str, type]:
    """The columns of an attempt, in order: int, float or str. Some may hold nothing."""
    hints = get_type_hints(Attempt)
    return {field.name: (get_args(hints[field.name]) or (hints[field.name],))[0] for field in fields(Attempt)}


def load_attempts(folder: Path | str) -> Iterator[Row]:
    """The attempts of a run, finished or not, ordered by id: ``pandas.DataFrame(load_attempts("runs/mine"))``.

    Args:
        folder: of a run or a frontier.

    Returns:
        Each attempt as a mapping from column to value; None where there is none. They are read one after the other.

    Raises:
        StoreError: it is no such folder, is of another version, or a row is damaged.
    """
    names = tuple(columns())
    return ({name: getattr(attempt, name) for name in names} for attempt in read_attempts(Path(folder)))


def export_attempts(folder: Path | str, format: str, file: Path | str, *, overwrite: bool = False) -> int:
    """Writes the attempts of a run, finished or not, to a file, whole or not at all.

    Args:
        folder: of a run or a frontier.
        format: "csv", "jsonl" or "parquet".
        file: the file to make.
        overwrite: replaces a file that is there.

    Returns:
        How many attempts were written.

    Raises:
        OptionError: there is no such format, or the file is there already or cannot be written.
        MissingExtraError: Parquet is asked for, and pyarrow is not installed.
        StoreError: as ``load_attempts``.
    """
    if format not in FORMATS:
        raise OptionError(f"no format {format!r}: choose {', '.join(FORMATS)}")
    path = Path(file)
    if path.exists() and not overwrite:
        raise OptionError(f"{path} is there already: --overwrite replaces it, or choose another file")
    if format == "parquet" and find_spec("pyarrow") is None:
        raise MissingExtraError("Parquet needs pyarrow, which is not installed: pip install 'alphadial[parquet]'")
    try:
        with replacing(path) as draft:
            return FORMATS[format](load_attempts(folder), draft)
    except OSError as error:
        raise OptionError(f"cannot write {path}: {error.strerror}; choose another file") from error


def _write_csv(rows: Iterable[Row], file: Path) -> int:
    count = 0
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(columns())
        for row in rows:
            count += 1
            writer.writerow([_defused(value) if isinstance(value, str) else value for value in row.values()])
    return count


def _defused(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _write_json_lines(rows: Iterable[Row], file: Path) -> int:
    count = 0
    with file.open("w", encoding="utf-8") as stream:
        for row in rows:
            count += 1
            stream.write(json.dumps(row, allow_nan=False) + "\n")
    return count


def _write_parquet(rows: Iterable[Row], file: Path) -> int:
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    types = {int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
    schema = arrow.schema([(name, types[kind]) for name, kind in columns().items()])
    count, left = 0, iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(left, _AT_ONCE)):
            writer.write_table(arrow.Table.from_pylist(batch, schema))
            count += len(batch)
    return count


FORMATS: dict[str, Callable[[Iterable[Row], Path], int]] = {
    "csv": _write_csv,
    "jsonl": _write_json_lines,
    "parquet": _write_parquet,
}
"""Name to what writes it."""
