from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

from alphadial.envs import (
    FailureKind,
    KilledBy,
    Limits,
    Problem,
    ProblemError,
    RunResult,
    SandboxFailedError,
    Test,
    Verdict,
)
from alphadial.envs.judging import Judge
from alphadial.envs.judging.equality import same
from alphadial.envs.judging.rewards import coverage_reward
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.sandbox import Sandbox, open_sandbox
from alphadial.envs.types import Checker, Rule, Submission


def problem(*, steps: int | None = 3000) -> Problem:
    tests = [
        Test(level, json.dumps([list(range(n)), 2]), json.dumps(n * (n - 1)), public=level == 1)
        for level, sizes in ((1, (0, 3)), (2, (20,)), (3, (60,)), (4, (300, 301)))
        for n in sizes
    ]
    return Problem("p", "t", "", "", "", "f", tuple(tests), Limits(steps=steps), {"low": 2, "mid": 3, "high": 4})


EFFICIENT = "def f(a, k):\n    t = 0\n    for x in a:\n        t += x * k\n    return t\n"
BRUTE = (
    "def f(a, k):\n    t = 0\n    for x in a:\n        for y in a:\n            t += k * y * (x == y)\n    return t\n"
)
WRONG = "def f(a, k):\n    t = 0\n    for x in a:\n        t += x * k\n    return t if len(a) < 50 else t + 1\n"
LATER = "def f(a, k):\n    return sum(a) * k if len(a) < 9 else {}\n"
HOARD = "def f(a, k):\n    b = [1]\n    while len(a) > 9:\n        b = b + b\n    return sum(a) * k\n"
FORGED = """
import os, struct
def f(a, k):
    for fd in range(3, 99):
        try:
            os.write(fd, struct.pack('!cQI', b'E', 0, 4) + b'4711')
        except OSError:
            pass
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as opened:
        yield opened


@pytest.fixture(scope="module")
def judge(sandbox: Sandbox) -> Iterator[Judge]:
    with Judge(sandbox, workers=2) as opened:
        yield opened


@pytest.mark.parametrize(
    ("source", "coverage", "verdict", "kind", "level", "cause", "public"),
    [
        (EFFICIENT, None, "AC", None, 4, "", "AC"),
        (BRUTE, "high", "TLE", "optimisation", 2, "steps", "AC"),
        (BRUTE, "low", "AC", None, 2, "", "AC"),
        (BRUTE, 3, "TLE", "optimisation", 2, "steps", "AC"),
        (WRONG, "high", "WA", "correctness", 2, "", "AC"),
        (WRONG, 2, "AC", None, 2, "", "AC"),
        (None, None, "CE", "correctness", 0, "no program", "CE"),
        ("def f(:", None, "CE", "correctness", 0, None, "CE"),
        ("import os\n" + EFFICIENT, None, "CE", "correctness", 0, None, "CE"),
        ("def f(a, k):\n    while True:\n        pass\n", None, "TLE", "correctness", 0, "steps", "TLE"),
        ("def f(a, k):\n    return b\n", None, "RTE", "correctness", 0, "NameError: name 'b' is not defined", "RTE"),
        (LATER.format("a[5]"), 2, "WA", "correctness", 1, "", "AC"),
        (LATER.format("a[a[19] + 99]"), 2, "RTE", "correctness", 1, "IndexError", "AC"),
        ("def f(a, k):\n    return True if not a else 6\n", None, "WA", "correctness", 0, "", "WA"),
        (HOARD, None, "TLE", "optimisation", 1, "steps", "AC"),
    ],
)  # fmt: skip
def test_report(
    judge: Judge, source: str | None, coverage: int | str | None, verdict: str, kind: str | None, level: int,
    cause: str | None, public: str,
) -> None:  # fmt: skip
    report = judge.judge(problem(), source, coverage)
    assert (report.verdict, report.failure_kind, report.level_reached) == (verdict, kind, level)
    assert report.public_verdict == public
    assert cause is None or report.cause == cause
    assert report.solved is (verdict == "AC")


FORGED_MEMORY = """
import os, struct
def f(a, k):
    for fd in range(3, 99):
        try:
            os.write(fd, struct.pack('!cQI', b'M', 0, 0))
        except OSError:
            pass
"""


@pytest.mark.parametrize(
    ("source", "verdict", "kind", "cause"),
    [
        ("def f(a, k):\n    raise MemoryError\n", "RTE", "correctness", "MemoryError"),
        (FORGED_MEMORY, "RTE", "correctness", "MemoryError"),
        ("def f(a, k):\n    return [0] * 10**9\n", "MLE", "correctness", "memory"),
        (HOARD, "MLE", "optimisation", "memory"),
    ],
)
def test_too_much_memory_is_what_was_used_and_not_what_was_said(
    judge: Judge, sandbox: Sandbox, source: str, verdict: str, kind: str, cause: str
) -> None:
    if sandbox.protection.cgroup is None and source is FORGED_MEMORY:
        pytest.skip("without a cgroup the program alone can tell")
    report = judge.judge(problem(steps=None), source)
    assert (report.verdict, report.failure_kind, report.cause) == (verdict, kind, cause)


RAW_ANSWER = """
import os, struct
def f(a, k):
    for fd in range(3, 99):
        try:
            os.write(fd, struct.pack('!cQI', b'A', 0, 3) + b'"\\xff"')
        except OSError:
            pass
    os._exit(0)
"""


def test_no_byte_of_an_answer_equals_another(judge: Judge) -> None:
    asked = replace(problem(steps=None), tests=(Test(1, "[1, 1]", json.dumps("\ufffd"), public=True),))
    assert judge.judge(asked, RAW_ANSWER).verdict is Verdict.WA
    (shown,) = judge.run_public(asked, RAW_ANSWER)
    assert shown.got == '"\ufffd"'


TUPLES = '{"$tuple": [{"$tuple": [1, 2]}, [3, 4]]}'
LISTS = "[[1, 2], [3, 4]]"


@pytest.mark.parametrize(
    ("rule", "answer", "expected", "right"),
    [
        (Rule.LIVECODEBENCH, "1", "true", True),
        (Rule.LIVECODEBENCH, "5.0", "5", True),
        (Rule.LIVECODEBENCH, "0.333333", "0.3333333", False),
        (Rule.LIVECODEBENCH, "null", "0", False),
        (Rule.LIVECODEBENCH, "NaN", "NaN", False),
        (Rule.LIVECODEBENCH, '{"$tuple": [1, 2]}', "[1, 2]", True),
        (Rule.LIVECODEBENCH, '{"$set": [1, 2]}', "[1, 2]", False),
        (Rule.LIVECODEBENCH, TUPLES, LISTS, False),
        (Rule.APPS, TUPLES, LISTS, True),
        (Rule.APPS, '[[1, 2], {"$tuple": [3, 4]}]', LISTS, False),
        (Rule.APPS, '{"a": 1, "b": [true]}', '{"b": [1], "a": 1.0}', True),
        (Rule.APPS, '{"$dict": [[2, "b"], [1, "a"]]}', '{"$dict": [[1, "a"], [2, "b"]]}', True),
        (Rule.APPS, '{"$dict": [[1, "a"], [1, "a"]]}', '{"$dict": [[1, "a"], [2, "b"]]}', False),
        (Rule.APPS, '{"$dict": [[[1], "a"], [2, "b"]]}', '{"$dict": [[1, "a"], [2, "b"]]}', False),
        (Rule.APPS, '{"$dict": 5}', '{"$dict": [[1, "a"]]}', False),
        (Rule.APPS, "[" * 9000 + "]" * 9000, "[1]", False),
    ],
)  # fmt: skip
def test_values_are_compared_as_the_authors_do(rule: Rule, answer: str, expected: str, right: bool) -> None:
    assert same(answer, expected, Checker(rule=rule)) is right


def test_stops_at_the_first_failing_test_unless_asked_for_all(judge: Judge) -> None:
    assert [str(t.verdict) for t in judge.judge(problem(), BRUTE).tests] == ["AC", "AC", "AC", "TLE"]
    every = judge.judge(problem(), WRONG, all_tests=True)
    assert [str(t.verdict) for t in every.tests] == ["AC", "AC", "AC", "WA", "WA", "WA"]
    assert (every.verdict, every.level_reached) == (Verdict.WA, 2)


def test_the_public_verdict_does_not_depend_on_hidden_tests(judge: Judge) -> None:
    tests = (Test(1, "[[1], 1]", "1"), Test(2, "[[2], 1]", "2", public=True))
    asked = replace(problem(), tests=tests)
    hidden_wrong = judge.judge(asked, "def f(a, k):\n    return 2\n", 1)
    assert (hidden_wrong.verdict, hidden_wrong.public_verdict) == (Verdict.WA, Verdict.AC)
    assert judge.judge(asked, "def f(a, k):\n    return 1\n", 1).public_verdict is Verdict.WA


def test_a_hidden_input_cannot_leave_in_the_cause(judge: Judge) -> None:
    asked = replace(problem(steps=None), tests=(Test(1, "[[4711], 1]", "1"),))
    for source in (
        "def f(a, k):\n    raise ValueError(a)\n",
        "def f(a, k):\n    raise type('E%d' % a[0], (Exception,), {})\n",
        FORGED,
    ):  # fmt: skip
        report = judge.judge(asked, source)
        assert report.verdict is Verdict.RTE
        assert "4711" not in report.cause


def test_unknown_coverage(judge: Judge) -> None:
    for coverage, said in (("lo", "has no coverage 'lo'; it has: low, mid, high"), (5, "levels 1 to 4, not 5")):
        with pytest.raises(ProblemError, match=said):
            judge.judge(problem(), EFFICIENT, coverage)


def test_reward(judge: Judge) -> None:
    report = judge.judge(problem(), BRUTE, 4)
    assert [coverage_reward(report, level) for level in (1, 2, 3, 4)] == [1.0, 1.0, 0.0, 0.0]
    assert coverage_reward(replace(report, verdict=None), 1) is None


@pytest.mark.slow
def test_many_threads_and_limits_share_few_servers(judge: Judge) -> None:
    asked = [(steps, source) for steps in (3000, 2999, None) for source in (EFFICIENT, BRUTE)] * 6
    with ThreadPoolExecutor(6) as threads:
        reports = list(threads.map(lambda ask: judge.judge(problem(steps=ask[0]), ask[1]), asked))
    expected = [Verdict.AC if steps is None or source is EFFICIENT else Verdict.TLE for steps, source in asked]
    assert [report.verdict for report in reports] == expected


@pytest.mark.thorough
def test_the_cache_is_off_by_default(sandbox: Sandbox) -> None:
    with Judge(sandbox, workers=1) as off, Judge(sandbox, workers=1, cache=1) as on:
        assert off.judge(problem(), EFFICIENT) is not off.judge(problem(), EFFICIENT)
        first = on.judge(problem(), EFFICIENT)
        assert on.judge(problem(), EFFICIENT) is first
        assert on.judge(problem(), EFFICIENT, 1) is not first
        assert on.judge(problem(), EFFICIENT) is not first
        other = replace(problem(), tests=problem().tests[:2])
        assert on.judge(other, EFFICIENT).level_reached == 1  # of the same name, but not the same problem
        timed = problem(steps=None)
        assert on.judge(timed, EFFICIENT) is not on.judge(timed, EFFICIENT)  # times are not the same each time


def test_programs_of_other_languages_are_no_functions(judge: Judge) -> None:
    other = Submission.of("int f() { return 0; }", "cpp")
    report = judge.judge(problem(), other)
    assert (report.verdict, report.failure_kind) == (Verdict.CE, FailureKind.CORRECTNESS)
    assert report.cause == "the tests call a python3 function, not cpp"
    assert [result.verdict for result in judge.run_public(problem(), other)] == [Verdict.CE] * 2


def test_a_method_of_solution_can_stand_for_the_function(judge: Judge) -> None:
    method = "class Solution:\n    def f(self, a, k):\n        return sum(a) * k\n"
    assert judge.judge(problem(steps=None), method).solved
    assert not judge.judge(problem(), method).solved  # the restricted language has no classes


@pytest.mark.thorough
def test_every_test_has_its_own_verdict(judge: Judge) -> None:
    """A first failure by steps or time, a second one by an error: neither says anything of the other."""
    tests = tuple(Test(level, f"[{level}]", "0", name=f"t{level}") for level in (1, 2, 3))
    asked = replace(problem(steps=None), entry="f", tests=tests, time_limit_s=0.6)
    source = "def f(n):\n    while n == 1: pass\n    return [][n] if n == 2 else 0\n"
    report = judge.judge(asked, source, all_tests=True)
    assert [(test.name, test.verdict) for test in report.tests] == [("t1", "TLE"), ("t2", "RTE"), ("t3", "AC")]
    record = judge.record(asked, LabelledSubmission("s", Submission.of(source)), 0.6)
    first, second, third = record.tests
    assert (first.killed_by, first.stderr) == (KilledBy.CPU, "")
    assert (second.killed_by, second.stderr) == (None, "IndexError")
    assert all(test.wall_s != test.cpu_s for test in record.tests)
    assert third.checked


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        ("[1, 2]", "[1,2]", True), ("1", "1.0", True), ("1", "true", False), ("[0]", "[false]", False),
        ("NaN", "NaN", False), ("[NaN]", "[NaN]", False), ('"NaN"', '"NaN"', True), ("Infinity", "Infinity", True),
        ('{"a": 1, "b": [2]}', '{"b": [2], "a": 1.0}', True), ('{"a": 1}', '{"a": 1, "b": 2}', False),
        ("null", "0", False), ('"1"', "1", False), ("", "1", False), ("[" * 100_000, "[]", False),
        ("9" * 50_000, "9" * 50_000 + " ", True), ("9" * 50_000, "9" * 49_999 + "8", False), ("[1]", "[1, 1]", False),
    ],
)  # fmt: skip
def test_comparison(answer: str, expected: str, equal: bool) -> None:
    assert same(answer, expected) is equal


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        ("[1.05, 2]", "[1, 2]", True), ("1.2", "1", False), ("105", "100", True), ("111", "100", False),
        ("true", "1", False), ('"1"', "1", False), ("[]", "1", False), ("1", "NaN", False), ("NaN", "1", False),
        ("1e999", "1", False), ("9" * 3000, "1.5", False), ("9" * 3000, "9" * 2999 + "8", False),
        ("9" * 200, "9" * 199 + "8", True),
    ],
)  # fmt: skip
def test_comparison_within_tolerances(answer: str, expected: str, equal: bool) -> None:
    assert same(answer, expected, Checker(float_absolute=0.1, float_relative=0.1)) is equal


class Scripted:
    """A sandbox whose machinery does what a script says, call by call."""

    name = "scripted"
    protection = SimpleNamespace(counted_by="cgroup")

    def __init__(self, on_call: Callable[[str, int], RunResult]) -> None:
        self.opened = self.calls = 0
        self._on_call = on_call

    def open(self, limits: Limits) -> Scripted:
        self.opened += 1
        return self

    def start(self, source: str, *, entry: str, tagged: bool = False) -> Scripted:
        self.source = source
        return self

    def call(self, input: str) -> RunResult:
        if "return x" in self.source:
            return self._on_call("canary", 0)
        self.calls += 1
        return self._on_call(self.source, self.calls)

    def alive(self) -> bool:
        return True

    def close(self) -> RunResult:
        return RunResult(exit_status=0)


ONE = replace(problem(), tests=(Test(1, "[1]", "1", public=True),))
RIGHT = RunResult(exit_status=None, stdout="1")
WALL = RunResult(exit_status=None, signal=9, killed_by=KilledBy.WALL, wall_s=10.0, cpu_s=0.1)


def judged(on_call: Callable[[str, int], RunResult]) -> tuple[object, ...]:
    sandbox = Scripted(on_call)
    with Judge(sandbox, workers=1) as judge:  # type: ignore[arg-type]
        report = judge.judge(ONE, "bad")
    return report.verdict, report.failure_kind, report.cause, sandbox.calls, sandbox.opened


def breaks(times: int, canary: bool = True) -> Callable[[str, int], RunResult]:
    def on_call(source: str, number: int) -> RunResult:
        if number <= times if source != "canary" else not canary:
            raise SandboxFailedError("broken")
        return RIGHT

    return on_call


def test_an_internal_error_is_retried_in_a_fresh_sandbox() -> None:
    assert judged(breaks(1)) == (Verdict.AC, None, "", 2, 2)


def test_a_program_that_breaks_the_machinery_every_time_is_a_run_time_error() -> None:
    assert judged(breaks(9)) == (Verdict.RTE, FailureKind.CORRECTNESS, "breaks the sandbox: broken", 2, 3)


def test_machinery_that_fails_the_canary_too_is_unmeasurable() -> None:
    assert judged(breaks(9, canary=False)) == (None, FailureKind.UNMEASURABLE, "machinery", 2, 3)


def test_a_wall_kill_with_little_cpu_time_is_retried_once() -> None:
    assert judged(lambda source, number: WALL if number == 1 else RIGHT) == (Verdict.AC, None, "", 2, 2)
    assert judged(lambda source, number: WALL) == (Verdict.TLE, FailureKind.CORRECTNESS, "wall", 2, 2)
    busy = replace(WALL, cpu_s=9.0)
    assert judged(lambda source, number: busy) == (Verdict.TLE, FailureKind.CORRECTNESS, "wall", 1, 1)


def test_a_wall_kill_does_not_use_up_the_retry_of_an_internal_error() -> None:
    def on_call(source: str, number: int) -> RunResult:
        if number == 2:
            raise SandboxFailedError("broken")
        return WALL if number == 1 else RIGHT

    assert judged(on_call) == (Verdict.AC, None, "", 3, 3)


KILLED = RunResult(exit_status=None, signal=9, error="ended with signal 9 before it answered")


def test_a_kill_that_is_not_ours_is_tried_again_and_is_an_error_only_where_a_canary_passes() -> None:
    assert judged(lambda source, number: KILLED if number == 1 else RIGHT) == (Verdict.AC, None, "", 2, 2)
    each_time = judged(lambda source, number: RIGHT if source == "canary" else KILLED)
    assert each_time == (Verdict.RTE, FailureKind.CORRECTNESS, KILLED.error, 2, 3)
    everything = judged(lambda source, number: KILLED)
    assert everything == (None, FailureKind.UNMEASURABLE, "machinery", 2, 3)
    ours = replace(KILLED, killed_by=KilledBy.CPU)
    assert judged(lambda source, number: ours)[3:] == (1, 1)
