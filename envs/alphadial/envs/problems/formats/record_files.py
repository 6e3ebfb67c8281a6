"""Rows of files with one problem a row: lines of JSON, one JSON array, CSV, or Parquet."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from alphadial.envs.problems.formats import parquet
from alphadial.envs.problems.formats.fields import parse
from alphadial.envs.problems.formats.lines import read_header, read_lines, read_table, read_text
from alphadial.envs.problems.formats.packages import FormatError, LoadError

LARGEST = 256 * 1024 * 1024
"""Bytes of a file that is one JSON array, or CSV: it is held whole."""
_DECODER = json.JSONDecoder()
_LENIENT = json.JSONDecoder(parse_int=float)
"""Gets past integers that are longer than Python reads."""
_HUGE = f"an integer of more than {sys.get_int_max_str_digits():,} digits"
_BLANK = re.compile(r"[ \t\r\n]*")


class Record(NamedTuple):
    """A row."""

    number: int
    """The line, or the place in the array: it names problems that have no name of their own."""
    line: int
    """Where it begins in the file."""
    value: Any


def read_records(path: Path) -> Iterator[Record | LoadError]:
    """Each row, and a fault for each that cannot be read."""
    try:
        yield from _reader(path)(path)
    except FormatError as error:
        yield error.fault(path)


def column_names(path: Path) -> list[str] | None:
    """The names of the columns of CSV or Parquet; None for other files.

    Raises:
        FormatError: it cannot be read as what its name says.
    """
    if parquet.is_parquet(path):
        return parquet.column_names(path)
    return read_header(path) if is_table(path) else None


def is_array(path: Path) -> bool:
    """Whether a file is one JSON array instead of one object a line."""
    lines = read_lines(path)
    first = next(lines, None)
    if isinstance(first, LoadError | None) or not first[1].lstrip().startswith("["):
        return False
    if next(lines, None) is None:
        return True
    try:
        json.loads(first[1])
    except (ValueError, RecursionError) as error:
        return isinstance(error, json.JSONDecodeError)
    return False  # but lines of JSON, of which the first is an array


def is_table(path: Path) -> bool:
    """Whether it is a CSV file, by its name: nothing else tells one from text."""
    return ".csv" in path.suffixes


def whole_file(path: Path) -> Any:
    """What a file of JSON holds that is neither an array nor one object a line.

    Raises:
        FormatError: it is no JSON.
    """
    try:
        return json.loads(read_text(path, LARGEST).removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise _not_json(path, error) from None


def _lines(path: Path) -> Iterator[Record | LoadError]:
    for line in read_lines(path):
        if isinstance(line, LoadError):
            yield line
            continue
        try:
            yield Record(line[0], line[0], parse(line[1]))
        except FormatError as error:
            yield error.fault(path, line[0])


def _array(path: Path) -> Iterator[Record | LoadError]:
    text = read_text(path, LARGEST)
    line, counted = 1, 0
    try:
        for number, (place, value) in enumerate(_elements(text), 1):
            line, counted = line + text.count("\n", counted, place), place
            yield value.fault(path, line) if isinstance(value, FormatError) else Record(number, line, value)
    except json.JSONDecodeError as error:
        raise _not_json(path, error) from None


def _elements(text: str) -> Iterator[tuple[int, Any]]:
    """Each element of an array with where it begins, so that those before a broken one are still had.

    Raises:
        json.JSONDecodeError: there is a broken one.
    """
    place = _past_blanks(text, text.index("[") + 1)
    ended = text.startswith("]", place)
    end = place
    while not ended:
        try:
            value, end = _DECODER.raw_decode(text, place)
        except json.JSONDecodeError:
            raise
        except RecursionError:
            raise json.JSONDecodeError("it nests too deeply", text, place) from None
        except ValueError:
            _, end = _LENIENT.raw_decode(text, place)
            value = FormatError(_HUGE)
        yield place, value
        end = _past_blanks(text, end)
        ended = text.startswith("]", end)
        if not (ended or text.startswith(",", end)):
            raise json.JSONDecodeError("an array goes on with ',' or ends with ']'", text, end)
        place = _past_blanks(text, end + 1)
    end = _past_blanks(text, end + 1)
    if end < len(text):
        raise json.JSONDecodeError("there is more after the array", text, end)


def _past_blanks(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


def _reader(path: Path) -> Callable[[Path], Iterator[Record | LoadError]]:
    if parquet.is_parquet(path):
        return _parquet
    return _table if is_table(path) else _array if is_array(path) else _lines


def _parquet(path: Path) -> Iterator[Record | LoadError]:
    for row in parquet.read_rows(path):
        yield row if isinstance(row, LoadError) else Record(row[0], row[0], row[1])


def _table(path: Path) -> Iterator[Record | LoadError]:
    for row in read_table(path, LARGEST):
        if isinstance(row, LoadError):
            yield row
        else:
            line, cells = row
            yield Record(line, line, cells)


def _not_json(path: Path, error: Exception) -> FormatError:
    if isinstance(error, json.JSONDecodeError):
        return FormatError(f"not JSON: {error.msg}", path=path, line=error.lineno)
    return FormatError("the file nests too deeply" if isinstance(error, RecursionError) else _HUGE, path=path)
