"""What one sandbox holds on the host: a uid, a cgroup and a bwrap."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from ..errors import SandboxFailedError
from ..forking import in_child
from ..types import Limits
from .cgroups import Group, Parent
from .last_words import LastWords
from .launch import Contained, Uid, launch
from .layout import Invocation
from .usage import Meter, Usage, tree_meter

INIT = 1
"""bwrap's init, the first process inside every sandbox."""
_OUTER = 1
"""bwrap itself, in the group but not in the sandbox."""


class Own(NamedTuple):
    """What is ours in a sandbox, beside the program."""

    memory_bytes: int
    processes: int


COLD = Own(0, INIT)
"""In the sandbox of one command."""


class Slot:
    """Implements ``warm.Host``; ``kill`` gives everything back.

    Raises:
        SandboxFailedError: no uid is free, or the cgroup cannot be made.
    """

    def __init__(
        self, parent: Parent | None, limits: Limits, own: Own, *, own_uid: bool, cpus: float | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._oom_kills = 0
        self._starved: SandboxFailedError | None = None
        self._contained: Contained | None = None
        self._group: Group | None = None
        self.words = LastWords()
        self._uid = Uid() if own_uid else None
        self._memory_bytes = limits.memory_bytes + own.memory_bytes
        in_child(self, Slot._forget)
        if parent is not None:
            processes = limits.processes + own.processes + _OUTER
            try:
                self._group = parent.create(self._memory_bytes, processes, cpus)
            except SandboxFailedError:
                self.kill()
                raise

    def launch(
        self,
        invocation: Invocation,
        spawner: Executor,
        stdio: tuple[int, int, int],
        pass_fds: Sequence[int] = (),
    ) -> Contained:
        """See ``launch.launch``."""
        self._contained = launch(
            invocation,
            spawner,
            uid=self._uid.number if self._uid else None,
            group=self._group,
            stdio=stdio,
            pass_fds=pass_fds,
        )
        return self._contained

    def finish(self) -> int | None:
        """See ``Contained.finish``."""
        with self._lock:
            contained, self._contained = self._contained, None
        return contained.finish() if contained is not None else None

    def kill(self) -> None:
        """See ``Host``."""
        with self._lock:
            contained, self._contained = self._contained, None
            if contained is not None:
                contained.kill()
                contained.finish()
            try:
                self._oom_kills = self.oom_kills()
            except SandboxFailedError as error:
                self._starved = error
            group, self._group = self._group, None
            if group is not None:
                group.close()
            if self._uid is not None:
                self._uid.release()
            self.words.close()

    def oom_kills(self) -> int:
        """See ``Host``."""
        if self._starved is not None:
            raise self._starved
        return self._group.oom_kills() if self._group is not None else self._oom_kills

    def last_words(self) -> str:
        """See ``Host``."""
        return self.words.read()

    def peak_bytes(self) -> int | None:
        """Of the whole tree, where a cgroup counts it."""
        return self._group.peak_bytes() if self._group is not None else None

    @property
    def counts(self) -> bool:
        """A cgroup counts what is used."""
        return self._group is not None

    def begin(self) -> None:
        """What has run in it so far was ours: times and the peak count from here, where a cgroup counts them."""
        if self._group is not None:
            self._group.begin()

    def meter(self, pid: int) -> Meter:
        """See ``Host``."""
        group = self._group
        return _of_group(group) if group is not None else tree_meter(pid, self._memory_bytes)

    def _forget(self) -> None:
        """Leaves processes, group and uid to the parent, in a forked child."""
        self._lock = threading.Lock()
        if self._contained is not None:
            self._contained.process.poll()  # is told that it has no such child, and asks no more
        self._contained = self._group = self._uid = None


def _of_group(group: Group) -> Meter:
    """Without memory, which the kernel limits and counts."""
    return lambda: Usage(group.cpu_s())
