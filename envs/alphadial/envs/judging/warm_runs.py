"""Runs of commands in warm servers, as far as what comes of them is what a fresh sandbox would have said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.judging.server_pool import ServerPool
from alphadial.envs.sandbox.protocol import CommandServer, Sandbox
from alphadial.envs.types import Limits, RunResult

_MORE_KINDS = 6
"""Servers that are kept beside those that can be at work at once: for other commands, and other limits."""
_Kind = tuple[tuple[str, ...], Limits]


class WarmRuns:
    """Thread-safe.

    Args:
        sandbox: opens the servers.
        size: of them at work at once.
    """

    def __init__(self, sandbox: Sandbox, size: int) -> None:
        def opened(kind: _Kind) -> CommandServer:
            return sandbox.open_command(*kind)

        self._pool: ServerPool[_Kind, CommandServer] = ServerPool(opened, size, size + _MORE_KINDS)

    def run(
        self, command: tuple[str, ...], files: Mapping[str, str | bytes], stdin: bytes, limits: Limits
    ) -> RunResult | None:
        """As ``Sandbox.run``.

        Returns:
            None where a fresh sandbox might say something else, or there is no other one.
        """
        kind = replace(limits, cpu_s=0.0, wall_s=0.0, output_bytes=0)  # these are of each run
        try:
            with self._pool.lend((command, kind)) as server:
                if server.cold:
                    return None
                result = server.run(files, stdin, limits)
        except SandboxFailedError:
            return None
        return None if _doubtful(result, limits) else result

    def close(self) -> None:
        """Closes the servers. Idempotent."""
        self._pool.close()


def _doubtful(result: RunResult, limits: Limits) -> bool:
    """How much memory there is differs, and someone else may have ended it."""
    return result.oom or (result.peak_bytes or 0) > limits.memory_bytes or result.unexplained_kill
