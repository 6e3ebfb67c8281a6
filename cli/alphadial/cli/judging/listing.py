"""Every solution in text: its verdict, its groups of tests, the first test that it fails and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from alphadial.envs.judging.judged_rows import Row
from alphadial.envs.judging.verdicts import telling_line
from alphadial.envs.problems.formats.packages import KATTIS_PYTHON
from alphadial.envs.types import Verdict

UNKNOWN = "?"
_TOO_OLD = "PyPy may be too old for it: if it needs a newer Python, judge it with --python python3"
_LONGEST_NOTE = 300
"""Characters of a line that a program or a validator wrote."""


def listing(rows: Sequence[Row]) -> Iterator[str]:
    """Lists problems: the name of each, then its solutions with what there is to say of them."""
    for _, of_one in groupby(rows, key=lambda row: (row.problem, row.source, row.limit_s)):
        here = list(of_one)
        first = here[0]
        yield f"{first.problem}: limit {first.limit_s:g} s ({first.limit_source})"
        table = [(row.submission, row.language, row.expected or "(none)") for row in here]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row, cells in zip(here, table, strict=True):
            padded = "  ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True))
            found = f"{row.verdict or UNKNOWN:3} {row.cpu_s:6.2f} s  {_agreement(row):10}  {_groups(row.groups)}"
            yield f"  {padded}  {found}".rstrip()
            yield from (f"      {note[:_LONGEST_NOTE]}" for note in notes(row))


def not_judged(rows: Sequence[Row]) -> Iterator[str]:
    """Which solutions are not for this judge, language by language."""
    ordered = sorted(rows, key=lambda row: row.language)
    for language, of_one in groupby(ordered, key=lambda row: row.language):
        names = [f"{row.problem}/{row.submission}" for row in of_one]
        yield f"not judged, for want of {language}: {len(names)} ({', '.join(names)})"


def notes(row: Row, *, failure: bool = True) -> Iterator[str]:
    """What there is to say of a solution, a line each; without ``failure`` all but which test it fails first."""
    if row.disagreement:
        yield f"does not agree: {row.disagreement}"
    if row.judge_error:
        yield f"judge error: {row.judge_error}"
    elif failure and row.verdict not in (Verdict.AC, None):
        cause = f" ({telling_line(row.cause)})" if row.cause else ""
        where = f"fails first on {row.first_failure}" if row.first_failure else "fails before any test"
        yield f"{where}{cause}"
    wanted = row.agrees is None or row.disagreement
    if wanted and row.language == KATTIS_PYTHON and row.verdict in (Verdict.CE, Verdict.RTE):
        yield _TOO_OLD
    yield from (f"validator: {line}" for line in row.message.splitlines() if line.strip())
    if row.not_counted:
        yield f"not counted: {', '.join(row.not_counted)}"


def _agreement(row: Row) -> str:
    if row.doubtful:
        return "doubtful"
    if row.borderline:
        return "borderline"
    return {True: "agrees", False: "DISAGREES", None: ""}[row.agrees]


def _groups(groups: Mapping[str, Verdict | None]) -> str:
    """The verdicts of the innermost groups."""
    outer = {group.rpartition("/")[0] for group in groups}
    return ", ".join(f"{group} {verdict or '-'}" for group, verdict in groups.items() if group not in outer)
