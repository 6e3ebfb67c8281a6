"""``alphadial judge``: what the judge says of one program, or of all solutions that come with problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from alphadial.cli.options import BoxOption, JsonOption, SandboxOption, SetWorkersOption, finite

_FILES = (".json", ".jsonl", ".csv", ".xz", ".gz", ".bz2")
"""No problem's id ends so."""
TargetArgument = Annotated[
    str,
    typer.Argument(metavar="PROBLEM|PATH", help="Id of a problem; or where problems are: a package, a folder, JSONL."),
]
FileArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE",
        help="A program: a source, a folder of its sources, or - for Python on stdin; of a repository a patch.",
        show_default="PATH's own",
    ),
]
CoverageOption = Annotated[
    str | None,
    typer.Option("--coverage", metavar="NAME|LEVEL", help="Tests that must pass.", show_default="every level"),
]
AllTestsOption = Annotated[
    bool, typer.Option("--all-tests", help="Go on after the first failing test, to see every level.")
]
ProblemSetOption = Annotated[
    str, typer.Option("--problem-set", metavar="NAME", help="Problem set that PROBLEM is looked up in.")
]
ProblemsOption = Annotated[
    str | None,
    typer.Option("--problems", metavar="ID,ID,...", help="Judge only these problems of PATH.", show_default="all"),
]
LimitOption = Annotated[
    float | None,
    typer.Option(
        "--limit",
        min=0.001,
        callback=finite,
        metavar="S",
        help="Time limit in CPU seconds per test, for the problems of PATH.",
        show_default="the package's",
    ),
]
PythonOption = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="python3|pypy3",
        help="Interpreter that runs the Python programs, for problems of PATH that read stdin.",
        show_default="pypy3 for Kattis packages and the judging sets made of them, where it works; else python3",
    ),
]
DoubtfulOption = Annotated[
    str | None,
    typer.Option(
        "--doubtful", metavar="FILE|P/S,...", help="Solutions of PATH (PROBLEM/NAME) whose labels do not count."
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for what was judged of PATH; the same command goes on from there.",
        show_default="the one of these settings in runs/",
    ),
]


def judge(
    target: TargetArgument,
    file: FileArgument = None,
    coverage: CoverageOption = None,
    all_tests: AllTestsOption = False,
    problem_set: ProblemSetOption = "tiny-problems",
    problems: ProblemsOption = None,
    limit: LimitOption = None,
    python: PythonOption = None,
    doubtful: DoubtfulOption = None,
    out: OutOption = None,
    sandbox: SandboxOption = "bubblewrap",
    box: BoxOption = "rootfs",
    workers: SetWorkersOption = None,
    json_to: JsonOption = None,
) -> None:
    """Judge a program, or the solutions that come with PATH against their labels. A failing program has status 0.

    Of a failing program the first test that decides is shown whole, though it be hidden: this is the tool of whoever
    sets problems.
    """
    there = Path(target).exists()
    if not there and (file is None or "/" in target or Path(target).suffix in _FILES):
        raise typer.BadParameter(f"no file or folder {target!r}; to judge a program: PROBLEM FILE")
    of_sets = {"--out": out, "--doubtful": doubtful}
    of_paths = {**of_sets, "--problems": problems, "--limit": limit, "--python": python}
    _refuse({} if file is None else of_sets if there else of_paths, f"{target} {file}")
    if there:
        from alphadial.cli.judging.judge_command import JudgeOptions, show_program, show_set

        options = JudgeOptions(
            Path(target), coverage, all_tests, problems, limit, python, doubtful, sandbox, box, workers
        )
        if file is None:
            show_set(options, out, json_to)
        else:
            show_program(options, file, json_to)
    else:
        assert file is not None
        _judge_program(target, file, coverage, all_tests, problem_set, sandbox, box, json_to)


def _refuse(options: Mapping[str, object], what: str) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise typer.BadParameter(f"leave out {', '.join(given)}, which has no meaning for {what!r}")


def _judge_program(
    problem_id: str,
    file: str,
    coverage: str | None,
    all_tests: bool,
    problem_set: str,
    sandbox: str,
    box: str,
    json_to: str | None,
) -> None:
    from alphadial.cli.failed_test import failed_test
    from alphadial.cli.judging.program_table import program_table
    from alphadial.cli.options import parse_coverage
    from alphadial.cli.output import STDOUT, check_json_target, headline, print_line, read_source, results, write_json
    from alphadial.envs.judging import Judge
    from alphadial.envs.problems import find_problem
    from alphadial.envs.sandbox import open_sandbox
    from alphadial.envs.sandbox.boxes.lazy_boxes import LazyBoxes

    problem = find_problem(problem_set, problem_id)
    source = read_source(file)
    check_json_target(json_to)
    with open_sandbox(sandbox) as opened, LazyBoxes(box) as boxes, Judge(opened, workers=1, boxes=boxes) as bench:
        report, failed = bench.explain(problem, source, parse_coverage(coverage), all_tests=all_tests)
    if json_to is not None:
        shown = None if failed is None else asdict(failed)
        write_json(json_to, {"problem": problem.id, "coverage": coverage, **asdict(report), "failed_test": shown})
    if json_to != STDOUT:
        outcome = headline(problem.id, report.verdict, report.failure_kind, report.level_reached, report.cause)
        print_line(outcome)
        if report.tests:
            results().print(program_table(report))
        if failed is not None:
            results().print(failed_test(failed, public=False))
