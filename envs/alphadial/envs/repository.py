"""A code base as a problem: where it comes from, what may be changed, and who tells right from wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .files import File

PROTECTED = (
    "conftest.py",
    "sitecustomize.py",
    "usercustomize.py",
    "*.pth",
    "*.pyc",
    "pytest.ini",
    "tox.ini",
    "setup.cfg",
    ".git/*",
)
"""Names of files, and paths, that no patch changes where its changes are graded: they could change the grading."""

PERFORMANCE = "performance"
"""Name of the test that stands for ``Repository.performance`` among the problem's tests, at the highest level."""
REWARD = "reward"
"""Name of the test that stands for what a script rewards; a test by any other name stands for the number that
``reward.json`` has under it ("level_2"). It passes with 1 or more."""


@dataclass(frozen=True, slots=True)
class ImageSource:
    """The source of a box's image: a name, or a Dockerfile and what lies beside it."""

    name: str = ""
    """One of ours ("repository"), or whatever Docker knows an image by; "" where there is a Dockerfile."""
    context: Mapping[str, File] = field(default_factory=dict)
    """The folder that the image is built from, its ``Dockerfile`` among the files."""


class VerifierKind(StrEnum):
    """How a submission is graded."""

    TESTS = "tests"
    """pytest in our runner, every test as it is and inverted, with no file of the repository that configures pytest."""
    PROJECT_TESTS = "project tests"
    """pytest as the repository configures it, with every file of that configuration as it was before the patch."""
    SCRIPT = "script"
    """A script of the task's, in a box of its own; the reward that it writes decides."""
    SHARED_SCRIPT = "shared script"
    """A script in the box that the candidate worked in, which can be deceived."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """What grades a submission. Nothing of it ever enters a box in which a policy works."""

    kind: VerifierKind = VerifierKind.TESTS
    files: Mapping[str, File] = field(default_factory=dict)
    """The verifier's files, by relative path. Tests are laid over the repository's root, in place of files there; for a
    script they lie at /tests."""
    patch: str = ""
    """A patch that brings tests into the code base as it is before the candidate's changes (SWE-bench's test_patch).
    What ``patches.written`` makes of it goes beside ``files``; "" where there is none."""
    command: tuple[str, ...] = ()
    """The command that runs the script: program and arguments; empty where pytest runs tests."""
    timeout_s: float = 600.0
    """CPU seconds that all tests, or the script, may take, where the problem states no ``time_limit_s``."""
    image: ImageSource | None = None
    """The image of the box that a script runs in; None: the repository's."""
    artifacts: tuple[str, ...] = ()
    """Absolute paths of files and folders that a script with a box of its own finds there, copied from the candidate's
    box."""
    collect: tuple[str, ...] = ()
    """Shell commands that make the artifacts; they run in the candidate's box before anything is copied."""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Performance:
    """The highest level: as fast as the gold patch, by CPU time, in turns with it."""

    command: tuple[str, ...]
    """Program and arguments, run in the repository's root; its stdout must be what it is under the gold patch."""
    files: Mapping[str, File] = field(default_factory=dict)
    """What the command needs beside the repository, by path below ``/grade``, where the candidate cannot change it."""
    ratio: float = 2.0
    """The most CPU time that passes, divided by the gold patch's."""
    pairs: int = 7
    """The most pairs of runs, one of the gold patch and one of the candidate, in turns."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A code base, and what is asked of it.

    The problem's tests name what the verifier runs: a pytest node ("tests/test_core.py::test_order"), or, where
    ``input`` is not empty, a call whose value is compared outside of the candidate's process: ``input`` is JSON of
    ``["module:function", arguments]``, ``answer`` JSON of what it returns. Level 1 holds what the patch is to mend
    (FAIL_TO_PASS), level 2 everything else, level 3 is performance, as a test named ``PERFORMANCE``. A node may stand
    for many: a file, a class, or a function with all its parameters. Of a script there is one test, ``REWARD``, or one
    for each number that it writes.
    """

    image: ImageSource
    verifier: Verifier
    workdir: str = "/app"
    """The repository's absolute path in the box."""
    tree: Mapping[str, File] | None = None
    """The repository before any patch; None: what the image holds in ``workdir``, without its git history."""
    gold: str = ""
    """A patch that solves the task, as ``git diff`` writes it; "" where none is known."""
    solution: Mapping[str, File] = field(default_factory=dict)
    """What lies at /solution, by relative path, where there is no gold patch: ``solve.sh`` in it solves the task. See
    ``judging.repositories.oracle``."""
    editable: tuple[str, ...] = ("*",)
    """Patterns (fnmatch) of the paths whose changes are graded; all others stay as they were."""
    protected: tuple[str, ...] = PROTECTED
    """Patterns of names and paths whose changes are never graded."""
    import_from: tuple[str, ...] = ("src", ".")
    """Folders of the repository on Python's path while its tests run, after everything else."""
    performance: Performance | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables of every command in its boxes, beside the image's."""

    @property
    def shared_verifier(self) -> bool:
        """Whether its verifier works in the candidate's own box, and can be deceived."""
        return self.verifier.kind is VerifierKind.SHARED_SCRIPT
