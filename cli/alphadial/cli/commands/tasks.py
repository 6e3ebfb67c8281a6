"""``alphadial tasks``: code bases as tasks, for others and from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alphadial.cli.options import BoxOption, JsonOption


def export_set(
    problem_set: Annotated[
        str,
        typer.Argument(metavar="SET", help="repositories, a path with tasks in any format that is read, or a class."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Gets a folder for each task.")],
    split: Annotated[str | None, typer.Option("--split", metavar="NAME", help="Only this.", show_default="all")] = None,
    base: Annotated[
        str,
        typer.Option(
            "--base",
            metavar="IMAGE",
            help="With Python 3.11, git and pytest: what tasks begin from that name our image.",
            show_default="alphadial/repository, which alphadial images build --box docker makes",
        ),
    ] = "",
    json_to: JsonOption = None,
) -> None:
    """Write tasks as Harbor task folders, with a verifier in a container of its own that grades as alphadial does.

    Read back, an exported task is the problem that it was. What cannot be exported is named with the reason.

    alphadial tasks export repositories --out tasks/
    """
    from alphadial.cli.output import STDOUT, check_json_target, print_line, say, write_json
    from alphadial.envs import export_tasks
    from alphadial.envs.harbor import BASE

    check_json_target(json_to)
    done = export_tasks(problem_set, out, split, base=base or BASE)
    for reason in done.refused.values():
        say(f"alphadial: left out: {reason}")
    if json_to is not None:
        write_json(json_to, {"folders": [*map(str, done.folders)], "refused": dict(done.refused)})
    if json_to != STDOUT:
        for folder in done.folders:
            print_line(str(folder))
        print_line(f"{len(done.folders):,} tasks: {out}, for example by harbor run -p {out} -a oracle")


def validate(
    problem_set: Annotated[
        str,
        typer.Argument(metavar="PATH", help="A task folder, a folder of them, rows, or repositories, which ship."),
    ],
    box: BoxOption = "rootfs",
    runs: Annotated[int, typer.Option("--runs", min=1, max=100, metavar="N", help="Of each state.")] = 3,
    problems: Annotated[
        str | None, typer.Option("--problems", metavar="ID,ID,...", help="Only these.", show_default="all")
    ] = None,
    quarantine: Annotated[
        bool,
        typer.Option(
            "--quarantine/--no-quarantine",
            help="Write tests that tell nothing into quarantine.json of each task folder: they count no more.",
        ),
    ] = True,
    allow_shared_verifier: Annotated[
        bool, typer.Option("--allow-shared-verifier", help="Run verifiers that what they verify can deceive.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for what was run; the same command goes on from there.",
            show_default="the one of PATH in runs/",
        ),
    ] = None,
    json_to: JsonOption = None,
) -> None:
    """Check tasks: their tests fail before the gold patch and pass with it, each time. Status 2 where one does not.

    Tests that end now one way and now the other, or that assert nothing, are quarantined: loading leaves them out.

    alphadial tasks validate repositories
    """
    from alphadial.cli.judging.validation import show_validation
    from alphadial.cli.options import split_list

    only = None if problems is None else split_list(problems, "--problems")
    show_validation(
        problem_set,
        out,
        json_to,
        box=box,
        runs=runs,
        problems=only,
        quarantine=quarantine,
        allow_shared_verifier=allow_shared_verifier,
    )
