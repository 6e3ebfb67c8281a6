"""What the processes of a container have used, as its first process reads it: in their control group, where it sees one
(see the kernel's pages on cgroup v1 and v2), or of each of them.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from typing import Protocol

GROUP = "/sys/fs/cgroup"
_PAGE = 4096
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Meter(Protocol):
    """Counts what the processes of a container use: all that ever ran there, but for ``held_bytes``."""

    def cpu_s(self) -> float:
        """CPU seconds of every process, this one included."""

    def oom_kills(self) -> int:
        """Processes that the kernel killed because the group was full."""

    def held_bytes(self, at_most: int) -> int:
        """Bytes that processes hold now, shared memory included; exact where they are more than ``at_most``."""


def find(apart: tuple[str, ...]) -> Meter:
    """The best meter that works here.

    Args:
        apart: folders on file systems in memory, whose files are not what processes hold.
    """
    try:
        return GroupMeter(GROUP, apart)
    except FileNotFoundError:
        return ProcessMeter()


class GroupMeter:
    """Reads the counters of the group around a container, of v1 or v2; each costs one system call.

    Args:
        folder: where the group is mounted.
        apart: folders on file systems in memory, whose files are not what processes hold.

    Raises:
        OSError: there are no counters.
    """

    def __init__(self, folder: str = GROUP, apart: tuple[str, ...] = ()) -> None:
        self._v2 = os.path.exists(f"{folder}/cgroup.controllers")  # noqa: PTH110 - pathlib doubles the keeper's start
        cpu, memory = (folder, folder) if self._v2 else (f"{folder}/cpuacct", f"{folder}/memory")
        self._cpu = os.open(f"{cpu}/{'cpu.stat' if self._v2 else 'cpuacct.usage'}", os.O_RDONLY)
        self._memory = os.open(f"{memory}/memory.stat", os.O_RDONLY)
        self._kills = os.open(f"{memory}/{'memory.events' if self._v2 else 'memory.oom_control'}", os.O_RDONLY)
        self._apart = apart

    def cpu_s(self) -> float:
        """See ``Meter``."""
        text = os.pread(self._cpu, _PAGE, 0)
        return _field(text, b"usage_usec") * 1e-6 if self._v2 else int(text) * 1e-9

    def oom_kills(self) -> int:
        """See ``Meter``."""
        return _field(os.pread(self._kills, _PAGE, 0), b"oom_kill")

    def held_bytes(self, at_most: int) -> int:
        """See ``Meter``."""
        text = os.pread(self._memory, 2 * _PAGE, 0)
        own = _field(text, b"anon" if self._v2 else b"total_rss")
        shared = _field(text, b"shmem" if self._v2 else b"total_shmem")
        if own + shared > at_most:
            shared -= sum(_used(folder) for folder in self._apart)
        return own + max(0, shared)


class ProcessMeter:
    """Looks at every process: gVisor shows no group. What ends between two looks is missed, if nobody waits for it.

    Args:
        folder: where they are listed.
    """

    def __init__(self, folder: str = "/proc") -> None:
        self._folder = folder

    def cpu_s(self) -> float:
        """See ``Meter``."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        living = sum(sum(map(int, fields[11:15])) for fields in self._others()) * _TICK_S
        return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime + living

    def oom_kills(self) -> int:
        """See ``Meter``: the whole box ends there."""
        return 0

    def held_bytes(self, at_most: int) -> int:
        """See ``Meter``: what several share counts for each."""
        return sum(int(fields[21]) for fields in self._others()) * _PAGE

    def _others(self) -> list[list[bytes]]:
        """The fields of every other process's stat file that follow its name: see proc(5), from the third on."""
        found = []
        for name in os.listdir(self._folder):  # noqa: PTH208
            if name.isdigit() and name != "1":
                with suppress(OSError), open(f"{self._folder}/{name}/stat", "rb") as file:  # noqa: PTH123
                    found.append(file.read().rpartition(b")")[2].split())
        return found


def _field(text: bytes, name: bytes) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    return 0


def _used(folder: str) -> int:
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize
