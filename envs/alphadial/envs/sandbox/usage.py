"""CPU time and memory of processes that are not ours, where no cgroup counts them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..types import KilledBy, Limits

_CLOCK_TICK = 1 / os.sysconf("SC_CLK_TCK")
_CPUS = len(os.sched_getaffinity(0))
_PRIVATE, _SHARED = (b"RssAnon:", b"VmSwap:"), (b"RssShmem:",)
"""Lines of /proc/PID/status. Pages of files are left out: no cgroup charges a program for libraries of others."""
_PRIVATE_PART, _SHARED_PART = (b"Pss_Anon:", b"SwapPss:"), (b"Pss_Shmem:",)
"""The same in /proc/PID/smaps_rollup, where a page that n processes share counts as its nth part for each."""
_MEMFD = "/memfd:"


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used so far."""

    cpu_s: float = 0.0
    uncounted_s: float = 0.0
    """CPU seconds that processes may have used beside, which were too short to be seen and which nobody waited for."""
    peak_bytes: int | None = None
    """The most memory that was seen to be held at once; None where it is not looked at."""
    full: bool = False
    """That was more than is allowed."""

    def since(self, before: Usage) -> Usage:
        """With the times after ``before`` only."""
        cpu_s, uncounted_s = self.cpu_s - before.cpu_s, self.uncounted_s - before.uncounted_s
        return Usage(cpu_s, uncounted_s, self.peak_bytes, self.full)

    def overrun(self, limits: Limits) -> KilledBy | None:
        """The limit that it is beyond, if it is."""
        if self.full:
            return KilledBy.MEMORY
        return KilledBy.CPU if self.cpu_s > limits.cpu_s else None


Meter = Callable[[], Usage]
"""Never fails, and repeats the last figures once the processes are gone."""


def process_meter(pid: int) -> Meter:
    """CPU time of one process, all threads; one system call."""
    last = Usage()

    def read() -> Usage:
        nonlocal last
        with suppress(OSError):  # it has ended
            last = Usage(_cpu_s(pid))
        return last

    return read


def tree_meter(pid: int, memory_bytes: int) -> Meter:
    """A process and all that descend from it, each looked at whenever the meter is read.

    The CPU time of a process that has ended is in its parent's figures once the parent has waited for it. A parent that
    ignores SIGCHLD waits for none, so that every process counts with what it was last seen to have used. Where that is
    missing from all parents' figures, what processes used after that, or between two readings, is missing as well: each
    that has gone then stands for as much uncounted time as it could have used since the last reading.

    Args:
        pid: the root, as our pid namespace numbers it.
        memory_bytes: what all may hold at once.
    """
    return _Tree(pid, memory_bytes).read


_Key = tuple[int, bytes]
"""Process id and start time: with it, a process id is never mistaken for an earlier one's."""


@dataclass(frozen=True, slots=True)
class _Process:
    own_s: float
    waited_s: float
    """Of children that it waited for."""
    private_bytes: int
    shared_bytes: int


class _Tree:
    def __init__(self, pid: int, memory_bytes: int) -> None:
        self._root = pid
        self._memory_bytes = memory_bytes
        self._living: dict[_Key, _Process] = {}
        self._seen: dict[_Key, float] = {}
        self._seen_s = self._missing_s = 0.0
        self._read_at = time.monotonic()
        self._usage = Usage(peak_bytes=0)

    def read(self) -> Usage:
        now = dict(_tree(self._root))
        if now:
            read_at = time.monotonic()
            self._note(now, read_at - self._read_at)
            self._read_at, self._living = read_at, now
        return self._usage

    def _note(self, now: dict[_Key, _Process], gap_s: float) -> None:
        usage = self._usage
        for key, process in now.items():
            self._seen_s += process.own_s - self._seen.get(key, 0.0)
            self._seen[key] = process.own_s
        # Two lower bounds: what was seen of every process, and what the living say of themselves and their children.
        cpu_s = max(usage.cpu_s, self._seen_s, sum(process.own_s + process.waited_s for process in now.values()))
        held = self._held(now)
        peak_bytes = max(held, usage.peak_bytes or 0)
        uncounted_s = usage.uncounted_s + self._hidden(now, gap_s, cpu_s - usage.cpu_s)
        self._usage = Usage(cpu_s, uncounted_s, peak_bytes, peak_bytes > self._memory_bytes)

    def _hidden(self, now: dict[_Key, _Process], gap_s: float, gained_s: float) -> float:
        """CPU seconds that may have been used since the last reading beside those gained in the figures."""
        before = self._living
        gone = before.keys() - now.keys()
        waited_s = sum(now[key].waited_s - (before[key].waited_s if key in before else 0.0) for key in now)
        self._missing_s += sum(before[key].own_s + before[key].waited_s for key in gone) - waited_s
        self._missing_s = max(0.0, self._missing_s)
        if self._missing_s <= 2 * _CLOCK_TICK * len(now):  # every process rounds both parts of that time down
            return 0.0
        stayed_s = sum(now[key].own_s - before[key].own_s for key in now.keys() & before.keys())
        return max(0.0, gap_s * min(len(gone), _CPUS) - max(0.0, gained_s - stayed_s))

    def _held(self, now: dict[_Key, _Process]) -> int:
        """Pages that processes share are told apart only where they matter: looking at every page takes time."""
        files = _in_memfds(pid for pid, _ in now)
        private = sum(process.private_bytes for process in now.values())
        shared = max(files, sum(process.shared_bytes for process in now.values()))
        if private + shared <= self._memory_bytes:
            return private + shared
        rollups = [f"/proc/{pid}/smaps_rollup" for pid, _ in now]
        parts = sum(_kilobytes(rollup, _PRIVATE_PART) for rollup in rollups)
        parts += max(files, sum(_kilobytes(rollup, _SHARED_PART) for rollup in rollups))
        return max(parts, *(process.private_bytes + process.shared_bytes for process in now.values()))


def _tree(pid: int) -> Iterator[tuple[_Key, _Process]]:
    waiting = [pid]
    while waiting:
        pid = waiting.pop()
        with suppress(OSError, ValueError, IndexError):  # it ended meanwhile
            # proc(5): cutime, cstime and starttime are fields 16, 17 and 22. The name before them may be any bytes.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            waited_s = (int(fields[13]) + int(fields[14])) * _CLOCK_TICK
            held = [_kilobytes(f"/proc/{pid}/status", names) for names in (_PRIVATE, _SHARED)]
            yield (pid, fields[19]), _Process(_cpu_s(pid), waited_s, *held)
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())


def _cpu_s(pid: int) -> float:
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3): nanoseconds


def _in_memfds(pids: Iterable[int]) -> int:
    """Bytes of the files in memory that processes have open, mapped or not; gVisor keeps its guest's memory in one."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in pids:
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()).startswith(_MEMFD):
                        status = descriptor.stat()
                        sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def _kilobytes(file: str, names: tuple[bytes, ...]) -> int:
    """The sum of some lines of a file of proc(5), in bytes; 0 once the process is gone."""
    with suppress(OSError):
        lines = [line.split() for line in Path(file).read_bytes().splitlines() if line.startswith(names)]
        return sum(int(line[1]) for line in lines) * 1024
    return 0
