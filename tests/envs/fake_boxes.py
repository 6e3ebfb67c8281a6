"""Boxes that isolate nothing: folders of this machine, for tests of what uses boxes. They can be told to fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alphadial.envs import (
    FailureKind,
    JudgeReport,
    KilledBy,
    Limits,
    Problem,
    PublicResult,
    RunResult,
    Submission,
    Test,
    TestResult,
    Verdict,
)
from alphadial.envs.closing import Closing
from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.judging import Judge
from alphadial.envs.repository import ImageSource, Repository, Verifier
from alphadial.envs.sandbox import File, Workspace
from alphadial.envs.sandbox.boxes.box import MAX_TREE_BYTES, MAX_TREE_FILES, Box, BoxLimits, Image, User
from alphadial.envs.sandbox.trusted import Trusted
from alphadial.envs.types import Interface

TREE = {
    "src/core.py": File(b"def f():\n    return 1\n"),
    "run.sh": File(b"echo ran\n", executable=True),
    "latest": File(b"src/core.py", link=True),
    ".gitignore": File(b"*.log\n"),
}
REPOSITORY = Repository(ImageSource("repository"), Verifier(), tree=TREE)
PROBLEM = Problem(
    "repo",
    statement="Let f return 2.",
    tests=(Test(1, "", "", name="tests/test_core.py::test_f"),),
    interface=Interface.REPOSITORY,
    time_limit_s=10.0,
    limits=Limits(memory_bytes=1 << 30, files_bytes=64 << 20),
    repository=REPOSITORY,
)


class PatchJudge(Judge):
    """Accepts a patch with "return 2" in it, and keeps what was handed in."""

    def __init__(self, boxes: FolderBoxes | None) -> None:
        super().__init__(Trusted(), workers=2, boxes=boxes)
        self.handed_in: list[str] = []

    def judge(self, problem: Problem, submission: Submission | str | None, *_: Any, **__: Any) -> JudgeReport:
        if submission is None:
            return JudgeReport(Verdict.CE, FailureKind.CORRECTNESS, 0, "no program")
        assert isinstance(submission, Submission)
        self.handed_in.append(submission.source)
        right = "+    return 2" in submission.source
        verdict = Verdict.AC if right else Verdict.WA
        ran = TestResult(1, verdict, None, 0.1, name=problem.tests[0].name)
        return JudgeReport(verdict, None if right else FailureKind.CORRECTNESS, int(right), tests=(ran,))

    def run_public(self, problem: Problem, submission: Submission | str) -> tuple[PublicResult, ...]:
        shown = next(test for test in problem.tests if test.public)
        return (PublicResult(shown, Verdict.WA, "AssertionError", ""),)


def read_folder(folder: Path) -> Workspace:
    files: dict[str, File] = {}
    folders = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            files[name] = File(os.fsencode(path.readlink()), link=True)
        elif path.is_dir():
            folders.add(name)
        else:
            files[name] = File(path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return Workspace(files, frozenset(folders), MAX_TREE_BYTES, MAX_TREE_FILES)


def write_folder(folder: Path, workspace: Workspace) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in workspace.folders:
        (folder / name).mkdir(parents=True)
    for name, file in workspace.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.link:
            path.symlink_to(os.fsdecode(file.data))
        else:
            path.write_bytes(file.data)
            path.chmod(0o755 if file.executable else 0o644)


class FolderBox(Closing):
    def __init__(self, boxes: FolderBoxes) -> None:
        self._boxes = boxes
        self._folder = Path(tempfile.mkdtemp()) / "work"
        self._folder.mkdir()
        self.alive = True

    def exec(
        self,
        argv: Sequence[str],
        limits: Limits,
        *,
        stdin: bytes = b"",
        user: User = User.AGENT,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
    ) -> RunResult:
        self._boxes.happens("exec", argv[-1])
        if not self.alive:
            raise SandboxFailedError("the box was closed under the command")
        if not self._boxes.git and "command -v git" in argv[-1]:
            return RunResult(0)
        process = subprocess.Popen(
            list(argv),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=limits.wall_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            self.alive = False
            return RunResult(None, 9, killed_by=KilledBy.WALL)
        return RunResult(process.returncode, stdout=out.decode(), stderr=err.decode())

    def snapshot(self) -> Workspace:
        self._boxes.happens("snapshot", "")
        return read_folder(self._folder)

    def restore(self, workspace: Workspace) -> None:
        self._boxes.happens("restore", workspace.digest)
        write_folder(self._folder, workspace)

    def seal(self, files: Mapping[str, File], at: str) -> None:
        raise NotImplementedError

    def read(self, path: str, max_bytes: int) -> bytes | None:
        raise NotImplementedError

    def write(self, path: str, file: File, user: User = User.AGENT) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.alive = False
        self._boxes.open_boxes.discard(self)
        shutil.rmtree(self._folder.parent, ignore_errors=True)


class FolderBoxes(Closing):
    """A provider whose images hold one tree each.

    Args:
        trees: name of an image to its files.
        fails: told of everything that happens, such as ("exec", "true"); what it returns is raised.
        git: whether the images have it.
    """

    name = "folder"

    def __init__(
        self,
        trees: Mapping[str, Mapping[str, File]] | None = None,
        fails: Callable[[str, str], Exception | None] = lambda what, detail: None,
        git: bool = True,
    ) -> None:
        self.trees, self.fails, self.git = dict(trees or {}), fails, git
        self.happened: list[tuple[str, str]] = []
        self.open_boxes: set[FolderBox] = set()

    def happens(self, what: str, detail: str) -> None:
        self.happened.append((what, detail))
        error = self.fails(what, detail)
        if error is not None:
            raise error

    def count(self, what: str) -> int:
        return sum(each == what for each, _ in self.happened)

    def find(self, source: ImageSource) -> Image:
        self.happens("find", source.name)
        return Image(source.name, source.name)

    def tree(self, image: Image, path: str) -> Workspace:
        self.happens("tree", path)
        return Workspace(self.trees[image.id], max_bytes=MAX_TREE_BYTES, max_files=MAX_TREE_FILES)

    def open(self, image: Image, workdir: str, limits: BoxLimits | None = None, *, sockets: Path | None = None) -> Box:
        self.happens("open", workdir)
        box = FolderBox(self)
        self.open_boxes.add(box)
        return box

    def close(self) -> None:
        for box in list(self.open_boxes):
            box.close()


def broken(*whats: Any) -> Callable[[str, str], Exception | None]:
    """Fails where one of these happens: a word, such as "open", or a word with what must be in its detail."""

    def fails(what: str, detail: str) -> Exception | None:
        for each in whats:
            word, part = each if isinstance(each, tuple) else (each, "")
            if what == word and part in detail:
                return SandboxFailedError(f"{what} broke")
        return None

    return fails
