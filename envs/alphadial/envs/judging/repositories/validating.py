"""Whether tasks on repositories can be trusted: they fail before, pass with the gold patch, and do so each time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

from alphadial.envs.errors import EnvsError, ForeignError, ImageError, ProblemError, StoreError
from alphadial.envs.folders import lock_folder, refuse_strangers, write_atomically
from alphadial.envs.foreign import check_folder, read_json
from alphadial.envs.judging.judge import Judge, time_limit
from alphadial.envs.judging.repositories.oracle import oracle_patch
from alphadial.envs.judging.repositories.task_findings import QUARANTINED, CheckedTest, Outcomes, check_tests, faults
from alphadial.envs.judging.verdicts import verdict_of
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems.formats import LoadError, Package
from alphadial.envs.problems.formats.harbor import is_task
from alphadial.envs.problems.formats.quarantine import QUARANTINE, read_quarantine, write_quarantine
from alphadial.envs.problems.hashing import packages_hash
from alphadial.envs.problems.sets import Source, load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import Boxes, Image, open_boxes
from alphadial.envs.sandbox.boxes.images import list_images
from alphadial.envs.types import Submission

MARK = "validation.json"
"""The file by which the folder of a validation is known."""
_FORMAT = 1
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class ValidationStep:
    """How far the validation is, and within it the task that is being run."""

    problem: str
    tasks: int
    """How many tasks there are in all."""
    task: int
    """The position of this task among them, 1-based."""
    runs: int
    """How many runs this task has, before its gold patch and with it."""
    done: int


@dataclass(frozen=True, slots=True)
class CheckedTask:
    """What was found of one task."""

    problem: str
    tests: tuple[CheckedTest, ...] = ()
    faults: tuple[str, ...] = ()
    """What is wrong with it, a line each; empty where it can be trusted."""
    quarantined: dict[str, str] = field(default_factory=dict)
    """Name of each test that shall not count, to the reason."""
    quarantine: str = ""
    """The file that lists these tests; "" where none was written."""
    image: str = ""
    image_bytes: int = 0
    """Size of the image in bytes; 0 where it is not one of ours, or is this machine's own system."""
    seconds: float = 0.0
    """Wall seconds of all its runs."""
    found: int = 0
    """How many of the runs an earlier call made."""

    @property
    def valid(self) -> bool:
        """Nothing is wrong with it; tests may be in quarantine."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class ValidatedSet:
    """What was found of all tasks of a source."""

    tasks: tuple[CheckedTask, ...]
    unread: tuple[LoadError, ...]
    """What could not be read, and warnings."""

    @property
    def valid(self) -> bool:
        """Everything was read, and nothing is wrong with any task."""
        return all(task.valid for task in self.tasks) and all(fault.harmless for fault in self.unread)


def validate_tasks(
    source: Source,
    folder: Path | str,
    *,
    box: str = "rootfs",
    runs: int = 3,
    problems: Sequence[str] | None = None,
    quarantine: bool = True,
    allow_shared_verifier: bool = False,
    on_step: Callable[[ValidationStep], None] = lambda _: None,
    on_task: Callable[[CheckedTask], None] = lambda _: None,
) -> ValidatedSet:
    """Runs every task's tests so many times before its gold patch and with it. What was run before is not run again.

    Args:
        source: the tasks: a name, a path, ``module:Class`` or problems.
        folder: gets a file for each task; the same call goes on from there.
        box: where they run.
        runs: of each state.
        problems: ids of the tasks to be checked; None: all.
        quarantine: write the tests that tell nothing into a file of each task folder, which loading then honours.
        allow_shared_verifier: run verifiers that can be deceived by what they verify.
        on_step: hears of every run.
        on_task: hears of every task that is done.

    Raises:
        ProblemError: nothing can be read, or there is no such task.
        StoreError: the folder cannot be used.
        SandboxUnavailableError: boxes cannot work on this machine.
    """
    folder = Path(folder)
    split = load_split(source)
    wanted = None if problems is None else {problem.id for problem in split.select(problems)}
    packages = [package for package in split.packages if wanted is None or package.problem.id in wanted]
    checked = []
    with ExitStack() as stack:
        _take(folder, stack)
        boxes = stack.enter_context(open_boxes(box))
        sandbox = stack.enter_context(open_sandbox())
        judge = stack.enter_context(Judge(sandbox, workers=1, boxes=boxes, allow_shared_verifier=allow_shared_verifier))
        for place, package in enumerate(packages, 1):

            def show(done: int, problem: str = package.problem.id, place: int = place) -> None:
                on_step(ValidationStep(problem, len(packages), place, 2 * runs, done))

            task = _Validation(package, folder, judge, boxes, runs).check(show, quarantine)
            on_task(task)
            checked.append(task)
    return ValidatedSet(tuple(checked), split.faults)


def _take(folder: Path, stack: ExitStack) -> None:
    try:
        refuse_strangers(folder, MARK, "a validation of tasks")
        check_folder(folder)
        stack.enter_context(lock_folder(folder))
        write_atomically(folder / MARK, json.dumps({"format": _FORMAT}) + "\n")
    except OSError as error:
        raise StoreError(f"cannot use {folder}: {error.strerror}; choose another --out") from error
    except ForeignError as error:
        raise StoreError(f"cannot use {folder}: {error}, or choose another --out") from error


class _Validation:
    """One task, whose runs are kept in a file."""

    def __init__(self, package: Package, folder: Path, judge: Judge, boxes: Boxes, runs: int) -> None:
        self._package, self._problem = package, package.problem
        self._judge, self._boxes, self._runs = judge, boxes, runs
        name = hashlib.sha256(f"{package.source}\0{package.problem.id}".encode()).hexdigest()[:16]
        self._file = folder / f"task-{name}.json"
        self._kept: dict[str, list[dict[str, str]]] = {BEFORE: [], AFTER: []}
        self._seconds = 0.0
        self._keys: list[str] = []
        self._found = 0

    def check(self, show: Callable[[int], None], quarantine: bool) -> CheckedTask:
        """What the runs say; its own faults are no exceptions, so that others go on."""
        problem = self._problem
        if problem.repository is None:
            return CheckedTask(problem.id, faults=("it is no repository: alphadial judge checks other problems",))
        try:
            image = self._boxes.find(problem.repository.image)
            gold = self._gold()
        except EnvsError as error:
            return CheckedTask(problem.id, faults=(str(error),))
        size = _size(self._boxes, image)
        try:
            self._recall(image)
            self._run(gold, show)
        except EnvsError as error:
            return CheckedTask(problem.id, faults=(str(error),), image=image.reference, image_bytes=size)
        tests = check_tests(problem, self._kept[BEFORE], self._kept[AFTER])
        named = {test.name: test.reason for test in tests if test.finding in QUARANTINED}
        wrong = faults(tests, gold=bool(gold))
        written, unwritten = self._quarantine(named, image) if quarantine and named else ("", "")
        return CheckedTask(
            problem.id,
            tests,
            (*wrong, *([unwritten] if unwritten else [])),
            named,
            written,
            image.reference,
            size,
            self._seconds,
            self._found,
        )

    def _gold(self) -> str:
        """The patch that solves it; "" where none is known.

        Raises:
            ProblemError: the script that should make one fails.
            EnvsError: our machinery broke.
        """
        repository = self._problem.repository
        known = repository is not None and (repository.gold or repository.solution)
        return oracle_patch(self._boxes, self._problem) if known else ""

    def _run(self, gold: str, show: Callable[[int], None]) -> None:
        show(self._done)
        states = [(BEFORE, ""), *([(AFTER, gold)] if gold else [])]
        for number in range(self._runs):
            for state, patch in states:
                if len(self._kept[state]) <= number:
                    began = monotonic()
                    self._kept[state].append(dict(self._outcomes(state, patch)))
                    self._seconds += monotonic() - began
                    self._keep()
                show(self._done)

    @property
    def _done(self) -> int:
        return sum(min(len(told), self._runs) for told in self._kept.values())

    def _outcomes(self, state: str, patch: str) -> Outcomes:
        labelled, limit_s = LabelledSubmission(state, Submission.patch(patch)), time_limit(self._problem)
        record = self._judge.record(self._problem, labelled, limit_s, all_tests=True)
        if record.error or record.compile_error is not None:
            raise ProblemError(
                f"its tests cannot be run {state} the gold patch: {record.error or record.compile_error}"
            )
        unknown = next((test.error for test in record.tests if test.error), "")
        if unknown:
            raise ProblemError(f"its tests cannot be run {state} the gold patch: {unknown}")
        return {test.name: str(verdict_of(test, limit_s)) for test in record.tests}

    def _recall(self, image: Image) -> None:
        self._keys = [self._key_of(self._package, image)]
        if not self._file.exists():
            return
        try:
            values = _checked(read_json(self._file))
        except (ForeignError, ValueError, TypeError, KeyError):
            return  # what cannot be read is run again
        if self._keys[0] not in values["keys"]:
            return
        self._kept = {state: values["runs"][state] for state in (BEFORE, AFTER)}
        self._seconds = values["seconds"]
        self._found = self._done

    def _key_of(self, package: Package, image: Image) -> str:
        return hashlib.sha256(json.dumps([packages_hash([package]), self._boxes.name, image.id]).encode()).hexdigest()

    def _keep(self) -> None:
        values = {"format": _FORMAT, "problem": self._problem.id, "keys": self._keys, "runs": self._kept}
        write_atomically(self._file, json.dumps({**values, "seconds": self._seconds}) + "\n")

    def _quarantine(self, named: Mapping[str, str], image: Image) -> tuple[str, str]:
        """The file that was written, or why it was not."""
        folder, problem = self._package.source, self._problem
        if not is_task(folder):
            return "", f"it has tests that tell nothing, and no task folder to say so in: {', '.join(list(named)[:3])}"
        left = tuple(test for test in problem.tests if test.name not in named)
        self._keys.append(self._key_of(replace(self._package, problem=replace(problem, tests=left)), image))
        self._keep()
        try:
            return str(write_quarantine(folder, {**read_quarantine(folder), **named})), ""
        except OSError as error:
            return "", f"cannot write {folder / QUARANTINE}: {error.strerror}"


def _checked(values: Any) -> Any:
    """What a file of runs holds.

    Raises:
        ValueError, TypeError, KeyError: it is of another form.
    """
    if values["format"] != _FORMAT or not isinstance(values["seconds"], float):
        raise ValueError("another format")
    for state in (BEFORE, AFTER):
        for run in values["runs"][state]:
            if not all(isinstance(text, str) for item in run.items() for text in item):
                raise TypeError("no run")
    return values


def _size(boxes: Boxes, image: Image) -> int:
    """Bytes of an image of ours; 0 for one of anybody else's, or for this machine's own system."""
    try:
        rows = list_images([boxes.name.partition(":")[0]])
    except ImageError:
        return 0
    return next((row.bytes for row in rows if row.reference == image.reference), 0)
