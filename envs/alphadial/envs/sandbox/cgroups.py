"""Control groups, v1 and v2: one child of our own group per slot. See cgroups(7) and the kernel's cgroup-v2.rst."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import MachineFullError, SandboxFailedError
from ..forking import OwnFile

PREFIX = "alphadial-"
_REMOVAL_TRIES = 400
_REMOVAL_PAUSE_S = 0.005
_FULL = 0.9
_numbers = itertools.count()
_PERIOD_US, _LEAST_QUOTA_US = 100_000, 1_000
"""Microseconds: the period for which CPU time is limited, the kernel's own, and the least limit that it takes."""
_CONTROLLERS = ("memory", "pids", "cpuacct")


@dataclass(frozen=True, slots=True)
class Parent:
    """The folders in which groups can be made: one folder per controller under v1, one for all under v2."""

    version: str
    memory: Path
    pids: Path
    cpu: Path
    quota: Path | None = None
    """The folder by whose groups CPUs can be limited; None where they cannot."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that count memory, processes and CPU time, each once."""
        return tuple(dict.fromkeys((self.memory, self.pids, self.cpu)))

    @property
    def all_folders(self) -> tuple[Path, ...]:
        """These folders, and the one by which CPUs are limited, each once."""
        quota = () if self.quota is None else (self.quota,)
        return tuple(dict.fromkeys((*self.folders, *quota)))

    def create(self, memory_bytes: int, processes: int, cpus: float | None = None) -> Group:
        """A new group, limited and empty.

        Args:
            memory_bytes: of all its processes.
            processes: how many there may be.
            cpus: of the time of how many CPUs they may have, where that can be limited; None: of all.

        Raises:
            SandboxFailedError: the kernel refused.
        """
        name = f"{PREFIX}{pid_namespace()}-{os.getpid()}-{started(os.getpid())}-{next(_numbers)}"
        quota = self.quota if cpus is not None else None
        folders = self.folders if quota is None else self.all_folders
        try:
            for folder in folders:
                (folder / name).mkdir()
            group = Group(self.version, self.memory / name, self.pids / name, self.cpu / name, quota and quota / name)
            group.limit(memory_bytes, processes, cpus)
        except OSError as error:
            for folder in folders:
                with suppress(OSError):
                    (folder / name).rmdir()
            raise SandboxFailedError(f"cannot make the cgroup {name}: {error}") from None
        return group


class Group:
    """One slot's group. Reading its counters costs one system call each."""

    def __init__(self, version: str, memory: Path, pids: Path, cpu: Path, quota: Path | None = None) -> None:
        self._v2 = version == "v2"
        self._memory, self._pids, self._quota = memory, pids, quota
        self._folders = tuple(dict.fromkeys((memory, pids, cpu, *([quota] if quota else []))))
        self._usage = _open(cpu / ("cpu.stat" if self._v2 else "cpuacct.usage"), os.O_RDONLY)
        self._oom = _open(memory / ("memory.events" if self._v2 else "memory.oom_control"), os.O_RDONLY)
        self._peak = _peak_file(memory / ("memory.peak" if self._v2 else "memory.max_usage_in_bytes"))
        self._limit = self._peak_before = self._kills_before = 0
        self._cpu_before = 0.0

    def limit(self, memory_bytes: int, processes: int, cpus: float | None = None) -> None:
        """Sets the limits; swap, where it is counted, is closed."""
        self._limit = memory_bytes
        _write(self._memory / ("memory.max" if self._v2 else "memory.limit_in_bytes"), str(memory_bytes))
        swap = self._memory / ("memory.swap.max" if self._v2 else "memory.memsw.limit_in_bytes")
        if swap.exists():
            _write(swap, "0" if self._v2 else str(memory_bytes))
        _write(self._pids / "pids.max", str(processes))
        if self._quota is not None and cpus is not None:
            quota_us = max(_LEAST_QUOTA_US, round(cpus * _PERIOD_US))
            if self._v2:
                _write(self._quota / "cpu.max", f"{quota_us} {_PERIOD_US}")
            else:
                _write(self._quota / "cpu.cfs_period_us", str(_PERIOD_US))
                _write(self._quota / "cpu.cfs_quota_us", str(quota_us))

    def attach(self, pid: int) -> None:
        """Moves a process in; its later children follow."""
        for folder in self._folders:
            _write(folder / "cgroup.procs", str(pid))

    def begin(self) -> None:
        """What has run in it so far was ours: ``cpu_s`` and ``peak_bytes`` count from here."""
        self._cpu_before += self.cpu_s()
        self._kills_before = _field(os.pread(self._oom.fileno(), 4096, 0), b"oom_kill")
        if self._peak is None:
            return
        with suppress(OSError):  # of v2 before Linux 6.12
            os.write(self._peak.fileno(), b"0")
        self._peak_before = self._most()

    def cpu_s(self) -> float:
        """CPU time of all that ran in it since ``begin``, in seconds."""
        text = os.pread(self._usage.fileno(), 4096, 0)
        used_s = _field(text, b"usage_usec") * 1e-6 if self._v2 else int(text) * 1e-9
        return used_s - self._cpu_before

    def oom_kills(self) -> int:
        """Processes that the kernel killed because the group was full.

        Raises:
            MachineFullError: it was not.
        """
        text = os.pread(self._oom.fileno(), 4096, 0)
        kills = _field(text, b"oom_kill")
        if kills > self._kills_before and not self._was_full(text):
            raise MachineFullError("the machine ran out of memory, not the program: run fewer at a time")
        return kills

    def _was_full(self, events: bytes) -> bool:
        if self._v2:
            return _field(events, b"oom") > 0
        most = self._most()
        return not most or most >= _FULL * self._limit

    def peak_bytes(self) -> int | None:
        """The most memory held at once since ``begin``, beside what was held then; page cache and tmpfs are included.

        None where the kernel does not say.
        """
        more = self._most() - self._peak_before
        return more if more > 0 else None

    def _most(self) -> int:
        try:
            return int(os.pread(self._peak.fileno(), 64, 0)) if self._peak is not None else 0
        except (OSError, ValueError):
            return 0

    def close(self) -> None:
        """Kills what is left in it and removes it. Idempotent; nothing in a child that was forked from its owner."""
        if not self._usage.closed:
            self._usage.close()
            self._oom.close()
            if self._peak is not None:
                self._peak.close()
            remove(self._folders)


def find() -> Parent | None:
    """The parent to make groups under; None if nothing is writable."""
    try:
        memberships = Path("/proc/self/cgroup").read_text()
        mountinfo = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return None
    for parent in candidates(memberships, mountinfo):
        try:
            probe = parent.create(1 << 26, 8)
        except SandboxFailedError:
            continue
        probe.close()
        return parent
    return None


def _write(file: Path, text: str) -> None:
    with _open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as opened:
        opened.write(text.encode())


def _open(file: Path, flags: int) -> OwnFile:
    return OwnFile(lambda: os.open(file, flags | os.O_CLOEXEC), "w" if flags & os.O_WRONLY else "r")


def _peak_file(file: Path) -> OwnFile | None:
    """The file of the peak of memory, writable where the kernel lets it be reset; None where the kernel has none."""
    for flags in (os.O_RDWR, os.O_RDONLY):
        with suppress(OSError):
            return OwnFile(lambda flags=flags: os.open(file, flags | os.O_CLOEXEC))  # type: ignore[misc]
    return None


def _field(text: bytes, name: bytes) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    return 0


def candidates(memberships: str, mountinfo: str) -> Iterator[Parent]:
    """The places where groups might be made, best first.

    Args:
        memberships: the text of /proc/self/cgroup.
        mountinfo: the text of /proc/self/mountinfo.
    """
    own = dict(_memberships(memberships))
    mounts = dict(_mounts(mountinfo))
    if all(name in own and name in mounts for name in _CONTROLLERS):
        memory, pids, cpu = (_under(mounts[name], own[name]) for name in _CONTROLLERS)
        quota = _under(mounts["cpu"], own["cpu"]) if "cpu" in own and "cpu" in mounts else None
        yield Parent("v1", memory, pids, cpu, quota if quota and (quota / "cpu.cfs_quota_us").exists() else None)
    if "" in own and "" in mounts:
        top = mounts[""][1]
        folder = _under(mounts[""], own[""])
        with suppress(OSError):
            # Refused while the group holds processes and is not the root (cgroups(7), "no internal processes").
            (folder / "cgroup.subtree_control").write_text("+memory +pids")
        with suppress(OSError):
            (folder / "cgroup.subtree_control").write_text("+cpu")
        # Then a parent, where a service manager has handed it the controllers.
        for parent in (folder, *folder.parents):
            if _delegates(parent, "memory", "pids"):
                yield Parent("v2", parent, parent, parent, parent if _delegates(parent, "cpu") else None)
            if parent == top:
                return


def _delegates(folder: Path, *controllers: str) -> bool:
    with suppress(OSError):
        return set(controllers) <= set((folder / "cgroup.subtree_control").read_text().split())
    return False


def _memberships(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _mounts(text: str) -> Iterator[tuple[str, tuple[str, Path]]]:
    """Each controller ("" for v2), with the group that its mount shows and the path where it does."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        root, where = before.split()[3:5]
        kind, _, options = after.split()[:3]
        for name in {"cgroup": options.split(","), "cgroup2": [""]}.get(kind, []):
            yield name, (root, Path(where))


def _under(mount: tuple[str, Path], group: str) -> Path:
    root, where = mount
    inside = group.removeprefix(root.rstrip("/")) if group.startswith(root) else ""
    return where / inside.lstrip("/")


def started(pid: int) -> str:
    """Start time in clock ticks: with it, a process id is never mistaken for an earlier one's.

    Raises:
        OSError: there is no such process, or it has ended and only waits to be reaped.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(pid)
    return fields[19]


def pid_namespace() -> int:
    """The number of the pid namespace that we are in."""
    return Path("/proc/self/ns/pid").stat().st_ino


def remove(folders: tuple[Path, ...]) -> None:
    """Kills what is left in groups and removes them; SandboxFailedError where the kernel refuses."""
    for folder in folders:
        for _ in range(_REMOVAL_TRIES):
            try:
                folder.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:  # EBUSY for some milliseconds after the last process is reaped
                with suppress(OSError):
                    for pid in map(int, (folder / "cgroup.procs").read_text().split()):
                        if pid > 0:  # 0 stands for a process that our namespace cannot see
                            os.kill(pid, signal.SIGKILL)
                time.sleep(_REMOVAL_PAUSE_S)
        else:
            raise SandboxFailedError(f"cannot remove the cgroup {folder}")
