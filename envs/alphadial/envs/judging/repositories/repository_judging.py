"""Patches to repositories: graded in fresh boxes, with a second try and a canary for what breaks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from alphadial.envs.errors import (
    EnvsError,
    MachineFullError,
    PatchError,
    ProblemError,
    SandboxFailedError,
    SandboxUnavailableError,
)
from alphadial.envs.forking import in_child
from alphadial.envs.judging.cores import Cores
from alphadial.envs.judging.course import name_of
from alphadial.envs.judging.records import SubmissionRecord, TestRef
from alphadial.envs.judging.repositories.grading import Grading
from alphadial.envs.judging.verdicts import report
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.repository import Repository
from alphadial.envs.sandbox.boxes.box import Boxes
from alphadial.envs.sandbox.workspace import Workspace
from alphadial.envs.tools.box_commands import first_tree
from alphadial.envs.types import PATCH, Problem, PublicResult, Submission, Verdict

_KEPT_TREES = 8


class RepositoryJudging:
    """Makes the records of patches. Thread-safe.

    Args:
        boxes: where they are graded; None: there are none.
        cores: where gradings take their turn.
        counted_by: how the boxes know CPU time: "cgroup" or "polling".
        allow_shared_verifier: run scripts that look at a candidate from within its own box, though it may deceive them.
    """

    def __init__(self, boxes: Boxes | None, cores: Cores, *, counted_by: str, allow_shared_verifier: bool) -> None:
        self._boxes = boxes
        self._cores = cores
        self._counted_by = counted_by
        self._allow_shared = allow_shared_verifier
        self._begin_process()
        in_child(self, RepositoryJudging._begin_process)

    def _begin_process(self) -> None:
        self._lock = threading.Lock()
        self._trees: dict[tuple[str, str], Workspace] = {}

    def record(
        self, problem: Problem, labelled: LabelledSubmission, limit_s: float, *, level: int, told: bool = False
    ) -> SubmissionRecord:
        """Grades a patch on the tests up to a level, and on the public ones.

        Args:
            problem: of a repository.
            labelled: the patch.
            limit_s: CPU seconds of all tests together.
            level: the highest that counts.
            told: what the tests say is wanted.

        Raises:
            ProblemError: there are no boxes.
            SandboxUnavailableError: there are none any more.
        """
        if self._boxes is None:
            raise ProblemError(f"problem {problem.id} is a repository: open the judge with boxes=open_boxes()")
        boxes, began = self._boxes, monotonic()
        record = SubmissionRecord(problem.id, labelled.name, PATCH, labelled.expected, requires=problem.requires)
        try:
            first = self._first_tree(boxes, self._allowed(problem))
            patch = labelled.submission.source
            with self._cores.shared():

                def graded(text: str) -> Grading:
                    return Grading(boxes, problem, first, text, limit_s, level=level, told=told)

                grading = graded(patch)
                error = _settle(grading, lambda: graded(""))
            if error:
                return replace(record, error=" ".join(error.split()))
        except SandboxUnavailableError:
            raise  # not of this patch: nothing can be graded any more
        except PatchError as failure:
            return replace(record, compile_error=str(failure), unrun=_unrun(problem, set()))
        except EnvsError as failure:
            return replace(record, error=" ".join(str(failure).split()))
        ran = {test.index for test in grading.records}
        return replace(
            record,
            tests=tuple(sorted(grading.records, key=lambda test: test.index)),
            unrun=_unrun(problem, ran),
            wall_s=monotonic() - began,
            counted_by=self._counted_by,
        )

    def run_public(self, problem: Problem, submission: Submission, limit_s: float) -> tuple[PublicResult, ...]:
        """Runs tests that are all public; see ``Judge.run_public``."""
        labelled = LabelledSubmission("", submission)
        record = self.record(problem, labelled, limit_s, level=problem.levels, told=True)
        if record.error:
            raise SandboxFailedError(record.error)
        if record.compile_error is not None:
            return tuple(PublicResult(test, Verdict.CE, record.compile_error, "") for test in problem.tests)
        found = []
        for ran in record.tests:
            told = report(replace(record, tests=(ran,), unrun=()), limit_s)
            if told.verdict is None:
                raise SandboxFailedError(told.error)
            found.append(PublicResult(problem.tests[ran.index], told.verdict, told.cause, ran.output or ""))
        return tuple(found)

    def _allowed(self, problem: Problem) -> Repository:
        """The problem's repository.

        Raises:
            ProblemError: it has none, or one whose verifier is not allowed.
        """
        if problem.repository is None:
            raise ProblemError(f"problem {problem.id} has no repository")
        if problem.repository.shared_verifier and not self._allow_shared:
            raise ProblemError(
                f"problem {problem.id} has a verifier in the box of what it verifies, which can deceive it: allow such "
                "verifiers with --allow-shared-verifier, or give the task a separate one"
            )
        return problem.repository

    def _first_tree(self, boxes: Boxes, repository: Repository) -> Workspace:
        if repository.tree is not None:
            return first_tree(boxes, repository)
        key = (boxes.find(repository.image).id, repository.workdir)
        with self._lock:
            kept = self._trees.get(key)
        if kept is None:
            kept = first_tree(boxes, repository)
            with self._lock:
                self._trees[key] = kept
                if len(self._trees) > _KEPT_TREES:
                    del self._trees[next(iter(self._trees))]
        return kept


def _settle(grading: Grading, canary: Callable[[], Grading]) -> str:
    """Runs a grading, again where it must be; why it cannot be measured, or ""."""
    failures: list[SandboxFailedError] = []
    again = False
    while len(failures) < 2:
        try:
            grading.run()
        except SandboxFailedError as error:
            failures.append(error)
            continue
        if not again and (grading.waited or grading.killed):
            again = True
        elif not grading.killed or _passes(canary()):
            return ""
        else:
            return "a signal from outside ends every program; run: alphadial doctor"
    if not isinstance(failures[-1], MachineFullError) and _passes(canary()):
        grading.broke(str(failures[-1]))
        return ""
    return f"our machinery failed twice on it: {failures[-1]}"


def _passes(canary: Grading) -> bool:
    """Whether the repository as it is can be graded: then it is the patch that fails each time."""
    try:
        canary.run()
    except SandboxFailedError:
        return False
    return not canary.killed


def _unrun(problem: Problem, ran: set[int]) -> tuple[TestRef, ...]:
    return tuple(
        TestRef(test.group, test.level, test.public, name_of(test, index))
        for index, test in enumerate(problem.tests)
        if index not in ran
    )
