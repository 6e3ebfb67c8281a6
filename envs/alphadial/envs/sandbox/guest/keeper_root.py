"""What commands of a box find at /: the image read-only, and what is laid over it. See mount(2)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from .isolation import (
    MNT_DETACH,
    MS_BIND,
    MS_NOSUID_NODEV,
    MS_NOSUID_NODEV_NOEXEC,
    MS_READ_ONLY_BIND,
    mount,
    move_mount,
    unmount,
)
from .keeper_frames import IMAGE, SOCKETS

MS_BIND_ALL = MS_BIND | 0x4000
"""MS_REC: with all that is mounted below."""
MS_STRICTATIME = 1 << 24
_ROOT = "/box"
_OWN = "/.box"
"""A tmpfs of limited size, on which everything lies that commands may write and that is not the working directory."""
_OURS = frozenset(("proc", "dev", "sys", "tmp", "run", "sockets", _OWN[1:]))
_TEMPORARY = {"tmp": "/tmp", "shm": "/dev/shm", "var-tmp": "/var/tmp", "run": "/run"}
_OPEN_TO_ALL = 0o1777


class Root:
    """The box's file system. Making one lays it out, and this process lives in it from then on.

    ``settings`` holds ``workdir``, ``files_bytes``, ``devices`` (paths) and ``shown``: pairs of a path and a descriptor
    of what is to be mounted there.

    Raises:
        OSError: the kernel refused a step.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        size = f"size={settings['files_bytes']}"
        for path, descriptor in settings["shown"]:
            move_mount(descriptor, path)
        os.mkdir(_ROOT)  # noqa: PTH102
        mount("tmpfs", _ROOT, "tmpfs", MS_NOSUID_NODEV, "size=1m,mode=755")
        _show(IMAGE, _ROOT, _OURS)
        for name in sorted(_OURS):
            os.mkdir(f"{_ROOT}/{name}")  # noqa: PTH102
        mount("proc", f"{_ROOT}/proc", "proc", MS_NOSUID_NODEV_NOEXEC)
        _devices(settings["devices"])
        if os.path.isdir(SOCKETS):  # noqa: PTH112
            mount(SOCKETS, f"{_ROOT}{SOCKETS}", flags=MS_BIND)
        mount("tmpfs", f"{_ROOT}{_OWN}", "tmpfs", MS_NOSUID_NODEV, f"{size},mode=755")
        os.chroot(_ROOT)
        os.chdir("/")
        for name, path in _TEMPORARY.items():
            _made(f"{_OWN}/{name}")
            _folder(path)
            mount(f"{_OWN}/{name}", path, flags=MS_BIND)
        workdir = settings["workdir"]
        _folder(workdir)
        # Every access counts: see ``keeper_tree``.
        mount("tmpfs", workdir, "tmpfs", MS_NOSUID_NODEV | MS_STRICTATIME, f"{size},mode=755")
        self.workdir = os.path.realpath(workdir)

    def seal(self, at: str) -> str:
        """An empty folder at a path, which nothing but this process can write into before ``close``."""
        _folder(at)
        mount("tmpfs", at, "tmpfs", MS_NOSUID_NODEV, "mode=755")
        return at

    def close(self, at: str) -> None:
        """From now on no command can change what lies there."""
        _read_only(at)

    def make_room(self, path: str) -> None:
        """Makes the folders above a path, for commands to write into where the image has none of them.

        Raises:
            OSError: they are to lie in a folder of the image, which is read-only.
        """
        folder = os.path.dirname(path)  # noqa: PTH120
        first = "/".join(folder.split("/")[:2])
        if not os.path.lexists(first):
            _made(f"{_OWN}/new{first}")
            os.mkdir(first)  # noqa: PTH102
            mount(f"{_OWN}/new{first}", first, flags=MS_BIND)
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103


def freeze() -> None:
    """Makes the folders at the top read-only for this process's namespace."""
    _read_only("/")


def _show(source: str, target: str, without: Iterable[str] = ()) -> None:
    """Every file and folder in ``source`` under the same name in ``target``, without copying any."""
    for each in os.scandir(source):
        if each.name in without:
            continue
        path = f"{target}/{each.name}"
        if each.is_symlink():
            os.symlink(os.readlink(each.path), path)  # noqa: PTH115, PTH211
            continue
        if each.is_dir():
            os.mkdir(path)  # noqa: PTH102
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
        mount(each.path, path, flags=MS_BIND_ALL)
        _read_only(path)


def _read_only(path: str) -> None:
    """Of what is mounted there alone. Flags that hold already may not be dropped."""
    mount("", path, flags=MS_READ_ONLY_BIND | os.statvfs(path).f_flag & MS_NOSUID_NODEV_NOEXEC)


def _devices(devices: Iterable[str]) -> None:
    for device in devices:
        path = f"{_ROOT}{device}"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
        mount(device, path, flags=MS_BIND)
    os.mkdir(f"{_ROOT}/dev/shm")  # noqa: PTH102
    os.symlink("/proc/self/fd", f"{_ROOT}/dev/fd")  # noqa: PTH211
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{_ROOT}/dev/{name}")  # noqa: PTH211


def _made(path: str) -> None:
    os.makedirs(path, exist_ok=True)  # noqa: PTH103
    os.chmod(path, _OPEN_TO_ALL)  # noqa: PTH101


def _folder(path: str) -> None:
    """A folder to mount something on. Where the image has none there, a tmpfs that shows what lies beside it does."""
    with suppress(OSError):
        os.makedirs(path, exist_ok=True)  # noqa: PTH103
    if os.path.isdir(path):  # noqa: PTH112
        return
    above = path
    while not os.path.isdir(above):  # noqa: PTH112
        above = os.path.dirname(above)  # noqa: PTH120
    beside = f"{_OWN}/beside"
    os.mkdir(beside)  # noqa: PTH102
    mount(above, beside, flags=MS_BIND_ALL)
    mount("tmpfs", above, "tmpfs", MS_NOSUID_NODEV, "size=1m,mode=755")
    _show(beside, above)
    unmount(beside, MNT_DETACH)
    os.rmdir(beside)  # noqa: PTH106
    os.makedirs(path)  # noqa: PTH103
    _read_only(above)
