"""Problems whose tests call a function, judged beside those of stdin and stdout."""

from __future__ import annotations

import pytest

from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.judging import Judge
from alphadial.envs.judging.verdicts import report
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.warm import WarmProgram
from alphadial.envs.types import FailedTest, Limits, Problem, RunResult, Test, Verdict

from .labelled import labelled

SPIN = """
from time import process_time
def spin(seconds):
    began = process_time()
    while process_time() - began < seconds:
        pass
    return 0
"""

DOUBLE = Problem(
    *("double", "", "", "", "", "double"),
    tuple(Test(level, f"[{number}]", f"{2 * number}") for level, number in ((1, 1), (1, 2), (2, 3))),
    Limits(),
)


@pytest.mark.thorough
def test_a_program_that_breaks_the_sandbox_ends_there(monkeypatch: pytest.MonkeyPatch) -> None:
    call = WarmProgram.call

    def break_at_two(self: WarmProgram, input: str) -> RunResult:
        if input == "[2]":
            raise SandboxFailedError("broken")
        return call(self, input)

    monkeypatch.setattr(WarmProgram, "call", break_at_two)
    with open_sandbox() as sandbox:
        judge = Judge(sandbox, 1)
        record = judge.record(DOUBLE, labelled("s", "python3", {"main.py": "def double(n): return 2 * n"}), 0.5)
        judge.close()
    assert (len(record.tests), len(record.unrun)) == (2, 1)
    found = report(record, 0.5)
    assert (found.verdict, found.level_reached) == (Verdict.RTE, 0)
    assert "breaks the sandbox" in found.cause


@pytest.mark.thorough
@pytest.mark.parametrize(("seconds", "runs", "borderline"), [(0.1, 1, False), (0.3, 4, True)])
def test_near_the_limit_all_tests_are_run_again(seconds: float, runs: int, borderline: bool) -> None:
    tests = tuple(Test(1, f"[{share * seconds}]", "0", public=True) for share in (0.1, 1.0))
    problem = Problem("spin", "", "", "", "", "spin", tests, Limits(cpu_s=9.0, wall_s=20.0))
    with open_sandbox() as sandbox:
        judge = Judge(sandbox, 1)
        record = judge.record(problem, labelled("s", "python3", {"main.py": SPIN}), 0.3)
        judge.close()
    made = [len(test.runs) for test in record.tests]
    if sandbox.protection.cgroup is None and made == [2, 2]:
        return  # times are polled, and one beyond the band needs no other
    assert made == [runs, runs]
    assert record.tests[1].cpu_s == min(record.tests[1].runs)
    found = report(record, 0.3)
    assert found.borderline is borderline
    assert borderline or found.verdict is Verdict.AC


def test_the_first_public_test_that_fails_is_shown_whole_and_hidden_ones_never() -> None:
    pair = Problem(
        *("pair", "", "", "", "", "pair"),
        (
            Test(1, "[[1], 2]", "[1, 2]", public=True),
            Test(1, "[[4], null]", "true", public=True),
            Test(2, "[[9], 9]", "9"),
        ),
        Limits(),
    )
    with open_sandbox() as sandbox, Judge(sandbox, 1) as judge:
        wrong = judge.judge(pair, "def pair(a, k):\n return [1, 2] if k else None\n")
        broken = judge.judge(pair, "def pair(a, k):\n return [][1]\n")
        hidden = judge.judge(pair, "def pair(a, k):\n return [1, 2] if k == 2 else True\n")
        bad = judge.judge(pair, "def pair(a, k:\n")
    assert wrong.public_failure == FailedTest("1", "pair([4], None)", "True", "None", Verdict.WA, "")
    assert broken.public_failure is not None
    assert (broken.public_failure.input, broken.public_failure.got) == ("pair([1], 2)", "")
    assert broken.public_failure.cause == "IndexError: list index out of range"
    assert (hidden.verdict, hidden.public_failure) == (Verdict.WA, None)
    assert (bad.verdict, bad.public_failure) == (Verdict.CE, None)
