"""What a program's process does to itself before it reads a line of the program. See namespaces(7), capabilities(7)."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Any

CLONE_VM, CLONE_FILES = 0x100, 0x400
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MNT_DETACH = 2
MS_NOSUID_NODEV, MS_NOSUID_NODEV_NOEXEC, MS_BIND, MS_READ_ONLY_BIND = 6, 14, 0x1000, 0x1023
"""The last one: MS_REMOUNT, MS_BIND, MS_NOSUID and MS_RDONLY."""
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 4, 22, 38, 47
SECCOMP_MODE_FILTER, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER = 2, 1, 8
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522
_MOVE_MOUNT, _AT_FDCWD, _MOVE_MOUNT_F_EMPTY_PATH = 429, -100, 4

FIRST = 1
"""The first process of a namespace, by its number there; it leads a process group."""
_libc = ctypes.CDLL(None, use_errno=True)
_clone = ctypes.PyDLL(None, use_errno=True).clone
_clone.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_pause = ctypes.cast(_libc.pause, ctypes.c_void_p)
_stack = ctypes.create_string_buffer(16_384)
"""Of all those first processes, one after the other: none of them ever returns to it."""


class _Filter(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


class Isolation:
    """Gives every program namespaces, files and limits of its own. Built once, in the server.

    ``settings`` holds ``isolated`` (False: limits only), ``rlimits`` (lists of limit, soft, hard), ``seccomp`` (BPF in
    hexadecimal, "" for none), ``listen`` (the number of seccomp(2) where the filter tells a listener, else None),
    ``devices`` (paths), ``files_bytes``, ``names`` (how many files there may be; None: as memory lasts), and ``hidden``
    (paths below /proc that are covered; None: programs find no /proc at all).
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._rlimits: list[tuple[int, int, int]] = settings["rlimits"]
        self._isolated: bool = settings["isolated"]
        if not self._isolated:
            return
        code = bytes.fromhex(settings["seccomp"])
        self._filter = _Filter(len(code) // 8, code) if code else None
        self._listen: int | None = settings["listen"]
        self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        names = f",nr_inodes={settings['names']}" if settings["names"] else ""
        self._tmpfs = f"size={settings['files_bytes']},mode=755{names}".encode()
        self._no_capabilities = (ctypes.c_uint32 * 6)()
        self._capability_header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        self._hidden: list[str] | None = settings["hidden"]
        if self._hidden is None:
            _check(_libc.umount2(b"/proc", MNT_DETACH), "umount /proc")
        for device in settings["devices"]:
            # Who may write to one may set its times, which the next program could read; writing is not prevented.
            _check(_libc.mount(None, device.encode(), None, MS_READ_ONLY_BIND, None), f"remount {device}")
        _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")

    def before_fork(self) -> None:
        """Makes the server's next child the first process of a new pid namespace."""
        if self._isolated:
            # A second unshare is refused until the server is back in its own namespace.
            _check(_libc.setns(self._own_pids, CLONE_NEWPID), "setns")
            _check(_libc.unshare(CLONE_NEWPID), "unshare pid")

    def enter(self, kept: int, group: int = 0) -> None:
        """Leaves nothing of the server but descriptor ``kept`` in the process that is to be the program.

        Args:
            kept: the descriptor.
            group: the process group to join; 0 makes it the leader of a session of its own, which a program that asks
                for one may not be.

        Raises:
            OSError: the kernel refused a step; nothing of the program may run then.
        """
        nothing = os.open("/dev/null", os.O_RDWR)  # the server's would carry flags from one program to the next
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.closerange(3, kept)
        os.closerange(kept + 1, 65536)
        if self._isolated:
            # In the server's process group it could signal the server, and set its priority.
            os.setpgid(0, group) if group else os.setsid()
            _check(_libc.unshare(CLONE_NEWNS | CLONE_NEWIPC), "unshare")
            if self._hidden is not None:
                self.mount_proc()
            _check(_libc.mount(b"tmpfs", b"/w", b"tmpfs", MS_NOSUID_NODEV, self._tmpfs), "mount tmpfs")
            for folder in ("/w/tmp", "/w/shm", "/w/box"):
                os.mkdir(folder)  # noqa: PTH102 - pathlib would double the server's start
            os.chdir("/w/box")

    def confine(self) -> int | None:
        """Locks the program's own process, the first one or a child of it: nothing more can be changed.

        Returns:
            A descriptor that can be read once the program asks for what programs in warm servers may not, and waits for
            an answer; None: it is answered by the filter.

        Raises:
            OSError: as of ``enter``.
        """
        for which, soft, hard in self._rlimits:
            resource.setrlimit(which, (soft, hard))
        if self._isolated:
            _check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient capabilities")
            _check(_libc.capset(self._capability_header, self._no_capabilities), "capset")
            return self._install()
        return None

    def _install(self) -> int | None:
        if self._filter is None:
            return None
        code = ctypes.byref(self._filter)
        if self._listen is None:
            _check(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, code, 0, 0), "seccomp")
            return None
        listener: int = _libc.syscall(self._listen, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, code)
        _check(min(listener, 0), "seccomp")
        return listener

    def mount_proc(self) -> None:
        """A /proc of the pid namespace that this process is in."""
        mount("proc", "/proc", "proc", MS_NOSUID_NODEV_NOEXEC)
        for path in self._hidden or ():
            mount("/dev/null", path, flags=MS_BIND)
            mount("", path, flags=MS_READ_ONLY_BIND)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mounts something, or changes a mount."""
    given = (source.encode() or None, target.encode(), kind.encode() or None, flags, options.encode() or None)
    _check(_libc.mount(*given), f"mount {target}")


def move_mount(descriptor: int, target: str) -> None:
    """Mounts what a descriptor of open_tree(2) holds, and closes it."""
    moved = _libc.syscall(_MOVE_MOUNT, descriptor, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)
    _check(moved, f"mount {target}")
    os.close(descriptor)


def unmount(target: str, flags: int = 0) -> None:
    """Takes a mount away."""
    _check(_libc.umount2(target.encode(), flags), f"umount {target}")


def change_root(target: str) -> None:
    """Makes what is mounted at a folder the root of this mount namespace; nothing else of it is left."""
    os.chdir(target)
    _check(_libc.pivot_root(b".", b"."), f"pivot_root {target}")
    unmount(".", MNT_DETACH)
    os.chdir("/")


def unshare(namespaces: int) -> None:
    """Moves this process into new ones."""
    _check(_libc.unshare(namespaces), "unshare")


def begin_namespace() -> int:
    """Starts a process that only waits: as the first one of a pid namespace, nothing in that can end it.

    It shares the memory and the descriptors of this process, so that it costs next to nothing and keeps nothing open,
    and stays as long as it is not killed.
    """
    top = (ctypes.addressof(_stack) + len(_stack)) & ~15
    pid: int = _clone(_pause, top, CLONE_VM | CLONE_FILES | signal.SIGCHLD, None)
    _check(min(pid, 0), "clone")
    return pid


def close_to_others(closed: bool) -> None:
    """Whether processes without this one's capabilities can look into it, or change anything in its /proc."""
    _check(_libc.prctl(PR_SET_DUMPABLE, not closed, 0, 0, 0), "dumpable")


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
