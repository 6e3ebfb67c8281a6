"""A box that is a process in bubblewrap's namespaces: the owner's end of ``guest.keeper``."""

from __future__ import annotations

import resource
import select
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from ...forking import OwnSocket
from ...types import KilledBy, Limits, RunResult
from ..bubblewrap import Bubblewrap
from ..guest.box_wire import KILL
from ..launch import Contained
from ..slot import Slot
from ..supervise import Supervised, pipe, result_of, sealed, supervise
from ..usage import Meter
from .box import BoxLimits, Image, User
from .keeper_link import BrokenLinkError, Facts, KeeperLink
from .kept_box import ANSWER_S, KeptBox

_KILLED = 128 + 9
_OPEN_FILES = 1024
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}
"""The variables of every command, where the image says nothing else."""


class RootfsBox(KeptBox):
    """Implements ``Box``."""

    def __init__(
        self,
        sandbox: Bubblewrap,
        control: OwnSocket,
        slot: Slot,
        contained: Contained,
        image: Image,
        limits: BoxLimits,
        settings: Mapping[str, Any],
    ) -> None:
        super().__init__(KeeperLink(control), list(settings["sealed"]))
        self._sandbox, self._slot, self._init = sandbox, slot, contained.init
        self._workdir, self._limits = str(settings["workdir"]), limits
        self._env = {**ENVIRONMENT, **image.env}
        self._ask(dict(settings))

    @property
    def alive(self) -> bool:
        """See ``Box``."""
        if not self._alive:
            return False
        poll = select.poll()
        poll.register(self._link, select.POLLRDHUP)
        return not poll.poll(0)

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
        """See ``Box``. There is one uid, so that every user is the same."""
        self._check_alive()
        order = {
            "do": "run",
            "argv": list(argv),
            "cwd": cwd or self._workdir,
            "env": {**self._env, **(env or {})},
            "rlimits": self._rlimits(limits),
        }
        self._known = False
        oom_kills = self._slot.oom_kills()
        self._slot.begin()
        meter = self._slot.meter(self._init)
        before = meter()
        got, facts = self._run(order, stdin, limits, lambda: meter().since(before), oom_kills)
        status = _KILLED if facts["status"] is None else int(facts["status"])
        used, peak, oom = meter().since(before), self._slot.peak_bytes(), self._slot.oom_kills() > oom_kills
        result = result_of(got, status, used, peak if peak is not None else used.peak_bytes, oom)
        if result.killed_by is KilledBy.MEMORY or facts["held"] > self._limits.memory_bytes:
            self.close()  # files count as memory: so full of them, it has no room for anything else
        return result

    def _run(
        self, order: Facts, stdin: bytes, limits: Limits, meter: Meter, oom_kills: int
    ) -> tuple[Supervised, Facts]:
        """What came out of a command, and what the keeper says of its end."""
        with ExitStack() as stack:
            stdout, stdout_end = map(stack.enter_context, pipe())
            stderr, stderr_end = map(stack.enter_context, pipe())
            passed = [stack.enter_context(sealed(stdin)), stdout_end, stderr_end]
            stack.enter_context(self._talking())
            self._link.send(order, descriptors=[each.fileno() for each in passed], timeout_s=ANSWER_S)
            for each in passed:
                each.close()
            kill = partial(self._link.send, {"do": KILL}, timeout_s=ANSWER_S)
            got = supervise(stdout, stderr, [self._link.fileno()], limits, meter, kill)
            facts = self._ending(oom_kills)
        return got, self._done(facts)

    def _ending(self, oom_kills: int) -> Facts:
        """The keeper's answer; where the kernel has ended it too, memory being short, what it would say."""
        try:
            return self._link.answer(timeout_s=ANSWER_S)[0]
        except BrokenLinkError:
            if self._slot.oom_kills() > oom_kills:
                self.close()
                return {"status": None, "held": 0}
            raise

    def close(self) -> None:
        """See ``Box``."""
        self._alive = False
        self._link.close()
        self._slot.kill()

    def _rlimits(self, limits: Limits) -> list[tuple[int, int, int]]:
        bounded = replace(
            limits,
            memory_bytes=self._limits.memory_bytes,
            files_bytes=self._limits.files_bytes,
            processes=self._limits.processes,
        )
        rlimits = self._sandbox.rlimits(bounded) | {resource.RLIMIT_NOFILE: (_OPEN_FILES, _OPEN_FILES)}
        del rlimits[resource.RLIMIT_FSIZE]  # what a file holds is limited, not how long it pretends to be
        return [(which, *values) for which, values in rlimits.items()]

    def _last_words(self) -> str:
        return self._slot.last_words() if self._alive else ""
