"""``alphadial problems``: which problems there are, and what one of them asks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from alphadial.cli.options import JsonOption

_SHOWN = 5
"""Lines of what cannot be read, or is odd; a set has as many problems as any."""


def problems(
    problem_set: Annotated[
        str | None,
        typer.Argument(
            metavar="[SET]",
            help="A set by its name, a package, a folder of them, a file of any format that the judge reads, or "
            "module:Class, which is imported.",
            show_default="lists the sets",
        ),
    ] = None,
    problem_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One problem of it.", show_default="lists all")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME|NAME:SHARE", help="List only this split.", show_default="all"),
    ] = None,
    json_to: JsonOption = None,
) -> None:
    """List sets of problems, the problems of a set, or show one: statement, limits, levels and public tests.

    Hidden tests are never shown, and nothing is run: tests are not made and limits not found for it.
    """
    from alphadial.cli.output import check_json_target

    if split is not None and (problem_set is None or problem_id is not None):
        raise typer.BadParameter("--split chooses among the problems of a SET: leave it out, or leave out ID")
    check_json_target(json_to)
    if problem_set is None:
        _show_sets(json_to)
    elif problem_id is None:
        _show_set(problem_set, split, json_to)
    else:
        _show_problem(problem_set, problem_id, json_to)


def _show_sets(json_to: str | None) -> None:
    from alphadial.cli.output import STDOUT, print_line, write_json
    from alphadial.cli.problem_list import set_line
    from alphadial.envs.problems import NAMES, survey

    found = [survey(name) for name in NAMES]
    if json_to is not None:
        write_json(json_to, [{"set": each.problem_set, "splits": each.splits, "groups": each.groups} for each in found])
    if json_to != STDOUT:
        for each in found:
            print_line(set_line(each))
        print_line("also: a package, a folder, a file of any format that the judge reads, or module:Class")


def _show_set(problem_set: str, split: str | None, json_to: str | None) -> None:
    from alphadial.cli.output import STDOUT, print_line, say, write_json
    from alphadial.cli.problem_list import problem_lines, set_line
    from alphadial.envs.problems import survey

    found = survey(problem_set, split)
    for fault in found.faults[:_SHOWN]:
        say(f"alphadial: {fault}")
    if len(found.faults) > _SHOWN:
        say(f"alphadial: and {len(found.faults) - _SHOWN:,} more such lines; --json FILE has all of them")
    if json_to is not None:
        rows = [asdict(each) for each in found.problems]
        write_json(json_to, {"set": found.problem_set, "problems": rows, "faults": [*map(str, found.faults)]})
    if json_to != STDOUT:
        for line in problem_lines(found.problems):
            print_line(line)
        print_line(set_line(found))


def _show_problem(problem_set: str, problem_id: str, json_to: str | None) -> None:
    from alphadial.cli.output import STDOUT, results, write_json
    from alphadial.cli.problem_page import problem_page
    from alphadial.envs.problems import find_package, shown

    package = find_package(problem_set, problem_id)
    if json_to is not None:
        write_json(json_to, shown(package))
    if json_to != STDOUT:
        for part in problem_page(package):
            results().print(part)
