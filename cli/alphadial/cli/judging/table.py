"""Rows and agreement in text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from alphadial.cli.judging.listing import UNKNOWN, listing, not_judged
from alphadial.cli.output import VERDICT_STYLES, cell
from alphadial.envs.judging.judged_rows import Row
from alphadial.envs.types import Verdict


def tables(rows: Sequence[Row], result: dict[str, Any]) -> Iterator[Table | str]:
    """Every solution, labels against verdicts, what disagrees or is left out, and the figures in a line or two."""
    apart_from = [row for row in rows if row.unjudged]
    left_out = [row for row in rows if row.not_calibrating is not None]
    rows = [row for row in rows if not row.unjudged]
    if rows:
        yield from listing(rows)
        yield ""
        yield counts(rows)
    if apart := [row for row in rows if row.agrees is False or row.judge_error]:
        yield ""
        yield "do not agree, or could not be judged:"
        yield from listing(apart)
    if left_out:
        yield ""
        yield not_calibrating(left_out)
    yield ""
    yield from not_judged(apart_from)
    yield from headline(rows, result)


def counts(rows: Sequence[Row]) -> Table:
    """One line per label, one column per verdict that came up."""
    seen = {row.verdict for row in rows}
    columns = [verdict for verdict in Verdict if verdict in seen] + ([None] if None in seen else [])
    table = Table("label", *(str(verdict or UNKNOWN) for verdict in columns), "agree", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for label in dict.fromkeys(row.expected for row in rows):
        here = [row for row in rows if row.expected == label]
        tally = Counter(row.verdict for row in here)
        cells = [cell(str(tally[verdict] or ""), VERDICT_STYLES.get(verdict or "", "red")) for verdict in columns]
        judged = [row.agrees for row in here if row.agrees is not None]
        agree = f"{sum(judged)}/{len(judged)}" if judged else ""
        table.add_row(cell(label or "(none)"), *cells, agree)
    return table


def not_calibrating(rows: Sequence[Row]) -> Table:
    """One line per accepted solution whose time does not count for the limit of its problem, and why."""
    table = Table("left out of the time limit", "language", "limit s", "why", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for column in (0, 3):
        table.columns[column].overflow = "fold"
    for row in rows:
        why = cell(row.not_calibrating or "")
        table.add_row(cell(f"{row.problem}/{row.submission}"), cell(row.language), f"{row.limit_s:g}", why)
    return table


def headline(rows: Sequence[Row], result: dict[str, Any]) -> Iterator[str]:
    """How many, how far they agree, what is left out, and how long it took."""
    problems = len({row.problem for row in rows})
    agree = f"; {_percent(result['agreement'])} of the labels that count agree" if result["labelled"] else ""
    languages = ", ".join(f"{count} {language}" for language, count in result["languages"].items())
    yield f"{len(rows)} solutions of {problems} problems ({languages}){agree}"
    if result["labelled"]:
        yield (
            f"all labels: {result['agreed']}/{result['labelled']}; agreeing at limits that leave out their own time: "
            f"{_percent(result['agreement_without_own_time'])}; doubtful: {result['doubtful']}; "
            f"borderline: {result['borderline']}; judge errors: {result['judge_errors']}"
        )
    minutes = ""
    if "minutes" in result:
        minutes = f"; {result['minutes']:.1f} minutes of judging to the first failing test"
        minutes += f", {result['extra_minutes']:.1f} more for other groups and to decide labels"
    yield f"run folder: {result['run']}{minutes}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
