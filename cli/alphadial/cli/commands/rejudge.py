"""``alphadial rejudge``: verdicts at other limits, coverages and checkers, from what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alphadial.cli.options import JsonOption, finite


def rejudge(
    records: Annotated[Path, typer.Argument(metavar="RECORDS", help="Run folder of alphadial judge PATH.")],
    limit: Annotated[
        float | None,
        typer.Option(
            "--limit", min=0.001, callback=finite, metavar="S", help="CPU seconds per test.", show_default="as judged"
        ),
    ] = None,
    limit_factor: Annotated[
        float,
        typer.Option("--limit-factor", min=0.001, callback=finite, metavar="F", help="Times the limits as judged."),
    ] = 1.0,
    coverage: Annotated[
        str | None,
        typer.Option("--coverage", metavar="NAME|LEVEL", help="Tests that must pass.", show_default="every level"),
    ] = None,
    checker: Annotated[
        str | None,
        typer.Option(
            "--checker",
            metavar="FLAGS",
            help="Flags of the default checker, as in problem.yaml: 'float_tolerance 1e-6 case_sensitive', or ''.",
            show_default="each problem's",
        ),
    ] = None,
    doubtful: Annotated[
        str | None,
        typer.Option("--doubtful", metavar="FILE|P/S,...", help="Solutions (PROBLEM/NAME) whose labels do not count."),
    ] = None,
    json_to: JsonOption = None,
) -> None:
    """Compute verdicts again under other terms, without running anything. --all-tests in judging makes most known."""
    from alphadial.cli.judging.judge_command import show_rejudged

    show_rejudged(records, limit, limit_factor, coverage, checker, doubtful, json_to)
