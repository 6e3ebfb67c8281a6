"""Which format a path holds, by its content."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from . import apps, codecontests, enamel, humaneval, judging_jsonl, kattis, livecodebench, taco
from .fields import Row
from .lines import read_lines, read_text
from .types import Fault, FormatError, Package

LARGEST_ARRAY = 256 * 1024 * 1024
"""Bytes of a file that is one JSON array: it cannot be streamed."""
_ROWS_LOOKED_AT = 20


class Format(StrEnum):
    """What can be loaded."""

    FOLDER = "folder"
    """Of anything below."""
    KATTIS = "kattis"
    """A problem package, legacy or 2025-09."""
    APPS_FOLDER = "apps-folder"
    """One problem of the APPS archive."""
    JUDGING = "judging"
    """Labelled judging sets."""
    LIVECODEBENCH = "livecodebench"
    CODECONTESTS = "codecontests"
    TACO = "taco"
    APPS = "apps"
    HUMANEVAL = "humaneval"
    ENAMEL = "enamel"


Loader = Callable[[Row, Path, int | None], Package]
ROWS: dict[Format, tuple[frozenset[str], Loader]] = {
    Format.JUDGING: (judging_jsonl.KEYS, judging_jsonl.package),
    Format.LIVECODEBENCH: (livecodebench.KEYS, livecodebench.package),
    Format.CODECONTESTS: (codecontests.KEYS, codecontests.package),
    Format.TACO: (taco.KEYS, taco.package),
    Format.APPS: (apps.KEYS, apps.package),
    Format.HUMANEVAL: (humaneval.KEYS, humaneval.package),
    Format.ENAMEL: (enamel.KEYS, enamel.package),
}
"""Formats of one problem a row: the keys that tell them, those with more before those with less, and the loader."""


def detect(path: Path) -> Format | None:
    """The format of a file or folder; None where it is none of those known, or not there."""
    if path.is_dir():
        if kattis.is_package(path):
            return Format.KATTIS
        if (path / apps.QUESTION).is_file() and (path / apps.INPUT_OUTPUT).exists():
            return Format.APPS_FOLDER
        return Format.FOLDER
    if not path.is_file():
        return None
    return next((found for row in _first_rows(path) if (found := row_format(row)) is not None), None)


def row_format(row: Any) -> Format | None:
    """The format of a row."""
    if not isinstance(row, dict):
        return None
    return next((name for name, (keys, _) in ROWS.items() if keys <= row.keys()), None)


def is_array(path: Path) -> bool:
    """Whether a file is one JSON array instead of one object a line."""
    first = next(iter(read_lines(path)), None)
    return not isinstance(first, Fault | None) and first[1].lstrip().startswith("[")


def is_table(path: Path) -> bool:
    """Whether it is a CSV file, by its name: nothing else tells one from text."""
    return ".csv" in path.suffixes


def _first_rows(path: Path) -> Iterator[Any]:
    if is_table(path):
        header = next((line[1] for line in read_lines(path) if not isinstance(line, Fault)), "")
        yield dict.fromkeys(next(csv.reader([header]), []))
        return
    if is_array(path):
        try:
            rows = json.loads(read_text(path, LARGEST_ARRAY).removeprefix("\ufeff"))
        except (FormatError, ValueError, RecursionError):
            return
        yield from rows[:_ROWS_LOOKED_AT]
        return
    for line in islice(read_lines(path), _ROWS_LOOKED_AT):
        try:
            yield None if isinstance(line, Fault) else json.loads(line[1])
        except (ValueError, RecursionError):
            continue
