"""A host that has something to steal, and what hostile programs could leave on it."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alphadial.envs.sandbox.launch import FIRST_UID, UIDS

WRITABLE = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue")
SHARED = ("/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg")


@dataclass(frozen=True, slots=True)
class Host:
    folder: Path
    port: int
    abstract: str

    @property
    def secret(self) -> Path:
        return self.folder / "secret"


@contextmanager
def tempting_host() -> Iterator[Host]:
    """Files, a loopback port and sockets, open to all; intact at the end."""
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as tcp:
        host = Host(Path(name), tcp.getsockname()[1], f"alphadial-test-{os.getpid()}")
        host.folder.chmod(0o777)
        host.secret.write_text("secret")
        with socket.socket(socket.AF_UNIX) as hidden, socket.socket(socket.AF_UNIX) as visible:
            hidden.bind("\0" + host.abstract)
            visible.bind(str(host.folder / "socket"))
            for listening in (hidden, visible):
                listening.listen()
            (host.folder / "socket").chmod(0o777)
            yield host
            assert host.secret.read_text() == "secret"
            assert sorted(path.name for path in host.folder.iterdir()) == ["secret", "socket"]


def descendants(pid: int) -> set[Path]:
    """Of a process of the host, by their host numbers."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return set()
    return {Path(f"/proc/{child}") for child in children}.union(*map(descendants, children))


def groups(pid: int) -> set[Path]:
    """The cgroups that the sandboxes of a process have. Those of others come and go meanwhile."""
    return {
        Path(top) / name
        for top, folders, _ in os.walk("/sys/fs/cgroup")
        for name in folders
        if name.startswith("alphadial-") and name.split("-")[2] == str(pid)
    }


@dataclass(frozen=True, slots=True)
class Traces:
    """What this process, and the uids of its sandboxes, have on the host."""

    processes: frozenset[Path]
    groups: frozenset[Path]
    mounts: int
    descriptors: int
    threads: int
    files: frozenset[Path]
    shared: tuple[str, ...]


def traces() -> Traces:
    return Traces(
        processes=frozenset(descendants(os.getpid())),
        groups=frozenset(groups(os.getpid())),
        mounts=len(Path("/proc/self/mountinfo").read_text().splitlines()),
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
        threads=threading.active_count(),
        files=frozenset(path for folder in WRITABLE for path in Path(folder).glob("*") if _of_a_sandbox(path)),
        shared=tuple(Path(name).read_text() for name in SHARED),
    )


NOTHING = Traces(frozenset(), frozenset(), 0, 0, 0, frozenset(), ())


def added(since: Traces) -> Traces:
    """What has come since then and is still there; what other tests had left in the background may go meanwhile."""
    now = traces()
    return Traces(
        processes=now.processes - since.processes,
        groups=now.groups - since.groups,
        mounts=max(now.mounts - since.mounts, 0),
        descriptors=max(now.descriptors - since.descriptors, 0),
        threads=max(now.threads - since.threads, 0),
        files=now.files - since.files,
        shared=() if now.shared == since.shared else now.shared,
    )


def _of_a_sandbox(path: Path) -> bool:
    try:
        return path.lstat().st_uid in range(FIRST_UID, FIRST_UID + UIDS)
    except OSError:  # it has gone
        return False
