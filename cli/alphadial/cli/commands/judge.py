"""``alphadial judge``: what the judge says of one program."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.options import JsonOption, SandboxOption

if TYPE_CHECKING:
    from rich.table import Table

    from alphadial.envs import JudgeReport


def judge(
    problem_id: Annotated[str, typer.Argument(metavar="PROBLEM", help="Id of a problem.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="A Python program, or - for stdin.")],
    coverage: Annotated[
        str | None,
        typer.Option("--coverage", metavar="NAME|LEVEL", help="Tests that must pass.", show_default="every level"),
    ] = None,
    all_tests: Annotated[
        bool, typer.Option("--all-tests", help="Go on after the first failing test, to see every level.")
    ] = False,
    problem_set: Annotated[str, typer.Option("--problem-set", metavar="NAME", help="Where to look.")] = "tiny-problems",
    sandbox: SandboxOption = "bubblewrap",
    json_to: JsonOption = None,
) -> None:
    """Judge a program: verdict, failure kind, levels and times. A failing program is a result too: exit status 0."""
    from alphadial.cli.output import STDOUT, check_json_target, read_source, results, write_json
    from alphadial.envs.judge import Judge
    from alphadial.envs.problems import find_problem
    from alphadial.envs.sandbox import open_sandbox

    problem = find_problem(problem_set, problem_id)
    wanted = int(coverage) if coverage is not None and coverage.isdecimal() else coverage
    source = read_source(file)
    check_json_target(json_to)
    with open_sandbox(sandbox) as opened, Judge(opened, workers=1) as bench:
        report = bench.judge(problem, source, coverage=wanted, all_tests=all_tests)
    if json_to is not None:
        write_json(json_to, {"problem": problem.id, "coverage": coverage, **asdict(report)})
    if json_to != STDOUT:
        results().print(headline(problem.id, report), soft_wrap=True)
        if report.tests:
            results().print(tests_table(report))


def headline(problem_id: str, report: JudgeReport) -> str:
    """Verdict, failure kind, level reached and cause, with rich's markup."""
    from rich.markup import escape

    from alphadial.cli.output import VERDICT_STYLES

    verdict = report.verdict or "unmeasurable"
    kind = f", {report.failure_kind} failure" if report.failure_kind else ""
    cause = f"; {escape(report.cause)}" if report.cause else ""
    style = VERDICT_STYLES.get(verdict, "red")
    return f"{escape(problem_id)}: [{style}]{verdict}[/]{kind}; level {report.level_reached} reached{cause}"


def tests_table(report: JudgeReport) -> Table:
    """One line per test that ran; never what was in it."""
    from rich.table import Table

    from alphadial.cli.output import VERDICT_STYLES

    table = Table("test", "level", "verdict", "steps", "CPU ms", box=None, pad_edge=False)
    for column in (0, 1, 3, 4):
        table.columns[column].justify = "right"
    for number, test in enumerate(report.tests, 1):
        style = VERDICT_STYLES.get(test.verdict, "red")
        steps = "" if test.steps is None else f"{test.steps:,}"
        table.add_row(str(number), str(test.level), f"[{style}]{test.verdict}[/]", steps, f"{test.cpu_s * 1e3:.2f}")
    return table
