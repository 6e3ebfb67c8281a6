"""What several alphas solve together, and what extrapolation opens, in text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from alphadial.cli.comparison_table import WIDE, estimate
from alphadial.cli.visible import visible
from alphadial.controller import Arm

_SHOWN_ARMS = 3


def ensemble_table(summary: dict[str, Any], family: str, width: int) -> Table | None:
    """The ensembles of one family, k by k; None where there are none."""
    rows = [row for row in summary.get("ensembles", ()) if row["family"] == family]
    if not rows:
        return None
    wide = width >= WIDE
    table = Table(
        title=visible(f"{family} on {summary['split']}: k attempts spread over arms, as dev chose"),
        caption="each goes where most of dev is left unsolved; 95 % intervals, paired, by template",
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("k", "drawn from", "solved %", "all - this", *(("attempts",) if wide else ())):
        table.add_column(name, justify="right" if name == "k" else "left", no_wrap=True)
    for k in dict.fromkeys(row["k"] for row in rows):
        for row in rows:
            if row["k"] == k:
                gain = estimate(row, "all_minus", signed=True) if row["all_minus"] else ""
                solved = estimate(row, "solve", signed=False)
                table.add_row(str(k), visible(row["name"]), solved, gain, *([drawn(row["arms"])] if wide else ()))
        table.add_row()
    return table


def drawn(arms: Sequence[dict[str, Any]]) -> str:
    """The arms of an ensemble with their attempts, as far as there is room."""
    named = [f"{each['attempts']} x {visible(str(Arm.from_json(each['arm'])))}" for each in arms]
    left = len(named) - _SHOWN_ARMS
    return ", ".join(named[:_SHOWN_ARMS]) + (f" and {left} more" if left > 0 else "")


def opened_lines(summary: dict[str, Any]) -> Iterator[str]:
    """What extrapolated alphas open, a line for each family."""
    several = len(summary.get("opened", ())) > 1
    for row in summary.get("opened", ()):
        named = f"{visible(row['family'])}: " if several else ""
        yield f"{named}{opened_words(row)}"


def opened_words(row: dict[str, Any]) -> str:
    """One such line."""
    control = (
        f"{row['fresh_samples']} fresh samples of {visible(row['best_inside'])} open {row['control']}"
        if row["control"] is not None
        else f"no fresh samples of {visible(row['best_inside'])} are at hand to hold against it"
    )
    return (
        f"extrapolation opens {row['opened']} of the {row['missed']} problems that all of [0, 1] misses in "
        f"{row['samples']} samples each: {row['below']} below 0, {row['above']} above 1; {control}"
    )
