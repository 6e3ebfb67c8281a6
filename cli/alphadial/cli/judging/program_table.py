"""The tests of one program in a table."""

from __future__ import annotations

from rich.table import Table

from alphadial.cli.output import VERDICT_STYLES, cell
from alphadial.envs.types import MIB, JudgeReport, TestResult

_COLUMNS = ("test", "group", "level", "verdict", "steps", "CPU s", "MiB")
_SOMETIMES_EMPTY = ("group", "steps", "MiB")
_WORDS = ("test", "group", "verdict")


def program_table(report: JudgeReport) -> Table:
    """One line per test that ran; never what was in it. Columns that say nothing are left out."""
    rows = [_cells(test) for test in report.tests]
    columns = [name for name in _COLUMNS if name not in _SOMETIMES_EMPTY or any(row[name] for row in rows)]
    table = Table(*columns, box=None, pad_edge=False)
    for column, name in zip(table.columns, columns, strict=True):
        column.justify = "left" if name in _WORDS else "right"
    for row in rows:
        styles = {"verdict": VERDICT_STYLES.get(row["verdict"], "red")}
        table.add_row(*(cell(row[name], styles.get(name, "")) for name in columns))
    return table


def _cells(test: TestResult) -> dict[str, str]:
    return {
        "test": test.name,
        "group": test.group,
        "level": str(test.level),
        "verdict": test.verdict or "?",
        "steps": "" if test.steps is None else f"{test.steps:,}",
        "CPU s": f"{test.cpu_s:.3f}",
        "MiB": "" if test.peak_bytes is None else f"{test.peak_bytes / MIB:.1f}",
    }
