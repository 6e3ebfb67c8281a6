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
    """Where the image of a box comes from: a name, or a Dockerfile and what lies beside it."""

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
    """Of tests: relative to the repository's root, in place of files there. Of a script: what lies at /tests."""
    patch: str = ""
    """Of tests: brings them into the code base as it was before the candidate's changes (SWE-bench's test_patch). What
    ``patches.written`` makes of it goes beside ``files``."""
    command: tuple[str, ...] = ()
    """Of a script."""
    timeout_s: float = 600.0
    image: ImageSource | None = None
    """Of a script, where it is another one than the repository's."""
    artifacts: tuple[str, ...] = ()
    """Of a script in a box of its own: absolute paths that are copied there from the candidate's box."""
    collect: tuple[str, ...] = ()
    """Commands, for a shell in the candidate's box, by which the artifacts come to be."""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Performance:
    """The highest level: as fast as the gold patch, by CPU time, in turns with it."""

    command: tuple[str, ...]
    """Run in the repository's root; its stdout must be what it is under the gold patch."""
    files: Mapping[str, File] = field(default_factory=dict)
    """What the command needs beside the repository: sealed, at ``/grade``."""
    ratio: float = 2.0
    """So many times the gold patch's CPU time are allowed."""
    pairs: int = 7
    """Of runs, gold and candidate in turns."""


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
    """Where the repository lies in the box; an absolute path."""
    tree: Mapping[str, File] | None = None
    """The repository before any patch; None: what the image holds in ``workdir``, without its git history."""
    gold: str = ""
    """A patch that solves the task, as ``git diff`` writes it; "" where none is known."""
    solution: Mapping[str, File] = field(default_factory=dict)
    """Where there is no gold patch: what lies at /solution for ``bash /solution/solve.sh``, which solves the task. See
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
        """Its verifier works in the candidate's own box, and can be deceived."""
        return self.verifier.kind is VerifierKind.SHARED_SCRIPT
