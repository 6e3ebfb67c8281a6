"""A box that is a container of Docker's: the owner's end of ``guest.container_keeper``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from ...errors import SandboxFailedError
from ...types import KilledBy, Limits, RunResult
from ..supervise import Supervised, result_of
from ..usage import Usage
from .box import FOLDERS, BoxLimits, User
from .keeper_link import ContainerLink
from .kept_box import UIDS, KeptBox


class DockerBox(KeptBox):
    """Implements ``Box``.

    Args:
        link: to its keeper.
        limits: of all its commands.
        env: of every command.
        kill: ends the container, whatever state it is in.
    """

    def __init__(
        self, link: ContainerLink, limits: BoxLimits, env: Mapping[str, str], kill: Callable[[], None]
    ) -> None:
        super().__init__(link, FOLDERS)
        self._limits, self._env, self._kill = limits, env, kill

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
        """See ``Box``."""
        order = {
            "do": "run",
            "argv": list(argv),
            "env": {**self._env, **(env or {})},
            "cwd": cwd,
            "uid": UIDS[user],
            "cpu_s": limits.cpu_s,
            "wall_s": limits.wall_s,
            "output_bytes": limits.output_bytes,
            "memory_bytes": self._limits.memory_bytes,
        }
        self._known = False
        facts, output = self._ask(order, [stdin], len(stdin), max_bytes=limits.output_bytes, longer_s=limits.wall_s)
        got = Supervised(
            stdout=bytearray(output[: facts["stdout"]]),
            stderr=bytearray(output[facts["stdout"] :]),
            killed_by=KilledBy(facts["killed_by"]) if facts["killed_by"] else None,
            wall_s=facts["wall_s"],
        )
        return result_of(got, facts["status"], Usage(facts["cpu_s"]), facts["peak_bytes"], facts["oom"])

    def close(self) -> None:
        """See ``Box``. The keeper ends at once, and all else with it; the daemon removes what is left of them."""
        self._alive = False
        self._link.close()

    def _last_words(self) -> str:
        """The link has told them already."""
        with suppress(SandboxFailedError):  # where the daemon has gone, nothing of it is left
            self._kill()
        return ""
