"""A sandbox that can be told to run nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alphadial.envs.closing import Closing
from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.sandbox import CommandServer, Protection, Sandbox, Server, Workspace, WorkspaceRun
from alphadial.envs.types import Limits, RunResult


class StoppingSandbox(Closing):
    """A ``Sandbox`` over another one, whose threads end soon after ``stop``: what runs is let end, the next run fails.

    What was judged so far of a solution is then our failure, never a verdict.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._stopped = False

    def stop(self) -> None:
        """Every run from now on raises SandboxFailedError."""
        self._stopped = True

    @property
    def name(self) -> str:
        """The sandbox below has it."""
        return self._sandbox.name

    @property
    def protection(self) -> Protection:
        """The sandbox below has it."""
        return self._sandbox.protection

    def run(
        self, command: Sequence[str], files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits
    ) -> RunResult:
        """See ``Sandbox``."""
        return self._running().run(command, files, stdin, limits)

    def run_in(self, workspace: Workspace, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        """See ``Sandbox``."""
        return self._running().run_in(workspace, command, limits)

    def open(self, limits: Limits) -> Server:
        """See ``Sandbox``."""
        return self._running().open(limits)

    def open_command(self, command: Sequence[str], limits: Limits) -> CommandServer:
        """See ``Sandbox``."""
        return self._running().open_command(command, limits)

    def close(self) -> None:
        """See ``Sandbox``."""
        self._sandbox.close()

    def _running(self) -> Sandbox:
        if self._stopped:
            raise SandboxFailedError("interrupted")
        return self._sandbox
