"""Which tests are run, after one has failed and before the label is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from alphadial.envs.judging.course import Course
from alphadial.envs.judging.labels import meaning
from alphadial.envs.judging.records import TestRecord
from alphadial.envs.types import Interface, Limits, Problem, Test

NAMES = ("sample/1", "secret/a/1", "secret/a/2", "secret/b/1", "secret/b/2", "secret/c/1")


def problem(continues: tuple[str, ...] = (), requires: Mapping[str, tuple[str, ...]] | None = None) -> Problem:
    tests = tuple(
        Test(level, "", "", public=level == 1, name=name, group=name.rpartition("/")[0])
        for name, level in zip(NAMES, (1, 2, 2, 3, 3, 4), strict=True)
    )
    return Problem(
        *("p", "", "", "", "", ""),
        tests,
        Limits(),
        interface=Interface.STDIO,
        requires=dict(requires or {}),
        continues=continues,
    )


def run(
    of: Problem, wrong: str, label: str | None = None, *, all_tests: bool = False, by_group: bool = True
) -> list[str]:
    """Names of the tests that ran, without their folder, where some gave a wrong answer."""
    course = Course(of, meaning(label), 1.0, all_tests=all_tests, by_group=by_group)
    for index in course:
        test = of.tests[index]
        right = test.name.removeprefix("secret/") not in wrong.split()
        record = TestRecord(index, test.name, test.group, test.level, test.public, 0.1, 0.1, 1.0, exit_status=0)
        course.note(replace(record, checked=right))
    assert sorted([*(test.name for test in course.ran), *(place.name for place in course.unrun)]) == sorted(NAMES)
    return [test.name.removeprefix("secret/") for test in course.ran]


GROUPED = problem(("", "secret"))
ALL = ["sample/1", "a/1", "a/2", "b/1", "b/2", "c/1"]


def test_an_attempt_stops_at_its_first_failure() -> None:
    assert run(GROUPED, "a/1", by_group=False) == ["sample/1", "a/1"]
    assert run(problem(), "a/1") == ["sample/1", "a/1"]
    assert run(GROUPED, "") == ALL
    assert run(GROUPED, "a/1", by_group=False, all_tests=True) == ALL


def test_every_group_is_judged_to_its_first_failure() -> None:
    assert run(GROUPED, "a/1 b/2") == ["sample/1", "a/1", "b/1", "b/2", "c/1"]
    assert run(GROUPED, "sample/1 b/1") == ["sample/1", "a/1", "a/2", "b/1", "c/1"]


def test_groups_that_require_a_failed_one_are_not_judged() -> None:
    requiring = problem(("", "secret"), {"secret/b": ("secret/a",), "secret/c": ("secret/b",)})
    assert run(requiring, "a/2") == ["sample/1", "a/1", "a/2"]
    assert run(requiring, "b/1") == ["sample/1", "a/1", "a/2", "b/1"]
    assert run(requiring, "a/1", "wrong_answer") == ["sample/1", "a/1", "a/2"]


def test_a_folder_says_whether_what_is_in_it_goes_on_after_a_failure_there() -> None:
    assert run(problem(("secret",)), "a/1 b/1") == ["sample/1", "a/1", "b/1", "c/1"], (
        "what holds it breaks, it does not"
    )
    assert run(problem(("secret",)), "sample/1") == ["sample/1"]
    assert run(problem(("", "secret", "secret/a")), "a/1 b/1") == ["sample/1", "a/1", "a/2", "b/1", "c/1"]
    assert run(problem(("",)), "a/1") == ["sample/1", "a/1"]
    assert run(problem(("",)), "sample/1 a/2") == ["sample/1", "a/1", "a/2"]


def test_a_labelled_solution_runs_on_until_its_label_is_decided() -> None:
    assert run(problem(), "a/1", "accepted") == ["sample/1", "a/1"]
    assert run(problem(), "a/1", "rejected") == ["sample/1", "a/1"]
    assert run(problem(), "a/1", "run_time_error") == ALL
    assert run(problem(), "a/1", "wrong_answer") == ALL
    assert run(problem(), "a/1", "WA") == ["sample/1", "a/1"]
    assert run(problem(), "a/1", "brute_force") == ["sample/1", "a/1"]  # a wrong answer is not permitted


def test_after_the_first_failure_time_is_measured_closely_where_it_decides_the_label() -> None:
    def close(label: str | None, *slow: str, by_group: bool = False) -> list[str]:
        found = []
        course = Course(GROUPED, meaning(label), 1.0, all_tests=False, by_group=by_group)
        for index in course:
            name = GROUPED.tests[index].name.removeprefix("secret/")
            found += [name] * course.time_decides(index)
            cpu_s = 1.1 if name in slow else 0.1
            passed = TestRecord(index, name, GROUPED.tests[index].group, 1, False, cpu_s, cpu_s, 1.2, exit_status=0)
            course.note(replace(passed, checked=name != "a/1"))
        return found

    assert close("wrong_answer") == ALL, "none may be too slow"
    assert close("time_limit_exceeded", "b/1") == ALL[:4], "once one was too slow, others may or may not be"
    assert close("time_limit_exceeded", "a/1", by_group=True) == ["sample/1", "a/1", "b/1", "b/2", "c/1"]
    assert close("run_time_error") == ALL[:2]
