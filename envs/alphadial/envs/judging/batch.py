"""Whole sets: every submission that comes with the problems below a path is judged once; resumable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from alphadial.envs.errors import EnvsError, ProblemError
from alphadial.envs.judging.agreement import compare
from alphadial.envs.judging.calibration import default_cache
from alphadial.envs.judging.judge import Judge, coverage_level
from alphadial.envs.judging.judged_problems import (
    JudgedSubmission,
    judged_problem,
    judged_submission,
    limit_by_id,
    problem_key,
)
from alphadial.envs.judging.judged_rows import JudgedSet, RejudgeOptions
from alphadial.envs.judging.judging_store import JudgingSettings, JudgingStore
from alphadial.envs.judging.labels import LABELS, expectations_of
from alphadial.envs.judging.limits import Limit, find_limit
from alphadial.envs.judging.preparing import make_tests
from alphadial.envs.judging.pythons import Pythons
from alphadial.envs.judging.reading_sets import Item, read_set
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.judging.rejudge import rows_of, sorted_out
from alphadial.envs.judging.stopping import StoppingSandbox
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems.formats import LoadError, Package
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes.lazy_boxes import LazyBoxes
from alphadial.envs.types import Problem

Tell = Callable[[str], None]
"""Is given what the user should know, in one line each."""


@dataclass(frozen=True, slots=True)
class BatchStep:
    """How far a problem is."""

    problem: str
    submissions: int
    """How many are to be judged."""
    made: int = 0
    """Records that were made."""
    found: int = 0
    """Records that the folder held already."""
    limit: Limit | None = None
    """The problem's, once all its submissions have a record."""


OnStep = Callable[[BatchStep], None]


def judge_set(
    path: Path | str,
    out: Path | str,
    *,
    sandbox: str = "bubblewrap",
    box: str = "rootfs",
    limit_s: float | None = None,
    all_tests: bool = False,
    python: str | None = None,
    only: Sequence[str] | None = None,
    coverage: int | str | None = None,
    doubtful: frozenset[str] = frozenset(),
    workers: int | None = None,
    tell: Tell = lambda line: None,
    on_step: OnStep = lambda step: None,
) -> JudgedSet:
    """Judges every labelled submission below a path, but for those that the folder has a record of.

    Args:
        path: a package, a folder of packages, or a file of problems.
        out: the folder that keeps the records; it is made, or gone on with where its settings are the same.
        sandbox: its name.
        box: where patches to repositories are graded.
        limit_s: CPU seconds per test, in place of every problem's own limit.
        all_tests: go on after failing tests, so that verdicts at other limits are known too.
        python: the interpreter that runs Python programs; None: each package's own.
        only: ids of the problems that are wanted; None: all.
        coverage: the tests that must pass, by the name or the number of a level; None: all.
        doubtful: submissions (PROBLEM/NAME) whose labels do not count.
        workers: programs at a time; None: one less than the CPUs.
        tell: is given what the user should know, faults among it.
        on_step: is told how far each problem is, from several threads, one at a time.

    Raises:
        StoreError: the folder cannot be used.
        ProblemError: nothing there can be read, or the interpreter does not work here.
        SandboxUnavailableError: the sandbox cannot work on this machine.
    """
    path, out = Path(path), Path(out)
    items = read_set(path, only, tell)
    settings = JudgingSettings(str(path.resolve()), sandbox, limit_s, all_tests, python, box)
    with ExitStack() as stack:
        opened = StoppingSandbox(stack.enter_context(open_sandbox(sandbox)))
        pythons = Pythons(opened, python, tell)
        store = stack.enter_context(JudgingStore(out, settings))
        judge = stack.enter_context(Judge(opened, workers, boxes=stack.enter_context(LazyBoxes(box))))
        batch = _Batch(judge, opened, store, tell, on_step)
        judged, faults = batch.judge(items, pythons, coverage)
        if only is None:
            store.end()
        rows, more = sorted_out(rows_of(store, RejudgeOptions(coverage=coverage), doubtful, judged), tell)
    return JudgedSet(tuple(rows), (*faults, *more))


class _Batch:
    """Makes records, problem after problem; the submissions of one are judged side by side."""

    def __init__(
        self, judge: Judge, sandbox: StoppingSandbox, store: JudgingStore, tell: Tell, on_step: OnStep
    ) -> None:
        self._judge, self._sandbox, self._store = judge, sandbox, store
        self._tell, self._on_step = tell, on_step

    def judge(
        self, items: Iterable[Item], pythons: Pythons, coverage: int | str | None
    ) -> tuple[set[str], list[LoadError]]:
        """What the store calls the problems that were judged, and what could not be read or judged, which is told."""
        judged: set[str] = set()
        faults: list[LoadError] = []
        for place, item in items:
            new = [item] if isinstance(item, LoadError) else _strange_labels(item)
            if isinstance(item, Package):
                found = self._package(pythons.apply(item), place, coverage)
                if isinstance(found, LoadError):
                    new.append(found)
                else:
                    judged.add(found)
            for fault in new:
                self._tell(str(fault))
            faults += new
        return judged, faults

    def _package(self, read: Package, place: int, coverage: int | str | None) -> str | LoadError:
        package = make_tests(read, self._sandbox)
        if isinstance(package, LoadError):
            return package
        problem, key = package.problem, problem_key(package)
        try:
            coverage_level(problem, coverage)
        except ProblemError as error:
            self._store.keep(key)
            return LoadError(package.source, None, str(error))
        submissions = [each for each in package.solutions if judged_submission(each, key).judged]
        settings = self._store.settings
        kept = _KeptRecords(self._judge, self._store, key, BatchStep(problem.id, len(submissions)), self._on_step)
        limit = limit_by_id(
            find_limit(
                self._judge, package, settings.limit_s, cache=default_cache(), tell=self._tell, record=kept.record
            ),
            package,
            key,
        )
        name = self._store.put(place, judged_problem(package, key, limit))
        self._side_by_side(
            [partial(kept.record, problem, each, limit.seconds, all_tests=settings.all_tests) for each in submissions]
        )
        self._on_step(replace(kept.step, limit=limit))
        return name

    def _side_by_side(self, tasks: Sequence[Callable[[], object]]) -> None:
        with ThreadPoolExecutor(self._judge.timed_workers) as pool:
            try:
                for future in as_completed([pool.submit(task) for task in tasks]):
                    future.result()
            except BaseException:
                self._sandbox.stop()
                pool.shutdown(cancel_futures=True)
                raise


class _KeptRecords:
    """The records of one problem's submissions: found in the store, or made and kept there. Thread-safe."""

    def __init__(self, judge: Judge, store: JudgingStore, key: str, step: BatchStep, on_step: OnStep) -> None:
        self._judge, self._store, self._key, self._on_step = judge, store, key, on_step
        self._counted: set[str] = set()
        self._lock = threading.Lock()
        self.step = step
        on_step(step)

    def record(
        self, problem: Problem, labelled: LabelledSubmission, limit_s: float, *, all_tests: bool = False
    ) -> SubmissionRecord:
        """The record that ``Judge`` makes, or made: again only where it says too little, or our machinery failed."""
        entry = judged_submission(labelled, self._key)
        record = self._store.find(entry.id, limit_s)
        known = record is not None and _whole(record, entry, limit_s, all_tests)
        if record is None or not known:
            record = self._made(problem, labelled, limit_s, all_tests)
            self._store.append(entry.id, limit_s, record)
        with self._lock:
            if entry.id not in self._counted:
                self._counted.add(entry.id)
                step = self.step
                self.step = replace(step, made=step.made + (not known), found=step.found + known)
                self._on_step(self.step)
        return record

    def _made(
        self, problem: Problem, labelled: LabelledSubmission, limit_s: float, all_tests: bool
    ) -> SubmissionRecord:
        try:
            return self._judge.record(problem, labelled, limit_s, all_tests=all_tests, by_group=True)
        except EnvsError:
            raise
        except Exception as error:
            # A mistake of ours costs one submission, not all that are still to be judged.
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            return SubmissionRecord(
                problem.id, labelled.name, labelled.submission.language, labelled.expected, error=said
            )


def _strange_labels(package: Package) -> list[LoadError]:
    """Warnings, since a misspelt label, or folder, would leave its submissions out of the agreement without a word."""
    strange: dict[str, list[str]] = {}
    for each in package.solutions:
        if each.expected is not None and not expectations_of(each):
            strange.setdefault(each.expected, []).append(each.name)
    why = f"which says nothing of verdicts, so they count for no agreement; known: {', '.join(sorted(LABELS))}"
    return [
        LoadError(package.source, None, f"unknown label {label[:40]!r} of {', '.join(names)}, {why}", harmless=True)
        for label, names in strange.items()
    ]


def _whole(record: SubmissionRecord, entry: JudgedSubmission, limit_s: float, all_tests: bool) -> bool:
    if record.error or any(test.error for test in record.tests):
        return False
    if record.compile_error is not None or record.complete:
        return True
    return not all_tests and compare(entry.expectations, record, limit_s).holds is not None
