"""Judging a whole set: problem after problem, each solution once, resumable."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

from alphadial.cli.judging.facts import Entry, entry_of, facts_of, problem_id
from alphadial.cli.judging.progress import JudgingProgress
from alphadial.cli.judging.reading import Item
from alphadial.cli.judging.stopping import Stopping
from alphadial.cli.judging.store import JudgingStore
from alphadial.cli.output import say
from alphadial.envs.errors import EnvsError, ProblemError
from alphadial.envs.judging import Judge, coverage_level
from alphadial.envs.judging.agreement import compare
from alphadial.envs.judging.calibration import default_cache
from alphadial.envs.judging.labels import LABELS, bounding, expectations_of
from alphadial.envs.judging.limits import Limit, find_limit
from alphadial.envs.judging.preparing import make_tests
from alphadial.envs.judging.pythons import Pythons
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems.formats import LoadError, Package
from alphadial.envs.sandbox import Sandbox
from alphadial.envs.types import Problem


class KeptJudge(Judge):
    """A judge that keeps its records of one problem after the other, and finds those that were kept before."""

    def __init__(self, sandbox: Sandbox, workers: int | None, store: JudgingStore, progress: JudgingProgress) -> None:
        self.stopping = Stopping(sandbox)
        super().__init__(self.stopping, workers)
        self._store = store
        self._progress = progress
        self._problem = ""
        self._counted: set[str] = set()

    def turn_to(self, problem: str) -> None:
        """The id of the problem whose solutions come next."""
        self._problem = problem
        self._counted.clear()

    def stop(self) -> None:
        """What is being judged ends soon, without a verdict."""
        self.stopping.stop()

    def record(
        self,
        problem: Problem,
        labelled: LabelledSubmission,
        limit_s: float,
        *,
        all_tests: bool = False,
        by_group: bool = True,
    ) -> SubmissionRecord:
        """As of ``Judge``; not made again where it is there, and says enough, and our side did not fail."""
        entry = entry_of(labelled, self._problem)
        record = self._store.find(entry.id, limit_s)
        known = record is not None and _whole(record, entry, limit_s, all_tests)
        if record is None or not known:
            record = self._judged(problem, labelled, limit_s, all_tests, by_group)
            self._store.append(entry.id, limit_s, record)
        if entry.id not in self._counted:
            self._counted.add(entry.id)
            self._progress.count(known)
        return record

    def _judged(
        self, problem: Problem, labelled: LabelledSubmission, limit_s: float, all_tests: bool, by_group: bool
    ) -> SubmissionRecord:
        try:
            return super().record(problem, labelled, limit_s, all_tests=all_tests, by_group=by_group)
        except EnvsError:
            raise
        except Exception as error:
            # A mistake of ours costs one solution, not all that are still to be judged.
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            return SubmissionRecord(
                problem.id, labelled.name, labelled.submission.language, labelled.expected, error=said
            )


def judge_set(
    items: Iterable[Item],
    store: JudgingStore,
    judge: KeptJudge,
    pythons: Pythons,
    progress: JudgingProgress,
    coverage: str | int | None = None,
) -> tuple[set[str], list[LoadError]]:
    """Makes the records of every solution of every package.

    Args:
        items: what was read.
        store: keeps the records.
        judge: makes them.
        pythons: run the Python solutions.
        progress: is told of them.
        coverage: that every problem must have.

    Returns:
        What the store calls the problems that were judged, and what could not be read or judged; each fault is said
        when it is found.

    Raises:
        StoreError: a record cannot be kept.
    """
    judged: set[str] = set()
    faults: list[LoadError] = []
    for place, item in items:
        new = [item] if isinstance(item, LoadError) else _strange_labels(item)
        if isinstance(item, Package):
            found = _judge_package(pythons.apply(item), place, store, judge, progress, coverage)
            if isinstance(found, LoadError):
                new.append(found)
            else:
                judged.add(found)
        for fault in new:
            say(f"alphadial: {fault}")
        faults += new
    return judged, faults


def _judge_package(
    read: Package,
    place: int,
    store: JudgingStore,
    judge: KeptJudge,
    progress: JudgingProgress,
    coverage: str | int | None,
) -> str | LoadError:
    package = make_tests(read, judge.sandbox)
    if isinstance(package, LoadError):
        return package
    problem, id = package.problem, problem_id(package)
    try:
        coverage_level(problem, coverage)
    except ProblemError as error:
        store.keep(id)
        return LoadError(package.source, None, str(error))
    judge.turn_to(id)
    solutions = [solution for solution in package.solutions if entry_of(solution, id).judged]
    progress.begin(problem.id, len(solutions))
    found = find_limit(judge, package, store.settings.limit_s, cache=default_cache(), tell=say)
    limit = limit_by_id(found, package, id)
    name = store.put(place, facts_of(package, id, limit))
    with ThreadPoolExecutor(judge.timed_workers) as pool:
        made = [
            pool.submit(judge.record, problem, solution, limit.seconds, all_tests=store.settings.all_tests)
            for solution in solutions
        ]
        try:
            for future in as_completed(made):
                future.result()
        except BaseException:
            judge.stop()
            pool.shutdown(cancel_futures=True)
            raise
    progress.end(problem.id, limit)
    return name


def limit_by_id(limit: Limit, package: Package, id: str) -> Limit:
    """The limit with ids in place of names, which several solutions may share."""
    ids = [(entry_of(each, id).id, each.name) for each in package.solutions if bounding(each)]
    return replace(
        limit,
        without={entry: limit.without[name] for entry, name in ids if name in limit.without},
        left_out={entry: limit.left_out[name] for entry, name in ids if name in limit.left_out},
    )


def _strange_labels(package: Package) -> list[LoadError]:
    """Warnings, since a misspelt label, or folder, would leave its solutions out of the agreement without a word."""
    strange: dict[str, list[str]] = {}
    for each in package.solutions:
        if each.expected is not None and not expectations_of(each):
            strange.setdefault(each.expected, []).append(each.name)
    why = f"which says nothing of verdicts, so they count for no agreement; known: {', '.join(sorted(LABELS))}"
    return [
        LoadError(package.source, None, f"unknown label {label[:40]!r} of {', '.join(names)}, {why}", harmless=True)
        for label, names in strange.items()
    ]


def _whole(record: SubmissionRecord, entry: Entry, limit_s: float, all_tests: bool) -> bool:
    if record.error or any(test.error for test in record.tests):
        return False
    if record.compile_error is not None or record.complete:
        return True
    return not all_tests and compare(entry.expectations, record, limit_s).holds is not None
