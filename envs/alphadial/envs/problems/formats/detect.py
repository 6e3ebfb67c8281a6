"""The format that a path holds, told by its content."""

from __future__ import annotations

import stat
from collections.abc import Callable
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from alphadial.envs.problems.formats import (
    apps,
    codecontests,
    enamel,
    evalplus,
    harbor,
    humaneval,
    judging_jsonl,
    kattis,
    livecodebench,
    mbpp,
    swebench,
    taco,
)
from alphadial.envs.problems.formats.fields import Row
from alphadial.envs.problems.formats.packages import FormatError, LoadError, Package
from alphadial.envs.problems.formats.record_files import column_names, is_array, read_records, whole_file
from alphadial.envs.problems.formats.tree import kind_of

_ROWS_LOOKED_AT = 20


class Format(StrEnum):
    """What can be loaded."""

    FOLDER = "folder"
    """Of anything below."""
    KATTIS = "kattis"
    """A problem package, legacy or 2025-09."""
    HARBOR = "harbor"
    """A task folder: a code base, as docs/repository_tasks.md describes it."""
    SWEBENCH_FOLDER = "swebench-folder"
    """The tasks of a data set of SWE-bench 5."""
    APPS_FOLDER = "apps-folder"
    """One problem of the APPS archive."""
    JUDGING = "judging"
    """Rows of our own, with labelled submissions or without."""
    LIVECODEBENCH = "livecodebench"
    CODECONTESTS = "codecontests"
    TACO = "taco"
    APPS = "apps"
    EVALPLUS = "evalplus"
    HUMANEVAL = "humaneval"
    MBPP = "mbpp"
    ENAMEL = "enamel"
    SWEBENCH = "swebench"


Loader = Callable[[Row, Path, int | None], Package]
ROWS: dict[Format, tuple[frozenset[str], Loader]] = {
    Format.SWEBENCH: (swebench.KEYS, swebench.package),
    Format.LIVECODEBENCH: (livecodebench.KEYS, livecodebench.package),
    Format.CODECONTESTS: (codecontests.KEYS, codecontests.package),
    Format.TACO: (taco.KEYS, taco.package),
    Format.APPS: (apps.KEYS, apps.package),
    Format.EVALPLUS: (evalplus.KEYS, evalplus.package),
    Format.HUMANEVAL: (humaneval.KEYS, humaneval.package),
    Format.MBPP: (mbpp.KEYS, mbpp.package),
    Format.ENAMEL: (enamel.KEYS, enamel.package),
    Format.JUDGING: (judging_jsonl.KEYS, judging_jsonl.package),
}
"""Formats of one problem a row: the keys that tell them, those with more before those with less, and the loader."""


def detect(path: Path) -> Format | None:
    """The format of a file or folder; None where it is none of those known, or not there."""
    found = examine(path)
    return found if isinstance(found, Format) else None


def examine(path: Path) -> Format | LoadError | None:
    """Gives what ``detect`` gives, or why the beginning of a file cannot be read as what it seems to hold."""
    kind = kind_of(path)
    if kind == stat.S_IFREG:
        return _of_file(path)
    if kind != stat.S_IFDIR:
        return None
    if kattis.is_package(path):
        return Format.KATTIS
    if harbor.is_task(path):
        return Format.HARBOR
    if swebench.is_set(path):
        return Format.SWEBENCH_FOLDER
    if kind_of(path / apps.QUESTION) == stat.S_IFREG and kind_of(path / apps.INPUT_OUTPUT) is not None:
        return Format.APPS_FOLDER
    return Format.FOLDER


def row_format(row: Any) -> Format | None:
    """The format of a row."""
    if not isinstance(row, dict):
        return None
    return next((name for name, (keys, _) in ROWS.items() if keys <= row.keys()), None)


def _of_file(path: Path) -> Format | LoadError | None:
    try:
        names = column_names(path)
    except FormatError as error:
        return error.fault(path)
    if names is None:
        return _of_rows(path)
    if names:
        return row_format(dict.fromkeys(names))
    return next((record for record in read_records(path) if isinstance(record, LoadError)), None)


def _of_rows(path: Path) -> Format | LoadError | None:
    fault = None
    for record in islice(read_records(path), _ROWS_LOOKED_AT):
        if isinstance(record, LoadError):
            fault = fault or record
        elif found := row_format(record.value):
            return found
    if fault is None or is_array(path) or ".jsonl" in path.suffixes:
        return fault
    try:  # one value over many lines, which may be anything
        whole_file(path)
    except FormatError as error:
        return error.fault(path)
    return None
