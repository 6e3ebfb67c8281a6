"""The judge's side of ``sandbox.guest.checking``: assertions in one sandbox about a program in another."""

from __future__ import annotations

import json
from dataclasses import replace

from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.sandbox.guest.checking import CALL, PASSED
from alphadial.envs.sandbox.protocol import Program, Server
from alphadial.envs.types import MIB, KilledBy, Limits, RunResult

LIMITS = Limits(cpu_s=20.0, wall_s=60.0, memory_bytes=1024 * MIB, output_bytes=64 * MIB, processes=8)
"""What the assertions may use: for what they do beside calling the candidate, and what its answers make them do."""
_SOURCE = "from guest.checking import step\n"


class Checking:
    """The process of the assertions, for one candidate; opened when it is first needed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._program: Program | None = None

    def run(self, check: str, entry: str, candidate: Program, cpu_s: float) -> tuple[RunResult, bool]:
        """Runs a check about a program that was started with ``tagged`` values.

        Args:
            check: see ``Test.check``.
            entry: the name that it calls the candidate by.
            candidate: which never sees it.
            cpu_s: CPU seconds of all of the candidate's calls together.

        Returns:
            The candidate's last call, with the times of all, and whether the check passed. What stops the check, as an
            answer that takes for ever to compare, says that it did not.

        Raises:
            SandboxFailedError: our machinery broke.
        """
        total = RunResult(exit_status=None)
        told: list[str | None] = [check, entry]
        while True:
            said = self._step(told)
            if said is None or said[0] != CALL:
                return total, said is not None and said[0] == PASSED
            result = candidate.call(said[1])
            total = replace(
                result,
                cpu_s=total.cpu_s + result.cpu_s,
                uncounted_s=total.uncounted_s + result.uncounted_s,
                wall_s=total.wall_s + result.wall_s,
            )
            if total.answered and total.cpu_s > cpu_s:
                total = replace(total, killed_by=KilledBy.CPU)
            if not total.answered:
                return total, False
            told = [None, total.stdout]

    def close(self) -> None:
        """Ends the process. Idempotent."""
        if self._program is not None:
            self._program.close()
            self._program = None

    def _step(self, told: list[str | None]) -> list[str] | None:
        """None where the check does not go on, or left no word that can be read."""
        self._program = self._program or self._server.start(_SOURCE, entry="step")
        result = self._program.call(json.dumps(told))
        if result.answered:
            said: list[str] = json.loads(result.stdout)
            return said
        self.close()
        if result.waited or result.unexplained_kill:
            raise SandboxFailedError("the process of the assertions was stopped from outside")
        return None
