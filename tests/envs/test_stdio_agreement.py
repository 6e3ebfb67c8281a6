"""What labels ask for, held against records made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alphadial.envs.judging.agreement import compare
from alphadial.envs.judging.labels import FOLDERS, LABELS, LEGACY_FOLDERS, graded, meaning, partly
from alphadial.envs.judging.records import SubmissionRecord, TestRecord, TestRef
from alphadial.envs.labelled import Expectation
from alphadial.envs.types import KilledBy, Verdict

LIMIT_S = 1.0


def ran(index: int, verdict: str, group: str = "secret", message: str = "") -> TestRecord:
    how: dict[str, dict[str, Any]] = {
        "AC": {"checked": True, "exit_status": 0},
        "WA": {"checked": False, "exit_status": 0},
        "RTE": {"exit_status": 1},
        "TLE": {"cpu_s": 2.0, "killed_by": KilledBy.CPU},
        "MLE": {"oom": True},
        "OLE": {"killed_by": KilledBy.OUTPUT},
        "?": {"cpu_s": 0.9, "checked": True, "exit_status": 0},
        "error": {"error": "the validator crashed"},
    }
    base = TestRecord(index, f"{group}/{index}", group, 1, False, 0.1, 0.1, 1.2, message=message)
    return replace(base, **how[verdict])


def record(verdicts: str, unrun: int = 0) -> SubmissionRecord:
    tests = tuple(ran(index, verdict) for index, verdict in enumerate(verdicts.split()))
    left = tuple(TestRef("secret", 1, False, f"secret/{len(tests) + index}") for index in range(unrun))
    return SubmissionRecord("p", "s", "python3", tests=tests, unrun=left)


@pytest.mark.parametrize(
    ("label", "verdicts", "legacy", "final"),
    [
        ("accepted", "AC AC", True, True),
        ("accepted", "AC TLE", False, False),
        ("wrong_answer", "AC WA AC", True, True),
        ("wrong_answer", "AC OLE", True, True),
        ("wrong_answer", "WA RTE", False, False),
        ("wrong_answer", "WA TLE", False, False),
        ("wrong_answer", "AC AC", False, False),
        ("time_limit_exceeded", "AC TLE", True, True),
        ("time_limit_exceeded", "WA TLE", True, False),
        ("time_limit_exceeded", "WA AC", False, False),
        ("time_limit_exceeded", "TLE RTE", False, False),
        ("run_time_error", "AC RTE", True, True),
        ("run_time_error", "MLE AC", True, True),
        ("run_time_error", "WA RTE TLE", True, False),
        ("run_time_error", "WA AC", False, False),
        ("brute_force", "TLE MLE AC", True, True),
        ("brute_force", "RTE WA", False, False),
        ("rejected", "AC WA", True, True),
        ("rejected", "AC AC", False, False),
    ],
)
def test_folders_permit_and_require_verdicts_of_single_tests(
    label: str, verdicts: str, legacy: bool, final: bool
) -> None:
    found = [compare((table[label],), record(verdicts), LIMIT_S).holds for table in (LEGACY_FOLDERS, FOLDERS)]
    assert found == [legacy, final]
    assert compare(meaning(label), record(verdicts), LIMIT_S).holds is legacy


@pytest.mark.parametrize(
    ("label", "verdicts", "holds"),
    [
        ("accepted", "AC WA", False),
        ("accepted", "AC AC", None),
        ("wrong_answer", "AC WA", None),
        ("wrong_answer", "AC RTE", False),
        ("run_time_error", "AC RTE", True),
        ("run_time_error", "AC WA", None),
        ("rejected", "WA", True),
        ("WA", "AC WA", True),
        ("WA", "AC AC", None),
        ("TLE", "AC WA", False),
    ],
)
def test_a_label_is_open_while_tests_that_did_not_run_can_decide_it(
    label: str, verdicts: str, holds: bool | None
) -> None:
    found = compare(meaning(label), record(verdicts, unrun=2), LIMIT_S)
    count = len(verdicts.split())
    assert found.holds is holds
    first, second = f"secret/{count}", f"secret/{count + 1}"
    assert sorted(found.needs) == ([] if holds is not None else [first] if label == "WA" else [first, second])


def test_why_a_label_does_not_hold_names_the_test() -> None:
    def why(label: str, verdicts: str) -> str:
        return compare(meaning(label), record(verdicts), LIMIT_S).why

    assert why("wrong_answer", "WA RTE") == "secret/1 gives RTE, where AC or WA or OLE is permitted"
    assert why("run_time_error", "WA AC") == "no test gives RTE or MLE"
    assert why("rejected", "AC") == "no test fails"
    assert why("accepted", "AC") == ""


def test_what_does_not_compile_is_rejected_and_nothing_else() -> None:
    broken = replace(record("", unrun=2), compile_error="main.c:1: error")
    holding = {label for label in LABELS if compare(meaning(label), broken, LIMIT_S).holds}
    assert holding == {"rejected", "partially_accepted", "compile_error", "CE"}


def test_no_label_no_agreement() -> None:
    assert meaning(None) == meaning("accpeted") == ()


def test_our_own_failures_leave_a_label_open() -> None:
    found = compare(meaning("accepted"), record("AC error"), LIMIT_S)
    assert (found.holds, *found.needs) == (None, "secret/1")


def test_a_time_near_the_limit_that_decides_makes_a_label_borderline() -> None:
    def borderline(label: str, verdicts: str) -> bool:
        return compare(meaning(label), record(verdicts), LIMIT_S).borderline

    assert borderline("wrong_answer", "WA ?")
    assert not borderline("wrong_answer", "WA AC")
    assert not borderline("rejected", "WA ?")


GROUPS = SubmissionRecord(
    "p",
    "s",
    "python3",
    tests=(ran(0, "AC", "secret/a"), ran(1, "AC", "secret/a"), ran(2, "WA", "secret/b"), ran(3, "TLE", "secret/b")),
)


def test_expectations_of_single_tests() -> None:
    def holds(expectation: Expectation) -> bool | None:
        return compare((expectation,), GROUPS, LIMIT_S).holds

    ac, wa = (Verdict.AC,), (Verdict.WA,)
    assert holds(Expectation(permitted=ac, tests=("secret/a/0", "secret/a/1")))
    assert not holds(Expectation(permitted=ac, tests=("secret/b/2",)))
    assert holds(Expectation(permitted=wa, required=wa, tests=("secret/b/2",)))
    assert not holds(Expectation(permitted=ac + wa, tests=("secret/b/2", "secret/b/3")))


def test_grades_are_of_the_first_failing_test_of_a_group() -> None:
    def holds(verdict: Verdict, group: str) -> bool | None:
        tests = tuple(test.name for test in GROUPS.tests if test.group == group)
        return compare((graded(verdict, tests),), GROUPS, LIMIT_S).holds

    assert holds(Verdict.AC, "secret/a")
    assert holds(Verdict.WA, "secret/b")
    assert not holds(Verdict.TLE, "secret/b")
    assert not holds(Verdict.AC, "secret/b")


def test_partly_accepted_is_some_group_and_not_all() -> None:
    groups = ("secret/a", "secret/b")

    def found(*verdicts: str) -> tuple[bool | None, str]:
        tests = tuple(ran(at, verdict, groups[at]) for at, verdict in enumerate(verdicts))
        label = compare((partly(groups),), replace(GROUPS, tests=tests), LIMIT_S)
        return label.holds, label.why

    assert found("AC", "WA") == (True, "")
    assert found("AC", "AC") == (False, "no test fails")
    assert found("WA", "WA") == (False, "no group of tests passes")
    open_one = replace(GROUPS, tests=GROUPS.tests[2:3], unrun=(TestRef("secret/a", 2, False, "secret/a/0"),))
    assert compare((partly(groups),), open_one, LIMIT_S).needs == {"secret/a/0"}


def test_a_message_must_be_in_one_of_the_validators() -> None:
    told = replace(record("AC"), tests=(ran(0, "WA"), ran(1, "WA", message="expected 3, got 4")))
    assert compare((Expectation(message="got 4"),), told, LIMIT_S).holds
    found = compare((Expectation(message="got 5"),), told, LIMIT_S)
    assert (found.holds, found.why) == (False, "no message of the validator holds 'got 5'")


def test_a_group_whose_requirement_fails_is_not_run_and_so_not_accepted() -> None:
    tests = (ran(0, "WA", "secret/a"), ran(1, "AC", "secret/b"))
    both = replace(GROUPS, tests=tests, requires={"secret/b": ("secret/a",)})
    stopped = replace(both, tests=tests[:1], unrun=(TestRef("secret/b", 2, False, "secret/b/1"),))
    of_b = ("secret/b/1",)
    for judged in (both, stopped):  # the same whether the judge ran it all the same
        accepted = compare((Expectation(permitted=(Verdict.AC,), tests=of_b),), judged, LIMIT_S)
        assert (accepted.holds, accepted.why) == (False, "secret/b/1 is not run, since secret/a fails")
        assert compare((replace(FOLDERS["rejected"], tests=of_b),), judged, LIMIT_S).holds
        assert compare((replace(FOLDERS["wrong_answer"], tests=of_b),), judged, LIMIT_S).holds is False
        assert compare((FOLDERS["wrong_answer"],), judged, LIMIT_S).holds
