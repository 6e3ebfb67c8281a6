from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alphadial.envs import FailureKind, Problem, ProblemError, Verdict
from alphadial.envs.judging import Judge
from alphadial.envs.problems import find_problem, load_split
from alphadial.envs.problems.workspaces import tasks as build
from alphadial.envs.sandbox import open_sandbox

from .workspace_programs import PROGRAMS


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox) as opened:
        yield opened


def test_the_set() -> None:
    problems = load_split("workspaces", "test").problems
    assert [problem.id for problem in problems] == list(PROGRAMS)
    for problem in problems:
        assert "solution.py" in problem.files
        assert {test.level for test in problem.tests} == {1, 2, 3, 4}
        assert [test.level for test in problem.tests if test.public] == [1, 1]
    assert find_problem("workspaces", "ledger") is problems[0]
    with pytest.raises(ProblemError, match="no split 'train'"):
        load_split("workspaces", "train")
    with pytest.raises(ProblemError, match="ids look like 'ledger'"):
        find_problem("workspaces", "nothing")


def test_other_tests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "SHA256", "0" * 64)
    with pytest.raises(ProblemError, match="not 000000000000"):
        build.Workspaces().load("test")


@pytest.mark.parametrize("name", PROGRAMS)
def test_right_and_wrong(judge: Judge, name: str) -> None:
    problem = find_problem("workspaces", name)
    right, wrong = (judge.judge(problem, source) for source in PROGRAMS[name][:2])
    assert (right.verdict, right.level_reached) == (Verdict.AC, 4)
    assert right.cpu_s < problem.limits.cpu_s / 2
    assert (wrong.verdict, wrong.failure_kind) == (Verdict.WA, FailureKind.CORRECTNESS)


@pytest.mark.thorough
def test_what_is_given_does_not_solve_it(judge: Judge) -> None:
    quick = [replace(problem, limits=replace(problem.limits, cpu_s=1.0)) for problem in map(_find, PROGRAMS)]
    verdicts = [judge.judge(problem, problem.files["solution.py"]).verdict for problem in quick]
    assert verdicts == [Verdict.RTE, Verdict.WA, Verdict.TLE]


def _find(name: str) -> Problem:
    return find_problem("workspaces", name)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_slow(judge: Judge, name: str) -> None:
    problem = find_problem("workspaces", name)
    for factor in (1, 3):
        limits = replace(problem.limits, cpu_s=factor * problem.limits.cpu_s)
        report = judge.judge(replace(problem, limits=limits), PROGRAMS[name][2])
        assert (report.verdict, report.failure_kind) == (Verdict.TLE, FailureKind.OPTIMISATION)
