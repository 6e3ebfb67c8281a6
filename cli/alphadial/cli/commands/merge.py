"""``alphadial merge``: theta(alpha) as Hugging Face folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphadial.cli.options import JsonOption, OutOption

if TYPE_CHECKING:
    from alphadial.merge_engine import MergeReport


def merge(
    source: Annotated[
        str, typer.Argument(metavar="FAMILY|LOW", help="A family's name or folder; or the folder of the model at 0.")
    ],
    alpha: Annotated[
        list[str],
        typer.Option("--alpha", metavar="A", help="On the grid k/256, within the family's range; may be repeated."),
    ],
    out: OutOption,
    high: Annotated[
        Path | None, typer.Argument(metavar="[HIGH]", help="The folder of the model at 1.", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read, written and held; do nothing.")
    ] = False,
    json_to: JsonOption = None,
) -> None:
    """Write theta(alpha) of a family, or of two folders, as a folder that transformers and vLLM load.

    Several alphas are made in one pass over the endpoints, each in a folder of its own in DIR. What was interrupted
    goes on after the last whole file when the same command is given again.

    [bold]alphadial merge tiny --alpha 1.25 --out tiny-1.25[/bold]
    [bold]alphadial merge ./low ./high --alpha 0.5 --alpha 1.5 --out merged[/bold]
    """
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.merge_progress import MergeProgress, say_plan
    from alphadial.cli.output import STDOUT, check_json_target, print_line, say, write_json
    from alphadial.merge_engine import (
        check_alpha,
        format_alpha,
        load_family,
        merge_to_folders,
        pair_of_folders,
        plan_merge,
    )

    check_json_target(json_to)
    family = load_family(source) if high is None else pair_of_folders(Path(source), high)
    alphas = list(dict.fromkeys(check_alpha(value, family) for value in alpha))
    plan = plan_merge(family, alphas)
    if dry_run:
        say_plan(plan, json_to)
        return
    outs: dict[float | str, Path] = {value: out if len(alphas) == 1 else out / format_alpha(value) for value in alphas}
    keeps("files that were whole are kept; the same command goes on from there")
    with MergeProgress(plan) as progress:
        reports = merge_to_folders(family, outs, progress.count)
    keeps(f"the merged checkpoint is in {out}")
    if json_to is not None:
        told = [_told(family.name, report) for report in reports]
        write_json(json_to, told[0] if len(told) == 1 else told)
    for warning in plan.warnings:
        say(f"warning: {warning}")
    if json_to != STDOUT:
        for report in reports:
            name = f"{family.name}@{format_alpha(report.alpha)}"
            size = f"{report.bytes_written / 1e6:,.1f} MB in {report.seconds:.2f} s"
            print_line(f"{name} -> {report.out} ({size})")
            print_line(f"weights id {report.weights_id}")


def _told(family: str, report: MergeReport) -> dict[str, Any]:
    return {
        "family": family,
        "alpha": report.alpha,
        "weights_id": report.weights_id,
        "bytes": report.bytes_written,
        "out": str(report.out),
        "warnings": list(report.warnings),
    }
