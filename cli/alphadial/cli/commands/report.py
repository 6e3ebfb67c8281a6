"""``alphadial report``: a run, or two of the same problems, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a frontier, a run or a compare.")],
    other: Annotated[
        Path | None, typer.Argument(metavar="RUN_B", help="Folder of a second run, to set both side by side.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="HTML file to write.", show_default="RUN/report.html, or RUN/report-pair.html"
        ),
    ] = None,
    transcripts: Annotated[
        int, typer.Option("--transcripts", min=0, metavar="N", help="Attempts shown in full, at most.")
    ] = 2000,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Draws the attempts that are shown, where there are more.")
    ] = 0,
    problem_set: Annotated[
        str | None,
        typer.Option(
            "--problem-set",
            metavar="NAME|PATH|module:Class",
            help="Looks the problems of RUN up there: needed where they have moved, or come from a class of yours.",
            show_default="the run's",
        ),
    ] = None,
) -> None:
    """Write one HTML file that holds a run: what it solved and with what, every attempt. Or two runs side by side."""
    from alphadial.cli.errors import CliError
    from alphadial.cli.extras import need
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.output import PAIR_FILE, REPORT_FILE, check_out_file, print_line, say

    file = run / (REPORT_FILE if other is None else PAIR_FILE) if out is None else out
    for folder in (run, other):
        if folder is not None and not folder.is_dir():
            raise CliError(f"{folder} is no folder: name one that alphadial frontier, run or compare made")
    check_out_file(file)
    if other is not None and problem_set is not None:
        raise CliError("--problem-set is for the report of one run: leave it out")
    need("the report", "plotly", extra="report")
    from alphadial.cli.report import write_pair, write_report

    if other is not None:
        written = write_pair(run, other, file)
    else:
        written = write_report(run, file, transcripts, seed, problem_set)
    keeps(f"the report is in {file}")
    if written.missing:
        say(f"the problems cannot be shown: {written.missing}")
    shown = f", {written.transcripts:,} of {written.attempts:,} attempts in full" if written.attempts else ""
    if other is not None:
        shown = f", {written.attempts:,} attempts of both"
    print_line(f"report: {file} ({written.size / 1e6:.1f} MB{shown})")
