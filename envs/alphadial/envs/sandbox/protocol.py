"""What every sandbox promises.

Events of the program are results (``RunResult``): exit statuses, signals, exceptions, compile errors, every limit that
it hits, output that is not text, frames that it forges, leaving or dying in the middle of a call. Events of our
machinery are exceptions: ``SandboxUnavailableError`` when this machine cannot offer the sandbox at all,
``SandboxFailedError`` when one that worked breaks (a server that dies without an OOM kill, or cannot fork or isolate).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from ..types import Limits, RunResult
from .workspace import Workspace, WorkspaceRun


@dataclass(frozen=True, slots=True)
class Protection:
    """What was reached on this machine, for ``alphadial doctor`` and for the row of a run."""

    network: bool
    """No network, not even the host's loopback."""
    filesystem: bool
    """The host's files are out of sight but for a read-only interpreter; writes go to a tmpfs of limited size."""
    processes: bool
    """A process namespace of its own: other processes can be neither seen nor signalled, and none survives."""
    own_uid: bool
    """A host uid that no other slot uses. False for an ordinary user, whose programs run under the user's uid."""
    capabilities: bool
    """All dropped, and no_new_privs set."""
    seccomp: bool
    cgroup: str | None
    """ "v1" or "v2": memory, processes and CPU time are limited for the whole tree. None: see ``counted_by``."""
    process_limit: str
    """ "cgroup", "rlimit" or "none"."""
    interpreter: str
    """The Python that runs the programs."""

    @property
    def counted_by(self) -> str:
        """How CPU time and memory of the whole tree are known: "cgroup", or "polling" (see ``sandbox/usage.py``)."""
        return "polling" if self.cgroup is None else "cgroup"


class Program(Protocol):
    """One submission inside a warm server, isolated from the server and from every other program."""

    def call(self, input: str) -> RunResult:
        """Calls the entry function once.

        Args:
            input: a JSON array: the arguments.

        Returns:
            ``stdout`` is the JSON of the return value when ``answered``. After a result that is not ``answered`` the
            program is over and every later call returns that same result.

        Raises:
            SandboxFailedError: our machinery broke.
        """

    def close(self) -> RunResult:
        """Ends the program and everything it started; returns once all of it is gone. Idempotent.

        Returns:
            How it ended (by our signal 9, if it still lived), with the CPU time and peak memory of its process.

        Raises:
            SandboxFailedError: the server does not answer.
        """


class Server(Protocol):
    """A warm interpreter that runs one program at a time under fixed limits. Used by one thread at a time."""

    def start(self, source: str, *, entry: str, tagged: bool = False) -> Program:
        """Begins a program; compiling happens in its own process, and what it says comes with the first call.

        Args:
            source: Python.
            entry: the function to call.
            tagged: arguments and return values are not plain JSON, but as ``guest.values`` writes them.

        Raises:
            SandboxFailedError: the server is gone, or a program is still open.
        """

    def alive(self) -> bool:
        """False after a crash or ``close``; open another one then."""

    def close(self) -> None:
        """Ends the server and all in it. Idempotent."""


class CommandServer(Protocol):
    """Runs one command again and again, each time in a fresh sandbox. Used by one thread at a time."""

    @property
    def cold(self) -> bool:
        """Each run is one of ``Sandbox.run``, and takes as long."""

    def run(self, files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits) -> RunResult:
        """As ``Sandbox.run``, but sooner.

        The start that an interpreter is spared counts in ``cpu_s`` as if it had been made. ``peak_bytes`` may hold some
        MiB of ours; some MiB and a few processes more than the limits may be allowed.

        Args:
            files: as for ``Sandbox.run``.
            stdin: likewise.
            limits: times and output; all else as the server was opened with.

        Raises:
            NotWarmError: it asked for what would tell others of it, a socket with an address or a lock on a file, and
                was ended: ``Sandbox.run`` gives it that.
        """

    def alive(self) -> bool:
        """False after a crash or ``close``; open another one then."""

    def close(self) -> None:
        """Ends the server and all in it. Idempotent."""


class Sandbox(Protocol):
    """A way to run code that nobody has read. Thread-safe; servers and runs are independent of one another."""

    @property
    def name(self) -> str:
        """As given to ``open_sandbox``."""

    @property
    def protection(self) -> Protection:
        """What was reached here."""

    def run(
        self, command: Sequence[str], files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits
    ) -> RunResult:
        """Runs one command in a fresh sandbox.

        Args:
            command: the program and its arguments; ``python3`` is the interpreter of ``protection``.
            files: relative path to content, laid out in the working directory, executable.
            stdin: given whole, as a regular file of this run alone that can be sought in, mapped and opened again as
                /dev/stdin, but not changed.
            limits: CPU time of the whole tree decides, wall time only bounds. ``steps`` is not used.

        Returns:
            The exit status, or the signal (a status of 128 + n is read as signal n, as shells do), with the output
            as text. A command that does not exist exits with 127.

        Raises:
            SandboxFailedError: our machinery broke.
            ValueError: a path in ``files`` is absolute or leaves the working directory.
        """

    def run_in(self, workspace: Workspace, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        """Runs one command in a fresh sandbox with the workspace as its working directory, and reads that back.

        It is read once the command and everything that it started have ended: regular files, whether their owner may
        execute them, and empty folders. A command that a limit stops has changed nothing.

        Args:
            workspace: what the command finds.
            command: as for ``run``; its stdin is empty.
            limits: as for ``run``; ``files_bytes`` must leave room for the workspace.

        Raises:
            SandboxFailedError: our machinery broke, or the workspace does not fit in ``files_bytes``.
        """

    def open(self, limits: Limits) -> Server:
        """A warm server.

        Raises:
            SandboxFailedError: it did not come up.
        """

    def open_command(self, command: Sequence[str], limits: Limits) -> CommandServer:
        """A warm server that runs one command.

        Args:
            command: as for ``run``.
            limits: of every run, but for times and output.

        Raises:
            SandboxFailedError: it did not come up.
        """

    def close(self) -> None:
        """Ends every server and removes what was set up on the host. Idempotent."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
