"""A frontier and a run in text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from alphadial.cli.output import cell
from alphadial.cli.visible import visible

_KINDS = (
    ("solved", "solved", "green"),
    ("correctness", "wrong", "red"),
    ("optimisation", "too slow", "blue"),
    ("unmeasurable", "unmeasurable", "magenta"),
)
_NAMED = 3
"""Models that a title names, at most."""
_ALIKE = (("temperature", "temperature"), ("setting", "setting"), ("prompt", "strategy"))
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


def run_tables(summary: dict[str, Any]) -> Group:
    """Problems solved within k attempts, what each arm did, and what it all took."""
    names = dict.fromkeys(row["model"].partition("@")[0] for row in summary["by_arm"])
    whose = summary["family"] or " and ".join(list(names)[:_NAMED])
    title = f"{summary['controller']} on {whose} {summary['split']}: {summary['problems']} problems"
    attempts = _plain_table("within", "solved %", "attempts each")
    for row in summary["rows"]:
        solved = _rate(row["solve"], row["solve_ci"], "green")
        attempts.add_row(Text(f"{row['k']}", "bold"), solved, f"{row['attempts_mean']:.2f}")
    about = "95 % intervals, clustered by template"
    return Group(cell(title, "bold"), attempts, Text(about, "dim"), Text(""), _arms_table(summary), *_taken(summary))


def _arms_table(summary: dict[str, Any]) -> Table:
    """A line for each arm that was chosen."""
    used = [row for row in summary["by_arm"] if row["attempts"]]
    priced = summary["totals"]["cost"] is not None
    kinds = [kind for kind in _KINDS if kind[0] != "unmeasurable" or summary["unmeasurable"]]
    columns = ("arm", "attempts", *(word for _, word, _ in kinds), "tokens", "CPU s", *(["cost"] if priced else []))
    table = _plain_table(*columns)
    for row in used:
        counts = [Text(f"{row[kind]:,}", style) for kind, _, style in kinds]
        taken = row["totals"]
        tokens = f"{taken['prompt_tokens'] + taken['completion_tokens']:,}"
        cost = [f"{taken['cost']:.4g}"] if priced else []
        cpu = f"{taken['cpu_s']:,.1f}"
        table.add_row(cell(row["arm"], "bold"), f"{row['attempts']:,}", *counts, tokens, cpu, *cost)
    if left := len(summary["by_arm"]) - len(used):
        table.add_row(Text(f"{left} more, never chosen", "dim"))
    return table


def _taken(summary: dict[str, Any]) -> Iterator[Text]:
    """What all attempts had alike, and what they took."""
    said = [f"{name} {summary[key]}" for key, name in _ALIKE if summary[key] is not None]
    yield cell(", ".join([f"{summary['attempts']:,} attempts", *said]), "dim")
    total = summary["totals"]
    waited = total["model_s"] + total["tools_s"] + total["judge_s"]
    cost = "" if total["cost"] is None else f", cost {total['cost']:.4g}"
    yield cell(
        f"in all {total['prompt_tokens']:,} tokens read and {total['completion_tokens']:,} written, "
        f"{total['cpu_s']:,.1f} s of CPU by programs, {waited:,.1f} s of waiting for models, tools and judge{cost}",
        "dim",
    )


def _plain_table(*columns: str) -> Table:
    """A table without a frame, its first column on the left and numbers on the right."""
    table = Table(*columns, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


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
