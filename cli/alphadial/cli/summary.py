"""A frontier in text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from alphadial.agents.run_folder import RunFolder
    from alphadial.agents.types import Attempt

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
        title=title,
        caption=caption,
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
        table.add_row(Text(name, "italic"), *_cells(row))
    return table


def _cells(row: dict[str, Any]) -> Iterator[Text]:
    for name, style in _COLUMNS:
        if row[name] is None:
            yield Text("not measurable", "dim")
            continue
        low, high = row[f"{name}_ci"]
        yield Text.assemble((f"{row[name]:5.1%}"[:-1], style), (f"  [{100 * low:4.1f}, {100 * high:4.1f}]", "dim"))
    if row["unmeasurable"]:
        yield Text(f"{row['unmeasurable']} unmeasurable", "magenta")


def examples(folder: RunFolder) -> Iterator[str]:
    """Two attempts worth a look: one problem that a low alpha answers too slowly and a higher one solves."""
    slow: dict[str, Attempt] = {}
    solved: dict[str, Attempt] = {}
    for attempt in folder.store.attempts():
        if attempt.alpha is not None and attempt.failure_kind == "optimisation" and attempt.alpha <= 0:
            slow.setdefault(attempt.problem, attempt)
        elif attempt.alpha is not None and attempt.failure_kind is None and attempt.alpha >= 1:
            solved.setdefault(attempt.problem, attempt)
    both = sorted(slow.keys() & solved.keys())
    for attempt, what in ((slow[both[0]], "too slow"), (solved[both[0]], "solved")) if both else ():
        yield f"{what}: alphadial show {attempt.id} --run {folder.path}"
