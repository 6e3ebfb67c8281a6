"""``alphadial list``: what can be chosen by name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from alphadial.cli.options import JsonOption


def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]",
            help="families, problem-sets, controllers, strategies, parsers, agents, languages or sandboxes.",
            show_default="all",
        ),
    ] = None,
    json_to: JsonOption = None,
) -> None:
    """List what options take by name, a line each: families, controllers, prompting strategies, languages and so on."""
    from rich.table import Table

    from alphadial.cli.catalogue import CATALOGUES, OPTIONS
    from alphadial.cli.errors import CliError
    from alphadial.cli.output import STDOUT, cell, check_json_target, print_line, results, write_json

    if kind is not None and kind not in CATALOGUES:
        raise CliError(f"nothing is listed as {kind!r}: choose {', '.join(CATALOGUES)}, or leave it out for all")
    check_json_target(json_to)
    found = {name: make() for name, make in CATALOGUES.items() if kind in (None, name)}
    if json_to is not None:
        write_json(json_to, {name: asdict(catalogue) for name, catalogue in found.items()})
    if json_to == STDOUT:
        return
    for number, (name, catalogue) in enumerate(found.items()):
        if number:
            print_line("")
        print_line(cell(f"{name} ({OPTIONS[name]})", "bold"))
        table = Table(box=None, pad_edge=False, show_header=False)
        for choice, line in catalogue.lines.items():
            table.add_row(cell(f"  {choice}", "cyan"), cell(line))
        if catalogue.own:
            table.add_row(cell("  or"), cell(catalogue.own))
        results().print(table)
