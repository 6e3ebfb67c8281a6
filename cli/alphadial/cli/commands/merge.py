"""``alphadial merge``: theta(alpha) as a Hugging Face folder."""

from __future__ import annotations

from typing import Annotated

import typer

from alphadial.cli.options import FamilyArgument, JsonOption, OutOption


def merge(
    family: FamilyArgument,
    alpha: Annotated[str, typer.Option("--alpha", metavar="A", help="On the grid k/256, within the family's range.")],
    out: OutOption,
    json_to: JsonOption = None,
) -> None:
    """Write theta(alpha) of a family as a folder that transformers and vLLM load."""
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.output import STDOUT, check_json_target, print_line, say, write_json
    from alphadial.merge_engine import check_alpha, load_family, model_name

    loaded = load_family(family)
    value = check_alpha(alpha, loaded)
    check_json_target(json_to)

    from alphadial.merge_engine import merge_to_folder

    report = merge_to_folder(loaded, value, out)
    keeps(f"the merged checkpoint is in {out}")
    if json_to is not None:
        facts = {"weights_id": report.weights_id, "bytes": report.bytes_written, "out": str(out)}
        write_json(json_to, {"family": loaded.name, "alpha": report.alpha, **facts, "warnings": list(report.warnings)})
    for warning in report.warnings:
        say(f"warning: {warning}")
    if json_to != STDOUT:
        size = f"{report.bytes_written / 1e6:.1f} MB in {report.seconds:.2f} s"
        print_line(f"{model_name(loaded, value)} -> {out} ({size})")
        print_line(f"weights id {report.weights_id}")
