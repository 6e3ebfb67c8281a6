"""``alphadial merge``: theta(alpha) as Hugging Face folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphadial.cli.options import JsonOption, OutOption

if TYPE_CHECKING:
    from alphadial.merge_engine import Family, MergeReport


_SourceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[FAMILY|LOW]", help="A family's name or folder; or the folder of the model at 0.", show_default=False
    ),
]
_HighArgument = Annotated[
    Path | None, typer.Argument(metavar="[HIGH]", help="The folder of the model at 1.", show_default=False)
]
_AlphaOption = Annotated[
    list[str] | None,
    typer.Option(
        "--alpha",
        metavar="A",
        help="On the grid k/256, within the family's range; may be repeated.",
        show_default="what mergekit makes, with --from-mergekit",
    ),
]
_RecipeOption = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        help="Merge by this recipe: method, models and weights, parameters, alphas by pattern; JSON.",
        show_default=False,
    ),
]
_MergekitOption = Annotated[
    Path | None,
    typer.Option(
        "--from-mergekit",
        metavar="FILE",
        help="Merge what a YAML of mergekit names: linear, task_arithmetic or slerp.",
        show_default=False,
    ),
]


def merge(
    out: OutOption,
    source: _SourceArgument = None,
    high: _HighArgument = None,
    alpha: _AlphaOption = None,
    recipe: _RecipeOption = None,
    from_mergekit: _MergekitOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read, written and held; do nothing.")
    ] = False,
    json_to: JsonOption = None,
) -> None:
    """Write theta(alpha) of a family, or of other folders, as a folder that transformers and vLLM load.

    Several alphas are made in one pass over the checkpoints, each in a folder of its own in DIR. What was interrupted
    goes on after the last whole file when the same command is given again. Two LoRA adapters of one model give an
    adapter, of both ranks together.

    [bold]alphadial merge tiny --alpha 1.25 --out tiny-1.25[/bold]
    [bold]alphadial merge ./low ./high --alpha 0.5 --alpha 1.5 --out merged[/bold]
    [bold]alphadial merge --recipe soup.json --alpha 1 --out merged[/bold]
    [bold]alphadial merge --from-mergekit config.yml --out merged[/bold]
    """
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.merge_progress import MergeProgress, say_plan
    from alphadial.cli.output import STDOUT, check_json_target, print_line, say, write_json
    from alphadial.merge_engine import check_alpha, format_alpha, merge_to_folders, plan_merge

    check_json_target(json_to)
    family, asked = _what(source, high, alpha or [], recipe, from_mergekit)
    alphas = list(dict.fromkeys(check_alpha(value, family) for value in asked))
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


def _what(
    source: str | None, high: Path | None, alphas: Sequence[str], recipe: Path | None, from_mergekit: Path | None
) -> tuple[Family, Sequence[float | str]]:
    """What is to be merged, and the alphas."""
    from alphadial.merge_engine import load_family, pair_of_folders, read_mergekit, read_recipe

    if from_mergekit is not None:
        if source is not None or recipe is not None:
            raise typer.BadParameter("--from-mergekit names the models and how they are merged: leave out the rest")
        family, own = read_mergekit(from_mergekit)
        return family, alphas or [own]
    if not alphas:
        raise typer.BadParameter("name an alpha: --alpha A")
    named = None
    if source is not None:
        named = load_family(source) if high is None else pair_of_folders(Path(source), high)
    if recipe is not None:
        return read_recipe(recipe, named), alphas
    if named is None:
        raise typer.BadParameter("name what to merge: FAMILY, LOW HIGH, --recipe FILE or --from-mergekit FILE")
    return named, alphas


def _told(family: str, report: MergeReport) -> dict[str, Any]:
    return {
        "family": family,
        "alpha": report.alpha,
        "weights_id": report.weights_id,
        "bytes": report.bytes_written,
        "out": str(report.out),
        "warnings": list(report.warnings),
    }
