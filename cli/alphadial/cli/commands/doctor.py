"""``alphadial doctor``: what this machine offers, and the command that mends each gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from alphadial.cli.options import JsonOption

if TYPE_CHECKING:
    from rich.table import Table

    from alphadial.envs.sandbox.probe import Check


def doctor(
    json_to: JsonOption = None,
) -> None:
    """Tell what this machine offers, each gap with the command that mends it. Status 0 if the sandbox works, else 2."""
    from alphadial.cli import host
    from alphadial.cli.boundary import USAGE
    from alphadial.cli.output import STDOUT, cell, check_json_target, print_line, results, write_json
    from alphadial.envs.sandbox import open_sandbox, probe
    from alphadial.envs.sandbox.boxes import box_probe

    check_json_target(json_to)
    found = {"host": host.checks(), "sandbox": probe.checks(), "boxes": box_probe.checks(), "languages": []}
    works = any(check.name == "sandbox" and check.ok for check in found["sandbox"])
    if works:
        with open_sandbox() as sandbox:
            found["languages"] = host.languages(sandbox)
    if json_to is not None:
        report = {where: [asdict(check) for check in checks] for where, checks in found.items()}
        write_json(json_to, {"sandbox_works": works, **report})
    if json_to != STDOUT:
        results().print(as_table([check for checks in found.values() for check in checks]))
        print_line(cell("the sandbox works", "green") if works else cell("the sandbox does not work", "red"))
    raise typer.Exit(0 if works else USAGE)


def as_table(checks: Sequence[Check]) -> Table:
    """One line per check; a gap is followed by what mends it."""
    from rich.table import Table

    from alphadial.cli.output import cell

    table = Table(box=None, pad_edge=False, show_header=False)
    for check in checks:
        mark = cell("ok", "green") if check.ok else cell("--", "yellow")
        table.add_row(mark, cell(check.name), cell(check.detail))
        if not check.ok and check.mend:
            table.add_row("", "", cell(f"mend: {check.mend}", "bold"))
    return table
