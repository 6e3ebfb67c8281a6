"""A comparison of controllers in text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from alphadial.agents.experiments.compare.entries import IN_SAMPLE, ORACLE
from alphadial.cli.output import cell
from alphadial.cli.visible import visible

_DIFFERENCES = ("minus_best_single", "minus_uniform")
_WIDE = 110
"""Columns of a terminal that shows everything."""
_SHORT = {IN_SAMPLE: "in-sample", ORACLE: "oracle"}
"""Names that leave a terminal of 80 columns its intervals."""


def comparison_table(summary: dict[str, Any], family: str, width: int) -> Table:
    """The rows of one family, k by k, with what stands beside them; in per cent, with 95 % intervals.

    On a narrow terminal, what dev chose is left to the JSON.
    """
    split, templates = summary["split"], summary["templates"]
    wide = width >= _WIDE
    table = Table(
        title=visible(
            f"{family} on {split}: {summary['problems']} problems, {summary['orders']} orders of "
            f"{summary['samples']} samples"
        ),
        caption=visible(
            f"T and alphas are chosen on dev, for each row and k; 95 % intervals, paired, clustered by the "
            f"{templates} templates; in italics: chosen on {split} itself"
        ),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in (
        "k",
        "controller",
        "solved %",
        "- best single",
        "- uniform",
        *(("T", "alphas", "attempts") if wide else ()),
    ):
        table.add_column(name, justify="right" if name in ("k", "T", "attempts") else "left", no_wrap=True)
    for k in dict.fromkeys(row["k"] for row in summary["rows"]):
        for rows, style in ((summary["rows"], "bold"), (summary["beside"], "italic")):
            for row in rows:
                if (row["k"], row["family"]) == (k, family):
                    name = _SHORT.get(row["controller"], row["controller"])
                    table.add_row(str(k), cell(name, style), *_rates(row), *(_chosen(row) if wide else ()))
        table.add_row()
    return table


def _rates(row: dict[str, Any]) -> Iterator[Text]:
    yield _estimate(row, "solve", "green", signed=False)
    for name in _DIFFERENCES:
        low, high = row[f"{name}_ci"]
        style = "" if low is None or low <= 0 <= high else "green" if low > 0 else "red"
        yield _estimate(row, name, style, signed=True)


def _chosen(row: dict[str, Any]) -> Iterator[str]:
    yield "" if row["temperature"] is None else f"{row['temperature']:g}"
    yield _spelled(row["alphas"])
    yield f"{row['attempts_mean']:.2f}" if "attempts_mean" in row else ""


def _estimate(row: dict[str, Any], name: str, style: str, *, signed: bool) -> Text:
    if row[name] is None:
        return Text("-", "dim")
    sign = "+" if signed else ""
    low, high = row[f"{name}_ci"]
    interval = "" if low is None else f" [{100 * low:{sign}.1f},{100 * high:{sign}.1f}]"
    return Text.assemble((f"{100 * row[name]:{sign}5.1f}", style), (interval, "dim"))


def _spelled(alphas: list[float] | None) -> str:
    if alphas is None:
        return ""
    if len(alphas) <= 2:
        return ", ".join(f"{alpha:g}" for alpha in alphas)
    return f"{len(alphas)} from {alphas[0]:g} to {alphas[-1]:g}"
