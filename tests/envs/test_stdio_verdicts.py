import json
from dataclasses import replace

import pytest

from alphadial.envs.judging.records import SubmissionRecord, TestRecord, TestRef
from alphadial.envs.judging.verdicts import report, telling_line
from alphadial.envs.types import FailureKind, KilledBy, Verdict


def ran(
    index: int,
    cpu_s: float = 0.1,
    *,
    level: int = 1,
    group: str = "secret",
    checked: bool | None = True,
    exit_status: int | None = 0,
    signal: int | None = None,
    killed_by: KilledBy | None = None,
    oom: bool = False,
    error: str = "",
) -> TestRecord:
    return TestRecord(
        index=index,
        name=str(index),
        group=group,
        level=level,
        public=group == "sample",
        cpu_s=cpu_s,
        wall_s=cpu_s,
        allowed_s=2.0,
        runs=(cpu_s,),
        exit_status=exit_status,
        signal=signal,
        killed_by=killed_by,
        oom=oom,
        checked=checked,
        error=error,
    )


def record(*tests: TestRecord, unrun: tuple[TestRef, ...] = ()) -> SubmissionRecord:
    return SubmissionRecord("p", "s", "python3", "accepted", tests=tests, unrun=unrun)


@pytest.mark.parametrize(
    ("test", "verdict", "cause"),
    [
        (ran(0), Verdict.AC, ""),
        (ran(0, checked=False), Verdict.WA, ""),
        (ran(0, 1.0), Verdict.AC, ""),  # the limit itself is within it
        (ran(0, 1.01), Verdict.TLE, "cpu"),
        (ran(0, 1.01, exit_status=1, checked=None), Verdict.TLE, "cpu"),
        (ran(0, 0.2, killed_by=KilledBy.WALL, exit_status=None, signal=9, checked=None), Verdict.TLE, "wall"),
        (ran(0, exit_status=3, checked=None), Verdict.RTE, "exit status 3"),
        (ran(0, exit_status=None, signal=11, checked=None), Verdict.RTE, "signal 11"),
        (ran(0, oom=True), Verdict.MLE, "memory"),
        (ran(0, killed_by=KilledBy.OUTPUT, exit_status=None, signal=9, checked=None), Verdict.OLE, "output"),
    ],
)
def test_one_test(test: TestRecord, verdict: Verdict, cause: str) -> None:
    found = report(record(test), 1.0)
    assert (found.verdict, found.cause, found.error) == (verdict, cause, "")


def test_levels_groups_and_failure_kinds() -> None:
    tests = (
        ran(0, group="sample"),
        ran(1, group="secret/small"),
        ran(2, 1.9, level=2, group="secret/large"),
        ran(3, level=2, group="secret/large", checked=False),
    )
    found = report(record(*tests), 1.0)
    assert found.groups == {
        "sample": Verdict.AC,
        "secret": Verdict.TLE,
        "secret/small": Verdict.AC,
        "secret/large": Verdict.TLE,
    }
    assert (found.verdict, found.level_reached, found.public_verdict) == (Verdict.TLE, 1, Verdict.AC)
    assert found.failure_kind is FailureKind.OPTIMISATION
    assert report(record(*tests), 1.0, level=1).solved
    slower = report(record(*tests), 1.99)
    assert (slower.verdict, slower.failure_kind) == (Verdict.WA, FailureKind.CORRECTNESS)
    assert report(record(ran(0, 1.9)), 1.0).failure_kind is FailureKind.CORRECTNESS  # too slow in level 1 already


def test_a_group_passes_only_with_those_that_it_requires() -> None:
    tests = (
        ran(0, group="sample"),
        ran(1, group="secret/1", level=2, checked=False),
        ran(2, group="secret/2", level=3),
        ran(3, group="secret/3", level=4),
        ran(4, group="secret/4", level=5),
    )
    requires = {"secret/2": ("secret/1",), "secret/3": ("sample", "secret/2"), "secret/4": ("sample",)}
    stopped = record(*tests[:2], unrun=tuple(TestRef(test.group, test.level, False) for test in tests[2:]))
    for judged, last in ((record(*tests), Verdict.AC), (stopped, None)):
        again = SubmissionRecord.from_json(json.loads(json.dumps(replace(judged, requires=requires).to_json())))
        assert report(again, 1.0).groups == {
            "sample": Verdict.AC,
            "secret": Verdict.WA,
            "secret/1": Verdict.WA,
            "secret/2": Verdict.WA,
            "secret/3": Verdict.WA,
            "secret/4": last,
        }


def test_a_folder_fails_with_what_a_group_in_it_requires() -> None:
    record_ = replace(
        record(ran(0, group="sample", checked=False), unrun=(TestRef("secret/1", 2, False),)),
        requires={"secret/1": ("sample",)},
    )
    assert report(record_, 1.0).groups == {"sample": Verdict.WA, "secret": Verdict.WA, "secret/1": Verdict.WA}


def test_what_was_not_run_is_not_guessed() -> None:
    stopped = record(ran(0), ran(1, 1.5, killed_by=KilledBy.CPU, checked=None), unrun=(TestRef("secret", 1, False),))
    assert report(stopped, 1.0).verdict is Verdict.TLE
    unknown = report(stopped, 3.0)
    assert (unknown.verdict, unknown.failure_kind) == (None, FailureKind.UNMEASURABLE)
    assert "stopped after 2 s" in unknown.error
    assert not stopped.complete
    slept = record(ran(0), replace(ran(1, killed_by=KilledBy.WALL, checked=None), wall_s=8.0))
    assert [report(slept, limit_s).verdict for limit_s in (1.0, 2.0, 4.0, 4.1)] == [*[Verdict.TLE] * 3, None]
    finished = record(ran(0), ran(1, 1.5), unrun=(TestRef("secret", 1, False),))
    assert report(finished, 1.0).verdict is Verdict.TLE
    assert "stopped before some tests" in report(finished, 2.0).error


def test_a_hidden_failure_precedes_public_tests_of_higher_levels() -> None:
    late = replace(ran(3, level=3), public=True, group="sample")
    found = report(record(ran(0), ran(1, level=2, checked=False), late, unrun=(TestRef("secret", 2, False),)), 1.0)
    assert (found.verdict, found.level_reached, found.public_verdict) == (Verdict.WA, 1, Verdict.AC)


@pytest.mark.parametrize(
    ("tests", "borderline"),
    [
        ((ran(0, 0.84),), False),
        ((ran(0, 0.86),), True),
        ((ran(0, 1.14),), True),
        ((ran(0, 1.16),), False),
        ((ran(0, checked=False), ran(1, 0.9)), False),
        ((ran(0, 0.9), ran(1, 1.9)), False),
        ((ran(0, 0.9), ran(1, checked=False)), True),
    ],
)
def test_borderline_is_a_verdict_that_the_uncertain_times_decide(
    tests: tuple[TestRecord, ...], borderline: bool
) -> None:
    assert report(record(*tests), 1.0).borderline is borderline


def test_with_others_at_work_longer_times_are_uncertain() -> None:
    def borderline(cpu_s: float, killed_by: KilledBy | None = None, wall_s: float = 9.0) -> bool:
        test = replace(ran(0, cpu_s, killed_by=killed_by), contended=True, wall_s=wall_s)
        return report(record(test), 1.0).borderline

    assert [borderline(cpu_s) for cpu_s in (0.8, 0.9, 1.3, 1.5, 1.7)] == [False, True, True, True, False]
    assert borderline(1.2, KilledBy.CPU)
    assert not borderline(2.0, KilledBy.CPU)
    assert borderline(0.95, KilledBy.WALL)
    assert not borderline(0.01, KilledBy.WALL)  # it slept


def test_our_own_failures_are_no_verdict() -> None:
    found = report(record(ran(0), ran(1, checked=None, error="validator v.py crashed")), 1.0)
    assert (found.verdict, found.error) == (None, "validator v.py crashed")
    assert report(replace(record(), error="no g++"), 1.0).error == "no g++"
    broken = report(replace(record(), compile_error="main.cpp:1: error"), 1.0)
    assert (broken.verdict, broken.cause) == (Verdict.CE, "main.cpp:1: error")
    assert broken.failure_kind is FailureKind.CORRECTNESS


def test_records_survive_json() -> None:
    before = record(ran(0, killed_by=KilledBy.WALL), unrun=(TestRef("secret", 2, False),))
    values = json.loads(json.dumps(before.to_json()))
    after = SubmissionRecord.from_json(values)
    assert after == before
    assert after.tests[0].killed_by is KilledBy.WALL
    for damaged in ({**values, "version": 0}, {**values, "colour": 1}, {**values, "tests": [{}]}):
        with pytest.raises(ValueError, match="not a judging record"):
            SubmissionRecord.from_json(damaged)


def test_time_that_nothing_counted_gives_no_verdict_where_it_could_decide() -> None:
    test = replace(ran(0, 0.5), uncounted_s=1.0)
    found = report(record(test), 1.0)
    assert (found.verdict, found.failure_kind) == (None, FailureKind.UNMEASURABLE)
    assert "'0' used 0.50 s, and up to 1.00 s more in processes that only a cgroup can count" in found.error
    assert report(record(test), 2.0).verdict is Verdict.AC
    assert report(record(test), 0.4).verdict is Verdict.TLE
    assert report(record(replace(test, checked=False)), 1.0).verdict is Verdict.WA
    near = report(record(replace(test, uncounted_s=0.4)), 1.0)
    assert (near.verdict, near.borderline) == (Verdict.AC, True)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('Traceback (most recent call last):\n  File "a.py"\nSyntaxError: no', "SyntaxError: no"),
        ("a.cpp: In function 'int main()':\na.cpp:1:14: error: expected '}'", "a.cpp:1:14: error: expected '}'"),
        ("exit status 3", "exit status 3"),
        ("", ""),
    ],
)
def test_of_a_compilers_words_the_line_with_the_error_is_told(said: str, told: str) -> None:
    assert telling_line(said) == told
