"""Tasks are checked: what fails before and passes after, what is flaky or asserts nothing, and what is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alphadial.envs import ValidationStep, load_split, validate_tasks
from alphadial.envs.errors import StoreError
from alphadial.envs.judging.repositories.task_findings import Finding, check_tests, faults
from alphadial.envs.problems.formats.quarantine import QUARANTINE, write_quarantine

from .harbor_tasks import FILES, write_task

ODD = ', "tests/test_odd.py::test_by_chance", "tests/test_odd.py::test_nothing", "tests/test_odd.py::test_helped"'
ODD_TESTS = """
from add import add


def holds(value):
    assert value == 1


def test_by_chance():
    assert hash("the same in one process, another in the next") % 2 == 0


def test_nothing():
    add(1, 1)


def test_helped():
    holds(add(1, 0))
"""
NO_TESTS = 'schema_version = "1.4"\n[task]\nname = "x/y"\n[environment]\ndocker_image = "repository"\n'
ODD_FILES = {"tests/repository/tests/test_odd.py": ODD_TESTS}


def test_findings_and_faults(tmp_path: Path) -> None:
    problem = load_split(write_task(tmp_path / "adds", ODD, ODD_FILES)).problems[0]
    adds, zero, chance, nothing, helped = (test.name for test in problem.tests)
    good = {adds: "AC", zero: "AC", chance: "AC", nothing: "AC", helped: "AC"}
    before = [{**good, adds: "WA"}] * 2
    after = [good, {**good, chance: "WA"}]
    found = {test.name: test for test in check_tests(problem, before, after)}
    assert {name: test.finding for name, test in found.items()} == {
        adds: Finding.FAILS_BEFORE,
        zero: Finding.PASSES_BEFORE,
        chance: Finding.FLAKY,
        nothing: Finding.ASSERTS_NOTHING,
        helped: Finding.PASSES_BEFORE,
    }
    assert found[chance].reason == "flaky: 1 of 2 runs with the gold patch passed"
    assert faults(list(found.values()), gold=True) == ()
    idle = check_tests(problem, [good], [good])
    assert faults(idle, gold=True)[0] == f"of level 1, but passing before any patch: {adds}"
    broken = check_tests(problem, before, [{**good, adds: "WA"}] * 2)
    assert faults(broken, gold=True)[0].startswith(f"the gold patch does not pass {adds}")
    assert "no gold patch" in faults(check_tests(problem, before, []), gold=False)[0]


def test_quarantined_tests_do_not_count(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "adds", ODD, ODD_FILES)
    whole = load_split(folder)
    write_quarantine(folder, {"tests/test_odd.py::test_nothing": "asserts nothing"})
    left = load_split(folder)
    assert len(left.problems[0].tests) == len(whole.problems[0].tests) - 1
    assert left.hash != whole.hash
    assert "tests/test_odd.py::test_nothing (asserts nothing)" in str(left.faults[0])
    assert left.faults[0].harmless


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "the file must be an object"),
        ('{"format": 9, "tests": {}}', "its format is 9, not 1"),
        ('{"format": 1, "tests": {"a": 1}}', "the reason of 'a' must be a text"),
        ('{"format": 1, "tests": {"tests/test_hidden.py::test_adds": ""}}', "every test of level 1 is in quarantine"),
    ],
)
def test_a_damaged_quarantine_is_told(tmp_path: Path, content: str, message: str) -> None:
    folder = write_task(tmp_path / "set" / "adds")
    write_task(tmp_path / "set" / "other")
    (folder / QUARANTINE).write_text(content, "utf-8")
    (fault,) = load_split(tmp_path / "set").faults
    assert message in str(fault)


@pytest.mark.slow
def test_odd_tests_are_quarantined_and_the_same_call_goes_on(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "set" / "adds", ODD, ODD_FILES)
    steps: list[ValidationStep] = []
    found = validate_tasks(tmp_path / "set", tmp_path / "out", runs=8, on_step=steps.append)
    (task,) = found.tasks
    assert (found.valid, task.faults, task.found) == (True, (), 0)
    assert set(task.quarantined) == {"tests/test_odd.py::test_by_chance", "tests/test_odd.py::test_nothing"}
    assert [step.done for step in steps] == list(range(17))
    said = json.loads((folder / QUARANTINE).read_text("utf-8"))["tests"]
    assert said["tests/test_odd.py::test_nothing"].startswith("asserts nothing")
    again = validate_tasks(tmp_path / "set", tmp_path / "out", runs=8)
    assert (again.valid, again.tasks[0].found, again.tasks[0].quarantined) == (True, 16, {})


@pytest.mark.slow
def test_a_stopped_validation_goes_on_in_the_middle_of_a_task(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "adds")

    def stop(step: ValidationStep) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate_tasks(folder, tmp_path / "out", runs=2, on_step=stop)
    again = validate_tasks(folder, tmp_path / "out", runs=2)
    assert (again.valid, again.tasks[0].found) == (True, 3)
    for kept in (tmp_path / "out").glob("task-*.json"):
        kept.write_text('{"format": 1}', "utf-8")
    anew = validate_tasks(folder, tmp_path / "out", runs=1)
    assert (anew.valid, anew.tasks[0].found) == (True, 0)


@pytest.mark.slow
def test_what_is_wrong_with_a_task_is_a_line_and_others_go_on(tmp_path: Path) -> None:
    tasks = tmp_path / "set"
    write_task(tasks / "a-good")
    write_task(
        tasks / "b-fits-nowhere", changed={"solution/gold.patch": FILES["solution/gold.patch"].replace("a\n", "c\n")}
    )
    write_task(tasks / "c-no-tests", changed={"task.toml": NO_TESTS})
    write_task(
        tasks / "d-idle", changed={"tests/repository/tests/test_hidden.py": "def test_adds():\n    assert 1 == 1\n"}
    )
    write_task(tasks / "e-no-gold", changed={"solution/gold.patch": None})
    toml = (tasks / "a-good" / "task.toml").read_text("utf-8").replace('image = "repository"\n', "")
    dockerfile = {"environment/Dockerfile": "FROM nobody/has-this:1\nRUN false\n", "task.toml": toml}
    write_task(tasks / "f-no-image", changed=dockerfile)
    found = validate_tasks(tasks, tmp_path / "out", runs=1)
    told = {task.problem: task.faults for task in found.tasks}
    assert set(told) == {"a-good", "d-idle", "e-no-gold", "f-no-image"}
    assert told["a-good"] == ()
    assert told["d-idle"][0] == "of level 1, but passing before any patch: tests/test_hidden.py::test_adds"
    assert told["e-no-gold"][0].startswith("it has no gold patch")
    assert len(told["f-no-image"]) == 1
    assert "\n" not in told["f-no-image"][0]
    unread = {fault.path.relative_to(tasks).parts[0]: str(fault) for fault in found.unread if not fault.harmless}
    assert "the gold patch does not apply" in unread["b-fits-nowhere"]
    assert "without tests" in unread["c-no-tests"]
    assert not found.valid


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    write_task(tmp_path / "adds")
    with pytest.raises(StoreError, match="holds something else than a validation"):
        validate_tasks(tmp_path / "adds", tmp_path / "adds")
