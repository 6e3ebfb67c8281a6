"""What every provider of boxes promises.

A box is a small machine made from an image, with a working directory of its own that lasts from one command to the
next. What a command does is a result (``RunResult``); what our machinery does wrong is an exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ...files import File
from ...repository import ImageSource
from ...types import MIB, Limits, RunResult
from ..workspace import Workspace

MAX_TREE_BYTES = 256 * MIB
"""The most bytes that all files in a box's working directory may hold together, to be taken as a ``Workspace``."""
MAX_TREE_FILES = 50_000
LOGS = "/logs"
FOLDERS = ("/guest", "/grade", "/tests", "/solution", LOGS)
"""The folders that every box has beside its working directory and /tmp. They last as long as the box, are empty at
first, and belong to root, but for LOGS, where all may write. What the image holds in their place, or declares as a
volume, is out of sight."""
SOCKETS = "/sockets"
"""The path in the box of the host's folder of sockets that was given to ``Boxes.open``."""
AGENT_UID = 1000
"""The user and group id that ``User.AGENT`` has in boxes whose users have ids of their own."""


def absolute(path: str) -> str:
    """The path without a slash at its end, if it is absolute.

    Raises:
        ValueError: it is not absolute, or goes back up.
    """
    if not path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise ValueError(f"{path!r} is not an absolute path")
    return path.rstrip("/") or "/"


class User(StrEnum):
    """Who a command runs as."""

    AGENT = "agent"
    """The policy's commands, and everything that a candidate wrote."""
    ROOT = "root"
    """What belongs to a task, such as the script that prepares its repository. It has no power outside of the box."""


@dataclass(frozen=True, slots=True)
class BoxLimits:
    """What all commands of a box may use together. Sizes in bytes."""

    memory_bytes: int = 1024 * MIB
    processes: int = 256
    files_bytes: int = 512 * MIB
    """Bytes that files in the working directory may take; temporary files may take as many again."""
    cpus: float = 1.0


@dataclass(frozen=True, slots=True)
class Image:
    """An image that a provider has."""

    id: str
    """Tells its content: equal ids are equal images, for one provider."""
    reference: str
    """What the provider knows it by: a tag, or a folder."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables that every command has."""
    workdir: str = "/"


class Box(Protocol):
    """One box. Used by one thread at a time, but for ``close``. It ends with its owner, killed or not, in a second."""

    @property
    def alive(self) -> bool:
        """Whether it can run commands: False after ``close``, and where a command hit a limit and broke the box.

        Then open another one, and ``restore`` the workspace there.
        """

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
        """Runs one command, and ends whatever it left running.

        Args:
            argv: program and arguments; no shell unless it is named.
            limits: CPU time of all its processes, wall time and output; memory, files and processes are the box's.
            stdin: given whole.
            user: who it runs as.
            cwd: absolute; "" for the working directory.
            env: beside the image's variables.

        Returns:
            As ``Sandbox.run`` does; where a limit stopped it the box may not be alive any more.

        Raises:
            SandboxFailedError: our machinery broke, or the box is gone.
        """

    def snapshot(self) -> Workspace:
        """The working directory as a value: files, links, executable bits, empty folders. Cheap where little changed.

        Raises:
            WorkspaceError: it holds more than ``MAX_TREE_BYTES`` or ``MAX_TREE_FILES``.
            SandboxFailedError: our machinery broke.
        """

    def restore(self, workspace: Workspace) -> None:
        """Makes the working directory what the value says. Cheap where little differs from the last snapshot.

        Raises:
            SandboxFailedError: our machinery broke, or it does not fit.
        """

    def seal(self, files: Mapping[str, File], at: str) -> None:
        """Lays files out below one of ``FOLDERS``, where no command of the agent's can change them.

        Raises:
            SandboxFailedError: our machinery broke, they do not fit, or it is another folder.
            ValueError: the path is not absolute.
        """

    def read(self, path: str, max_bytes: int) -> bytes | None:
        """A regular file's content; None where there is none, or a longer one. Links are followed within the box.

        Raises:
            SandboxFailedError: our machinery broke.
            ValueError: the path is not absolute.
        """

    def write(self, path: str, file: File, user: User = User.AGENT) -> None:
        """Writes one file at an absolute path in a folder that can be written to, and the folders above it.

        Raises:
            SandboxFailedError: our machinery broke, or it does not fit.
            ValueError: the path is not absolute.
        """

    def close(self) -> None:
        """Ends everything in it and removes it; a command that another thread runs fails then. Idempotent."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Boxes(Protocol):
    """A provider of boxes. Thread-safe; boxes are independent of one another."""

    @property
    def name(self) -> str:
        """The provider's name, as it was given to ``open_boxes``."""

    def find(self, source: ImageSource) -> Image:
        """The image, built first where it has to be.

        Raises:
            ImageError: it is not there, or cannot be built; the message says what to do.
            SandboxUnavailableError: nothing is to be had any more, such as from a daemon that has ended.
        """

    def tree(self, image: Image, path: str) -> Workspace:
        """The files that an image holds under an absolute path, without ``.git``.

        Raises:
            WorkspaceError: more than ``MAX_TREE_BYTES`` or ``MAX_TREE_FILES``.
            ImageError: there is no such folder.
        """

    def open(self, image: Image, workdir: str, limits: BoxLimits | None = None, *, sockets: Path | None = None) -> Box:
        """A box whose working directory is empty.

        Args:
            image: what it is made from; all of it but the working directory, /tmp and ``FOLDERS`` is read-only.
            workdir: absolute path of the working directory.
            limits: of all its commands together.
            sockets: a folder of the host whose unix sockets its commands may connect to, at /sockets; None: they reach
                nothing.

        Raises:
            SandboxFailedError: our machinery broke, or no box can work in such a folder.
            ImageError: the image is gone.
        """

    def close(self) -> None:
        """Closes every box that is still open. Idempotent."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
