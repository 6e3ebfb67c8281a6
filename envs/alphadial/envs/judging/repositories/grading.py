"""One grading of one patch: fresh boxes, the calls and the tests in one, then the candidate's speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from alphadial.envs.errors import PatchError, ProblemError, WorkspaceError
from alphadial.envs.files import File
from alphadial.envs.judging.course import name_of
from alphadial.envs.judging.measuring import OVERRUN
from alphadial.envs.judging.records import KEPT_BYTES, TestRecord
from alphadial.envs.judging.repositories.box_calls import run_calls
from alphadial.envs.judging.repositories.box_report import GUEST, TESTS, Said, guest_files
from alphadial.envs.judging.repositories.box_tests import BoxTests
from alphadial.envs.judging.repositories.graded_tree import graded_tree
from alphadial.envs.judging.repositories.paired_times import PairedTimes, UnmeasuredError
from alphadial.envs.judging.repositories.reward_scripts import Places, RewardScript
from alphadial.envs.judging.verdicts import verdict_of
from alphadial.envs.patches import apply, written
from alphadial.envs.repository import PERFORMANCE, ImageSource, Repository, VerifierKind
from alphadial.envs.sandbox.boxes.box import MAX_TREE_BYTES, MAX_TREE_FILES, Box, Boxes, BoxLimits
from alphadial.envs.sandbox.workspace import Workspace
from alphadial.envs.tools.box_commands import BEGIN_HISTORY
from alphadial.envs.types import MIB, KilledBy, Limits, Problem, RunResult, Verdict

SCRIPTS = (VerifierKind.SCRIPT, VerifierKind.SHARED_SCRIPT)
_OUTPUT_BYTES = 32 * MIB
_HISTORY = Limits(cpu_s=120.0, wall_s=300.0)
_ENDED = "ended before the test did"


class Grading:
    """Grades a patch; ``run`` again starts over.

    Args:
        boxes: where it is graded.
        problem: of a repository.
        first: the tree before any patch.
        patch: what was handed in.
        limit_s: CPU seconds of all tests together.
        level: tests of higher levels do not count, and only public ones of them are run.
        told: what the tests say is wanted, in place of what nobody can deceive.

    Raises:
        PatchError: the patch does not fit, or makes more than a box may hold.
        ProblemError: the problem cannot be graded.
    """

    def __init__(
        self, boxes: Boxes, problem: Problem, first: Workspace, patch: str, limit_s: float, *, level: int, told: bool
    ) -> None:
        problem = _with_test_patch(problem, first.files)
        assert problem.repository is not None
        self.records: list[TestRecord] = []
        self.waited = self.killed = False
        """Two flags: the wall clock ended a run that had used little CPU time; a signal that may have come from outside
        ended one."""
        self._boxes = boxes
        self._problem = problem
        self._repository: Repository = problem.repository
        self._first = first
        self._limit_s = limit_s
        self._limits = _limits(limit_s)
        tests = [index for index, test in enumerate(problem.tests) if test.level <= level or test.public]
        timed = [index for index in tests if problem.tests[index].name == PERFORMANCE]
        self._timed = timed if self._repository.performance is not None else []
        self._wanted = [index for index in tests if index not in self._timed]
        self._calls = [index for index in self._wanted if problem.tests[index].input]
        self._nodes = [index for index in self._wanted if index not in self._calls]
        try:
            self._tree = _with(first, graded_tree(self._repository, first.files, patch))
        except WorkspaceError as error:
            raise PatchError(str(error)) from None
        scripted = self._repository.verifier.kind in SCRIPTS
        self._script = RewardScript(problem, self._limits) if scripted else None
        self._tests = None if scripted else BoxTests(problem, first.files, self._nodes, told=told)

    def run(self) -> None:
        """Runs all that is wanted; performance where everything else passed.

        Raises:
            SandboxFailedError: our machinery broke.
            EnvsError: the problem cannot be graded.
        """
        self.records, self.waited, self.killed = [], False, False
        if self._script is not None:
            self._keep(*self._script.run(Places(self._worked_in, self._verifiers_own)))
        else:
            self._run_tests()
        if self._timed and all(verdict_of(test, self._limit_s) is Verdict.AC for test in self.records):
            self._run_timed()

    def broke(self, how: str) -> None:
        """Notes that the patch breaks the boxes each time: a run-time error of every test that did not run."""
        ran = {test.index for test in self.records}
        rest = {index: Said(error=f"breaks the box: {how}") for index in self._wanted if index not in ran}
        self._keep(rest, RunResult(exit_status=None))

    def _run_tests(self) -> None:
        """Calls first, before what could tell their answers is in the box."""
        assert self._tests is not None
        if self._calls:
            with self._open_repository(self._tree) as box:
                box.seal(guest_files(), GUEST)
                self._keep(*run_calls(box, self._problem, self._calls, self._import_from, self._limits))
                if self._nodes and box.alive:
                    self._run_nodes(self._tests, box)
                    return
        if self._nodes:
            with self._open_repository(self._tree) as box:
                box.seal(guest_files(), GUEST)
                self._run_nodes(self._tests, box)

    def _run_nodes(self, tests: BoxTests, box: Box) -> None:
        box.restore(_with(self._tree, tests.in_tree(self._tree.files)))  # whatever the calls have left there
        box.seal(tests.sealed, TESTS)
        self._keep(*tests.run(box, self._import_from, self._limits))

    def _run_timed(self) -> None:
        performance = self._repository.performance
        assert performance is not None
        gold = _with(self._first, apply(self._repository.gold, self._first.files))
        times = PairedTimes(performance, self._open_repository, self._limits, self._repository.env)
        (index,) = self._timed
        try:
            paired = times.measure(gold, self._tree)
        except UnmeasuredError as error:
            self.records.append(replace(self._recorded(index, Said(), RunResult(0)), error=str(error)))
            return
        failed = paired.failed
        said = Said(missing=failed, right=paired.same, cpu_s=paired.result.cpu_s)
        record = self._recorded(index, said, paired.result)
        if failed and record.signal is None and record.killed_by is None:
            record = replace(record, exit_status=paired.result.exit_status, stderr="")
        if not failed and paired.same:
            record = replace(record, cpu_s=0.0, ratio=paired.ratio, allowed_ratio=performance.ratio)
        self.records.append(record)

    @property
    def _import_from(self) -> list[str]:
        return [str(PurePosixPath(self._repository.workdir, folder)) for folder in self._repository.import_from]

    def _open_repository(self, tree: Workspace) -> Box:
        return self._open(self._repository.image, tree)

    def _open(self, source: ImageSource, tree: Workspace) -> Box:
        """A fresh box, with a tree in its working directory."""
        image, limits = self._boxes.find(source), self._problem.limits
        workdir = self._repository.workdir
        size = BoxLimits(limits.memory_bytes, limits.processes, limits.files_bytes)
        box = self._boxes.open(image, workdir, size)
        try:
            box.restore(tree)
        except BaseException:
            box.close()
            raise
        return box

    def _worked_in(self) -> Box:
        """A box as the candidate left it, for scripts: git tells there what it changed."""
        box = self._open_repository(self._first)
        try:
            box.exec(["sh", "-c", BEGIN_HISTORY], _HISTORY)
            found = box.snapshot()
            history = {path: file for path, file in found.files.items() if path.startswith(".git/")}
            box.restore(_with(found, {**self._tree.files, **history}))
        except BaseException:
            box.close()
            raise
        return box

    def _verifiers_own(self) -> Box:
        """A box as the verifier's image has it, without anything of the candidate's."""
        own = self._repository.verifier.image
        return self._open_repository(self._first) if own is None else self._open(own, Workspace())

    def _keep(self, said: Mapping[int, Said], result: RunResult) -> None:
        self.waited = self.waited or result.waited
        self.killed = self.killed or result.unexplained_kill
        self.records += [self._recorded(index, each, result) for index, each in said.items()]

    def _recorded(self, index: int, said: Said, result: RunResult) -> TestRecord:
        test = self._problem.tests[index]
        record = TestRecord(
            index=index,
            name=name_of(test, index),
            group=test.group,
            level=test.level,
            public=test.public,
            cpu_s=said.cpu_s,
            wall_s=result.wall_s,
            allowed_s=self._limit_s,
            runs=(said.cpu_s,),
            peak_bytes=result.peak_bytes,
            exit_status=0,
            output=said.text if len(said.text) <= KEPT_BYTES and not said.right else None,
            checked=said.right,
        )
        if said.error:
            return replace(record, exit_status=None, stderr=said.error, checked=None)
        if not said.missing:
            return record
        stopped = result.killed_by is not None or result.oom
        return replace(
            record,
            exit_status=None,
            signal=None if stopped else result.signal,
            killed_by=KilledBy.MEMORY if result.oom else result.killed_by,
            oom=result.oom,
            cpu_s=result.cpu_s,
            runs=(result.cpu_s,),
            stderr="" if stopped else _ENDED,
            checked=None,
        )


def _with_test_patch(problem: Problem, first: Mapping[str, File]) -> Problem:
    """The problem with the tests among its verifier's files that come as a patch.

    Raises:
        ProblemError: that patch does not fit the repository.
    """
    assert problem.repository is not None
    verifier = problem.repository.verifier
    if not verifier.patch:
        return problem
    try:
        files = {**verifier.files, **written(verifier.patch, first)}
    except PatchError as error:
        raise ProblemError(f"problem {problem.id}: the patch of its tests does not apply: {error}") from error
    return replace(problem, repository=replace(problem.repository, verifier=replace(verifier, files=files, patch="")))


def _limits(limit_s: float) -> Limits:
    """What one run may use: a little more CPU time than the limit, so that a stopped run is known to be over it."""
    return Limits(cpu_s=OVERRUN * limit_s, wall_s=2 * limit_s + 10.0, output_bytes=_OUTPUT_BYTES)


def _with(tree: Workspace, files: Mapping[str, File]) -> Workspace:
    """A workspace of these files, with those empty folders of ``tree`` that they leave room for."""
    taken = {*files, *(str(parent) for path in files for parent in PurePosixPath(path).parents)}
    kept = (
        folder
        for folder in tree.folders
        if folder not in taken and not any(str(parent) in files for parent in PurePosixPath(folder).parents)
    )
    return Workspace(files, frozenset(kept), MAX_TREE_BYTES, MAX_TREE_FILES)
