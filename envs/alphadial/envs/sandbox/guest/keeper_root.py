"""What commands of a box find at /: the image read-only, and what is laid over it. See mount(2)."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from .box_wire import IMAGE, SOCKETS
from .isolation import (
    MNT_DETACH,
    MS_BIND,
    MS_NOSUID_NODEV,
    MS_NOSUID_NODEV_NOEXEC,
    MS_READ_ONLY_BIND,
    change_root,
    mount,
    move_mount,
    unmount,
)

MS_BIND_ALL = MS_BIND | 0x4000
"""MS_REC: with all that is mounted below."""
MS_NODEV = 4
MS_STRICTATIME = 1 << 24
_ROOT = "/box"
_OWN = "/.box"
"""A tmpfs of limited size, on which everything lies that commands may write and that is not the working directory."""
_OURS = frozenset(("proc", "dev", "sys", "tmp", "run", SOCKETS[1:], _OWN[1:]))
_TEMPORARY = {"tmp": "/tmp", "shm": "/dev/shm", "var-tmp": "/var/tmp", "run": "/run"}
_OPEN_TO_ALL = 0o1777
_MOST_FILES, _NAME_BYTES = 100_000, 1_024
"""Files without content use memory as well."""


class Root:
    """The box's file system. Making one lays it out, and this process lives in it from then on.

    ``settings`` holds ``workdir``, ``files_bytes``, ``devices`` (paths), ``shown`` (pairs of a path and a descriptor of
    what is to be mounted there), and ``sealed`` and ``shared``: folders at the top that the image has no part in, and
    that commands may only read, or write into as well.

    Raises:
        OSError: the kernel refused a step.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        size = f"size={settings['files_bytes']},nr_inodes={_MOST_FILES}"
        for path, descriptor in settings["shown"]:
            move_mount(descriptor, path)
        os.mkdir(_ROOT)  # noqa: PTH102
        mount("tmpfs", _ROOT, "tmpfs", MS_NOSUID_NODEV, f"{size},mode=755")
        ours = _OURS | {folder[1:] for folder in (*settings["sealed"], *settings["shared"])}
        _show(IMAGE, _ROOT, ours)
        for name in sorted(ours):
            os.mkdir(f"{_ROOT}/{name}")  # noqa: PTH102
        mount("proc", f"{_ROOT}/proc", "proc", MS_NOSUID_NODEV_NOEXEC)
        _devices(settings["devices"])
        if os.path.isdir(SOCKETS):  # noqa: PTH112
            mount(SOCKETS, f"{_ROOT}{SOCKETS}", flags=MS_BIND)
        mount("tmpfs", f"{_ROOT}{_OWN}", "tmpfs", MS_NOSUID_NODEV, f"{size},mode=755")
        change_root(_ROOT)
        for name, path in (_TEMPORARY | {folder[1:]: folder for folder in settings["shared"]}).items():
            _made(f"{_OWN}/{name}")
            _folder(path)
            mount(f"{_OWN}/{name}", path, flags=MS_BIND)
        _folder(settings["workdir"])
        self.workdir = os.path.realpath(settings["workdir"])
        # Every access counts: see ``box_tree``.
        mount("tmpfs", self.workdir, "tmpfs", MS_NOSUID_NODEV | MS_STRICTATIME, f"{size},mode=755")
        _read_only(_OWN)  # the folders that are shown elsewhere stay as they are there
        self._areas = (settings["workdir"], *_TEMPORARY.values(), *settings["sealed"], *settings["shared"])

    def held(self) -> int:
        """Bytes of memory that the files of commands take, names included."""
        found = 0
        for folder in (self.workdir, _TEMPORARY["tmp"]):
            told = os.statvfs(folder)
            found += (told.f_blocks - told.f_bfree) * told.f_frsize + (told.f_files - told.f_ffree) * _NAME_BYTES
        return found

    def check(self, path: str) -> None:
        """Whether the owner may write at a path: where commands may, or into a folder of a task's.

        Raises:
            OSError: it may not, or links that commands have made lead elsewhere.
        """
        folder = os.path.realpath(os.path.dirname(path))  # noqa: PTH120
        for area in self._areas:
            real = os.path.realpath(area)
            if path.startswith(f"{area}/") and (folder == real or folder.startswith(f"{real}/")):
                return
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


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
    """Makes what is mounted there read-only, and nothing below it. Flags that hold already may not be dropped."""
    mount("", path, flags=MS_READ_ONLY_BIND | os.statvfs(path).f_flag & MS_NOSUID_NODEV_NOEXEC)


def _devices(devices: Iterable[str]) -> None:
    for device in devices:
        path = f"{_ROOT}{device}"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
        mount(device, path, flags=MS_BIND)
    for folder in ("shm", "pts"):
        os.mkdir(f"{_ROOT}/dev/{folder}")  # noqa: PTH102
    mount("devpts", f"{_ROOT}/dev/pts", "devpts", MS_NOSUID_NODEV_NOEXEC & ~MS_NODEV, "newinstance,ptmxmode=666")
    os.symlink("pts/ptmx", f"{_ROOT}/dev/ptmx")  # noqa: PTH211
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
