"""A frontier and a run in text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from rich.table import Table
from rich.text import Text

from alphadial.cli.output import cell
from alphadial.cli.visible import visible

_COLUMNS = (("solve", "green"), ("correctness_failure", "red"), ("optimisation_failure", "blue"))


def frontier_table(summary: dict[str, Any]) -> Table:
    """One line per alpha, then one per other checkpoint; rates in per cent with their 95 % intervals."""
    title = f"{summary['family']} on {summary['split']}: {summary['problems']} problems x {summary['samples']} samples"
    caption = f"temperature {summary['temperature']:g}; 95 % intervals, clustered by template"
    table = Table(
        "alpha",
        "solved %",
        "correctness failures %",
        "optimisation failures %",
        title=visible(title),
        caption=visible(caption),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    for column in table.columns:
        column.justify = "right"
    for row in summary["rows"]:
        table.add_row(Text(f"{row['alpha']:g}", "bold"), *_cells(row))
    for name, row in summary["checkpoints"].items():
        table.add_row(cell(name, "italic"), *_cells(row))
    return table


def run_table(summary: dict[str, Any]) -> Table:
    """Problems solved within k attempts, and below it what each alpha did."""
    whose = summary["family"] or summary["by_alpha"][0]["model"]
    title = f"{summary['controller']} on {whose} {summary['split']}: {summary['problems']} problems"
    caption = (
        f"{summary['attempts']:,} attempts, setting {summary['setting']}, temperature {summary['temperature']:g}; "
        "95 % intervals, clustered by template"
    )
    table = Table(
        "attempts", "solved %", "by alpha", title=visible(title), caption=visible(caption), box=None, pad_edge=False
    )
    table.title_justify = table.caption_justify = "left"
    used = [row for row in summary["by_alpha"] if row["attempts"]]
    for row, alpha in zip_longest(summary["rows"], used):
        k = Text(f"{row['k']}", "bold") if row else Text("")
        solved = _rate(row["solve"], row["solve_ci"], "green") if row else Text("")
        table.add_row(k, solved, _counts(alpha) if alpha else Text(""))
    if summary["unmeasurable"]:
        table.caption = visible(f"{caption}; {summary['unmeasurable']} unmeasurable")
    return table


def _counts(row: dict[str, Any]) -> Text:
    parts = (("solved", "solved", "green"), ("correctness", "wrong", "red"), ("optimisation", "too slow", "blue"))
    said = Text(", ").join(Text(f"{row[key]} {word}", style) for key, word, style in parts)
    name = row["model"] if row["alpha"] is None else f"{row['alpha']:>5g}"
    return Text.assemble((visible(name), "bold"), f"  {row['attempts']} attempts: ", said)


def _rate(value: float, interval: Sequence[float | None], style: str) -> Text:
    low, high = interval
    bounds = "" if low is None or high is None else f"  [{100 * low:4.1f}, {100 * high:4.1f}]"
    return Text.assemble((f"{value:5.1%}"[:-1], style), (bounds, "dim"))


def _cells(row: dict[str, Any]) -> Iterator[Text]:
    for name, style in _COLUMNS:
        if row[name] is None:
            yield Text("not measurable", "dim")
            continue
        yield _rate(row[name], row[f"{name}_ci"], style)
    if row["unmeasurable"]:
        yield Text(f"{row['unmeasurable']} unmeasurable", "magenta")
