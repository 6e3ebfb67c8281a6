"""``alphadial export``: the attempts of a run for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a frontier or a run, finished or not.")],
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="csv, jsonl (JSON lines) or parquet.")
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="File to write.", show_default="RUN/attempts.FORMAT"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Write every attempt of a run as a row of a table: docs/attempts.md says what its columns are."""
    from alphadial.agents import export_attempts
    from alphadial.cli.errors import CliError
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.output import check_out_file, print_line

    if not run.is_dir():
        raise CliError(f"{run} is no folder: name one that alphadial frontier or run made")
    file = run / f"attempts.{format}" if out is None else out
    check_out_file(file)
    attempts = export_attempts(run, format, file, overwrite=overwrite)
    keeps(f"the attempts are in {file}")
    print_line(f"{attempts:,} attempts: {file} ({file.stat().st_size / 1e3:,.0f} kB)")
