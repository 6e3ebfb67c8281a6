"""What the processes of a control group have used, read from inside of it. See the kernel's cgroup-v1 and -v2 pages."""

from __future__ import annotations

import os

GROUP = "/sys/fs/cgroup"
_PAGE = 4096


class Meter:
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
        """CPU time of all that ever ran in the group."""
        text = os.pread(self._cpu, _PAGE, 0)
        return _field(text, b"usage_usec") * 1e-6 if self._v2 else int(text) * 1e-9

    def oom_kills(self) -> int:
        """Processes that the kernel ever killed because the group was full."""
        return _field(os.pread(self._kills, _PAGE, 0), b"oom_kill")

    def held_bytes(self, at_most: int) -> int:
        """What processes hold now, shared memory included; exact where it is more than ``at_most``."""
        text = os.pread(self._memory, 2 * _PAGE, 0)
        own = _field(text, b"anon" if self._v2 else b"total_rss")
        shared = _field(text, b"shmem" if self._v2 else b"total_shmem")
        if own + shared > at_most:
            shared -= sum(_used(folder) for folder in self._apart)
        return own + max(0, shared)


def _field(text: bytes, name: bytes) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    return 0


def _used(folder: str) -> int:
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize
