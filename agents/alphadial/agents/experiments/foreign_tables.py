"""Outcome tables that others made, as CSV: a row per problem, a column per model, and features of the problems.

The first column is ``problem``. A column is a feature where its name is one of ``FEATURES`` or is declared, and
``template`` says which problems are made alike; every other column is a model. A cell says what became of the model's
attempts: how many were correct, or which share in per cent, or the verdict of the only one.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.experiments.compare.datasets import Notify, ReplayDataset
from alphadial.controller import Arm, Context, ControllerError, OutcomeKind, OutcomeLog
from alphadial.envs.problems.formats.features import READERS, known_features
from alphadial.envs.problems.formats.lines import read_text
from alphadial.envs.problems.formats.packages import FormatError

FEATURES = frozenset({*READERS, "date_ms", "level", "contest", "source", "topic", "category", "year", "language"})
"""Columns that are never models. ``date_ms``, in milliseconds since 1970, becomes ``date``, in days."""
PROBLEM, TEMPLATE = "problem", "template"
_BLANK = frozenset({"", "-", "na", "n/a", "nan", "none", "null"})
_KINDS = {
    "AC": OutcomeKind.SOLVED,
    **dict.fromkeys(("WA", "PE", "RTE", "RE", "CE", "OLE", "OTHER"), OutcomeKind.CORRECTNESS),
    **dict.fromkeys(("TLE", "MLE"), OutcomeKind.OPTIMISATION),
}
_OF = re.compile(r"(.*?)\s*\(n=(\d{1,9})\)\s*")
_PERCENT = 100
_DAY_MS = 86_400_000
_LARGEST = 2**28
"""Bytes of a file."""
_MOST_SAMPLES = 10_000
"""Of a cell: more would fill the memory, and teach nothing more."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The text of a table, its shape checked."""

    path: Path
    rows: list[dict[str, str]]
    """By column; those with a gap are left out."""
    features: tuple[str, ...]
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Column:
    """A model's column."""

    name: str
    samples: int | None
    """What its header says with ``(n=1)``; None: nothing."""


def load_outcome_csv(
    path: Path,
    *,
    samples: int | None = None,
    percent: bool = False,
    features: Collection[str] = (),
    temperature: float | None = None,
    notify: Notify = lambda text: None,
) -> ReplayDataset:
    """Reads a table of outcomes as a log whose arms are the models.

    A column of fewer samples than others, as one whose header says ``(n=1)``, has unmeasurable ones in their place.

    Args:
        path: the file; it may be compressed.
        samples: attempts that a cell stands for; None means the greatest number in any cell, or 100 for percentages.
        percent: whether cells are percentages; a cell that ends in % says so by itself.
        features: columns that are features too, beside ``FEATURES``.
        temperature: at which the models were sampled; None leaves it unsaid.
        notify: told what was left out or taken for granted.

    Raises:
        OutcomeTableError: it cannot be read, or says something else; one line that names the place.
    """
    sheet = _read(path, features, notify)
    columns = [_column(path, model) for model in sheet.models]
    try:
        arms = tuple(Arm(column.name, temperature=temperature) for column in columns)
        kinds = _kinds(sheet, columns, samples, percent, notify)
        log = OutcomeLog(arms, kinds, _contexts(sheet))
    except ControllerError as error:
        raise OutcomeTableError(f"{path}: {error}") from error
    return ReplayDataset(log, tuple(row.get(TEMPLATE) or row[PROBLEM] for row in sheet.rows))


def _read(path: Path, declared: Collection[str], notify: Notify) -> _Sheet:
    try:
        text = read_text(path, _LARGEST).removeprefix("\ufeff")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except FormatError as error:
        raise OutcomeTableError(str(error.fault(path))) from error
    except csv.Error as error:
        raise OutcomeTableError(f"{path} is not CSV: {error}") from error
    header = lines[0][1] if lines else []
    features, models = _split_header(path, header, declared)
    rows: dict[str, dict[str, str]] = {}
    gaps: list[tuple[str, str]] = []
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise OutcomeTableError(f"{path}, line {line}: {len(cells)} cells under a header of {len(header)}")
        row = dict(zip(header, cells, strict=True))
        name = row[PROBLEM]
        if not name or name in rows:
            raise OutcomeTableError(
                f"{path}, line {line}: problem {name!r:.80} {'is there twice' if name else 'has no name'}"
            )
        rows[name] = row
        if gap := next((model for model in models if row[model].lower() in _BLANK), None):
            gaps.append((name, gap))
    whole = [row for name, row in rows.items() if name not in dict(gaps)]
    if gaps:
        problem, model = gaps[0]
        said = f"{len(gaps)} of {len(rows)} problems have gaps, first {problem} for model {model}"
        if not whole:
            raise OutcomeTableError(f"{path}: {said}: nothing is left; take out the columns that have them")
        notify(f"{path}: {said}: they are left out")
    if not rows:
        raise OutcomeTableError(f"{path} has no problems: it needs a row for each under its header")
    return _Sheet(path, whole, features, models)


def _split_header(path: Path, header: list[str], declared: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Features and models."""
    if not header or header[0] != PROBLEM:
        found = f"{header[0]!r:.80}" if header else "nothing"
        raise OutcomeTableError(f"{path}: its first column must be {PROBLEM!r}, and is {found}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise OutcomeTableError(f"{path}: column {twice[0]!r:.80} is there twice")
    if unknown := sorted(set(declared) - set(header[1:])):
        raise OutcomeTableError(f"{path} has no column {unknown[0]!r:.80} that could be a feature")
    if "" in header:
        raise OutcomeTableError(f"{path}: column {header.index('') + 1} has no name")
    features = tuple(name for name in header[1:] if name in FEATURES or name in declared)
    models = tuple(name for name in header[1:] if name not in features and name != TEMPLATE)
    if not models:
        raise OutcomeTableError(f"{path} names no model: every column after {PROBLEM!r} is a feature")
    return features, models


def _column(path: Path, header: str) -> _Column:
    stated = _OF.fullmatch(header)
    if stated is None:
        return _Column(header, None)
    if int(stated[2]) < 1:
        raise OutcomeTableError(f"{path}: model {header!r:.80} has no samples: take its column out")
    return _Column(stated[1], int(stated[2]))


def _contexts(sheet: _Sheet) -> tuple[Context, ...]:
    numeric = {name for name in sheet.features if all(_is_number(row[name]) for row in sheet.rows if _has(row, name))}
    return tuple(
        Context(
            row[PROBLEM], features=_features({name: row[name] for name in sheet.features if _has(row, name)}, numeric)
        )
        for row in sheet.rows
    )


def _features(values: Mapping[str, str], numeric: Collection[str]) -> dict[str, float | str]:
    """What is said of one problem, as numbers where the whole column is of numbers; blanks are absent."""
    read: dict[str, float | str] = {name: float(value) if name in numeric else value for name, value in values.items()}
    since = read.pop("date_ms", None)
    if isinstance(since, float):
        read.setdefault("date", since / _DAY_MS)
    known = known_features(**{name: value for name, value in read.items() if name in READERS})
    return {name: value for name, value in read.items() if name not in READERS} | known


def _has(row: Mapping[str, str], feature: str) -> bool:
    return row[feature].lower() not in _BLANK


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _kinds(
    sheet: _Sheet, columns: Sequence[_Column], samples: int | None, percent: bool, notify: Notify
) -> npt.NDArray[np.uint8]:
    """(P, A, S): the cells as outcomes; in which order a cell's samples stand says nothing."""
    cells = [[row[model] for model in sheet.models] for row in sheet.rows]
    if any(cell.upper() in _KINDS for cell in cells[0]):
        words = [
            [_word(sheet, row, column, cell) for column, cell in enumerate(cells[row])] for row in range(len(cells))
        ]
        return np.array(words, dtype=np.uint8)[:, :, None]
    percent = percent or any(cell.endswith("%") for row in cells for cell in row)
    shares = np.array(
        [
            [_number(sheet, row, column, cell, percent) for column, cell in enumerate(cells[row])]
            for row in range(len(cells))
        ]
    )
    whole = _whole(sheet, columns, shares, samples, percent, notify)
    depths = np.array([column.samples or whole for column in columns])
    if depths.max() > _MOST_SAMPLES:
        raise OutcomeTableError(f"{sheet.path}: {depths.max():,} samples of a cell are more than {_MOST_SAMPLES:,}")
    solved, faulty = _solved(shares, depths, _PERCENT if percent else whole, percent)
    if faulty.any():
        row, column = (int(place) for place in np.argwhere(faulty)[0])
        raise OutcomeTableError(
            f"{_place(sheet, row, column)}: {cells[row][column]} is "
            + ("more than 100 %" if percent else f"no number of correct ones of {depths[column]} samples")
        )
    draws = np.arange(depths.max())
    failed = np.where(draws < depths[:, None], OutcomeKind.CORRECTNESS, OutcomeKind.UNMEASURABLE)
    return np.where(draws < solved[..., None], OutcomeKind.SOLVED, failed[None]).astype(np.uint8)


def _solved(
    shares: npt.NDArray[np.float64], depths: npt.NDArray[np.int64], whole: int, rounded: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """(P, A): correct samples, and whether a cell can be no such number.

    Tables write a column of fewer samples in two ways: as counts of its own samples, or scaled to those of the others,
    so that 10 stands for the one sample of a column ``(n=1)`` in a table of ten. The second is taken where a cell of
    the column exceeds its own samples.
    """
    scaled = (shares > depths).any(axis=0) | rounded
    solved = np.where(scaled, shares * depths / whole, shares)
    counts = np.rint(solved).astype(np.int64)
    return counts, (counts > depths) | ((solved != counts) & (not rounded))


def _whole(
    sheet: _Sheet,
    columns: Sequence[_Column],
    shares: npt.NDArray[np.float64],
    samples: int | None,
    percent: bool,
    notify: Notify,
) -> int:
    """The samples of a cell where its column says nothing else."""
    if samples is not None:
        if samples < 1:
            raise OutcomeTableError(f"a cell stands for at least one sample, not {samples}")
        return samples
    unsaid = [place for place, column in enumerate(columns) if column.samples is None]
    if not unsaid:
        return max(column.samples or 1 for column in columns)
    greatest = _PERCENT if percent else int(shares[:, unsaid].max())
    if greatest == 0:
        raise OutcomeTableError(f"{sheet.path}: no attempt solved anything, so say of how many samples the cells are")
    notify(f"{sheet.path}: cells are taken as of {greatest} samples" + ("" if percent else ", the most in any of them"))
    return greatest


def _word(sheet: _Sheet, row: int, column: int, cell: str) -> OutcomeKind:
    kind = _KINDS.get(cell.upper())
    if kind is None:
        raise OutcomeTableError(
            f"{_place(sheet, row, column)}: {cell!r:.40} is no verdict; they are {', '.join(_KINDS)}"
        )
    return kind


def _number(sheet: _Sheet, row: int, column: int, cell: str, percent: bool) -> float:
    text = cell.removesuffix("%")
    value = float(text) if _is_number(text) else -1.0
    if value < 0 or (not percent and value != int(value)):
        wanted = "a percentage" if percent else "a number of correct samples, or a verdict such as AC"
        raise OutcomeTableError(f"{_place(sheet, row, column)}: {cell!r:.40} is not {wanted}")
    return value


def _place(sheet: _Sheet, row: int, column: int) -> str:
    return f"{sheet.path}, problem {sheet.rows[row][PROBLEM]:.80}, model {sheet.models[column]:.80}"
