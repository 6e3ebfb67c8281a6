"""Sets of problems, and the problems of one, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alphadial.cli.visible import visible
from alphadial.envs.problems.overview import Overview, ProblemLine

_COLUMNS = ("problem", "split", "template", "group", "tests", "public", "levels", "limit", "programs")
_NUMBERS = ("tests", "public", "levels", "programs")
_LONGEST = 60
"""Characters of one cell."""
_GROUPS = 4
"""Groups that a line names."""


def set_line(overview: Overview) -> str:
    """How much a set holds, in a line."""
    parts = [f"{len(overview.problems):,} problems"]
    if overview.splits:
        parts.append(", ".join(f"{name} {count:,}" for name, count in overview.splits.items()))
    if overview.templates < len(overview.problems):
        parts.append(f"{overview.templates:,} templates")
    if overview.groups:
        named = [f"{name} {count:,}" for name, count in overview.groups.items()]
        more = f" and {len(named) - _GROUPS:,} more" if len(named) > _GROUPS else ""
        parts.append(f"groups {', '.join(named[:_GROUPS])}{more}")
    if unstated := sum(not problem.stated for problem in overview.problems):
        parts.append(f"{unstated:,} without a statement, which nobody can attempt")
    return visible(f"{overview.problem_set}: {'; '.join(parts)}")


def problem_lines(problems: Sequence[ProblemLine]) -> Iterator[str]:
    """A heading, then a line for each problem. Columns that say nothing are left out.

    Made by hand: a table of rich's takes minutes for some ten thousand rows.
    """
    rows = [_cells(problem) for problem in problems]
    columns = [name for name in _COLUMNS if any(row[name] for row in rows)]
    table = [dict(zip(columns, columns, strict=True)), *rows]
    widths = {name: max(len(row[name]) for row in table) for name in columns}
    for row in table:
        cells = (
            row[name].rjust(widths[name]) if name in _NUMBERS else row[name].ljust(widths[name]) for name in columns
        )
        yield "  ".join(cells).rstrip()


def limit_words(steps: int | None, limit_s: float | None) -> str:
    """A time limit as people say it."""
    if steps is not None:
        return f"{steps:,} steps"
    return "from its programs" if limit_s is None else f"{limit_s:g} s"


def _cells(problem: ProblemLine) -> dict[str, str]:
    cells = {
        "problem": problem.id,
        "split": problem.split,
        "template": problem.template if problem.template != problem.id else "",
        "group": problem.group,
        "tests": str(problem.tests) if problem.tests else "made",
        "public": str(problem.public_tests or ""),
        "levels": str(problem.levels) if problem.levels > 1 else "",
        "limit": limit_words(problem.steps, problem.limit_s),
        "programs": str(problem.programs or ""),
    }
    return {name: visible(text[:_LONGEST]) for name, text in cells.items()}
