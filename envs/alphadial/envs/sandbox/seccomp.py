"""The seccomp deny list, as classic BPF. See seccomp(2), and the system call tables of the kernel for the numbers."""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass

# Both columns: what no judged program needs and what has opened kernels or leaked between sandboxes before.
DENIED: dict[str, tuple[int | None, int | None]] = {
    # name: (x86_64, aarch64)
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "cachestat": (451, 451),
    "chroot": (161, 51), "clock_adjtime": (305, 266), "clock_settime": (227, 112), "delete_module": (176, 106),
    "fanotify_init": (300, 262), "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fsopen": (430, 430), "fspick": (433, 433), "init_module": (175, 105), "inotify_init": (253, None),
    "inotify_init1": (294, 26), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None), "kcmp": (312, 272),
    "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "listmount": (458, 458),
    "lookup_dcookie": (212, 18), "mbind": (237, 235), "memfd_secret": (447, 447), "migrate_pages": (256, 238),
    "modify_ldt": (154, None), "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429),
    "move_pages": (279, 239), "name_to_handle_at": (303, 264), "nfsservctl": (180, 42), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "open_tree_attr": (467, 467), "perf_event_open": (298, 241), "personality": (135, 92),
    "pidfd_getfd": (438, 438), "pivot_root": (155, 41), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "reboot": (169, 142), "request_key": (249, 218), "set_mempolicy": (238, 237),
    "setdomainname": (171, 162), "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170),
    "statmount": (457, 457), "swapoff": (168, 225), "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39),
    "unshare": (272, 97), "uselib": (134, None), "userfaultfd": (323, 282), "vhangup": (153, 58), "vmsplice": (278, 75),
}  # fmt: skip
NEW_NAMESPACES = 0x7E02_0000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
SOCKET_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK; no AF_VSOCK, AF_ALG, AF_PACKET or rarer ones."""
_PAIRS = tuple(kind | flags for kind in (1, 5) for flags in (0, 0x800, 0x80000, 0x80800))
"""SOCK_STREAM and SOCK_SEQPACKET, with and without SOCK_NONBLOCK and SOCK_CLOEXEC: these never have an address."""
WATCHING_FCNTLS = dict.fromkeys((1024, 1026), errno.EPERM)
"""F_SETLEASE and F_NOTIFY: watching what others do to files that all sandboxes see."""
NO_ACCESS_TIME = 0x40000
"""O_NOATIME: what was read or mapped is known by it, where no snapshot is to miss a change (see ``guest``)."""
SET_FLAGS = 4
"""F_SETFL."""
_DONE = 0
_TOLD_LOCKS, _SET_LOCKS = (5, 36), (6, 7, 37, 38)
"""F_GETLK and F_OFD_GETLK; F_SETLK, F_SETLKW, F_OFD_SETLK and F_OFD_SETLKW. A lock on a file that all sandboxes see is
seen by every program that runs just then. A function that is called does without: the system call is not made, and the
function is told that it has its lock, without which a database in a file would not work.
"""
TERMINAL_IOCTLS = dict.fromkeys((0x5412, 0x541C), errno.EPERM)
"""TIOCSTI and TIOCLINUX: typing into the judge's terminal."""


@dataclass(frozen=True, slots=True)
class _Machine:
    column: int
    audit_arch: int
    clone: int
    clone3: int
    socket: int
    socketpair: int
    bind: int
    connect: int
    ioctl: int
    fcntl: int
    open: int | None
    openat: int
    openat2: int
    flock: int
    preadv2: int
    seccomp: int


_MACHINES = {
    "x86_64": _Machine(0, 0xC000_003E, 56, 435, 41, 53, 49, 42, 16, 72, 2, 257, 437, 73, 327, 317),
    "aarch64": _Machine(1, 0xC000_00B7, 220, 435, 198, 199, 200, 203, 29, 25, None, 56, 437, 32, 286, 277),
}

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST_ARGUMENT, _SECOND_ARGUMENT, _THIRD_ARGUMENT = 0, 4, 16, 24, 32
_ALLOW, _KILL_PROCESS, _ERRNO, _USER_NOTIF = 0x7FFF_0000, 0x8000_0000, 0x0005_0000, 0x7FC0_0000
_X32_BIT = 0x4000_0000

Instruction = tuple[int, int, int, int]
_ALLOWED: Instruction = (_RETURN, 0, 0, _ALLOW)
_TELL: Instruction = (_RETURN, 0, 0, _USER_NOTIF)


def supported(machine: str | None = None) -> bool:
    """Whether there is a table for this machine's architecture."""
    return (machine or platform.machine()) in _MACHINES


def listening_call() -> int:
    """The number of seccomp(2), which alone gives a descriptor to listen to a filter by.

    Raises:
        KeyError: no table for the architecture; see ``supported``.
    """
    return _MACHINES[platform.machine()].seccomp


def deny_list(machine: str | None = None, *, warm: bool = False, told: bool = False) -> bytes:
    """The filter, as an array of ``struct sock_filter``, for ``bwrap --seccomp``, PR_SET_SECCOMP or seccomp(2).

    Args:
        machine: the architecture; None: this machine's.
        warm: for the programs of a warm server, who share a network namespace: no sockets but pairs of AF_UNIX, which
            leave neither ports nor names behind, and no locks on files that another could see.
        told: such a call is not answered, but told to whoever listens to the filter: no program finds out that it is in
            a warm server.

    Raises:
        KeyError: no table for the architecture; see ``supported``.
    """
    this = _MACHINES[machine or platform.machine()]
    denied = {numbers[this.column]: [_fail(errno.EPERM)] for numbers in DENIED.values()}
    blocks = {number: block for number, block in denied.items() if number is not None}
    # glibc falls back to clone, whose flags can be looked at; those of clone3 lie behind a pointer.
    blocks[this.clone3] = [_fail(errno.ENOSYS)]
    # So it does to preadv, which cannot tell whether the page of a file is in memory because another program read it.
    blocks[this.preadv2] = [_fail(errno.ENOSYS)]
    blocks[this.clone] = _without(_FIRST_ARGUMENT, NEW_NAMESPACES)
    families = _only(_FIRST_ARGUMENT, SOCKET_FAMILIES, _fail(errno.EAFNOSUPPORT))
    blocks |= {this.socket: families, this.socketpair: families}
    blocks[this.ioctl] = _failing(_SECOND_ARGUMENT, TERMINAL_IOCTLS)
    blocks[this.fcntl] = _without_access_time(_failing(_SECOND_ARGUMENT, WATCHING_FCNTLS))
    # Its flags lie behind a pointer; glibc does not use it.
    blocks[this.openat2] = [_fail(errno.ENOSYS)]
    blocks[this.openat] = _without(_THIRD_ARGUMENT, NO_ACCESS_TIME)
    if this.open is not None:
        blocks[this.open] = _without(_SECOND_ARGUMENT, NO_ACCESS_TIME)
    if warm:
        blocks |= _of_warm_programs(this, told)
    blocks[_X32_BIT] = [(_RETURN, 0, 0, _KILL_PROCESS)]
    code = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, this.audit_arch),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
        *_tree(_segments(blocks)),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _of_warm_programs(this: _Machine, told: bool) -> dict[int, list[Instruction]]:
    def answer(error: int) -> Instruction:
        return _TELL if told else _fail(error)

    no_socket, no_name = answer(errno.EAFNOSUPPORT), answer(errno.EACCES)
    locks = dict.fromkeys(_TOLD_LOCKS, answer(errno.ENOLCK)) | dict.fromkeys(_SET_LOCKS, answer(_DONE))
    watching = {value: _fail(error) for value, error in WATCHING_FCNTLS.items()}
    pairs = _only(_SECOND_ARGUMENT, _PAIRS, no_socket)
    return {
        this.socket: [no_socket],
        this.socketpair: [(_LOAD, 0, 0, _FIRST_ARGUMENT), (_JUMP_EQUAL, 1, 0, 1), no_socket, *pairs],
        # A name in the network namespace outlives its owner, where the socket was sent over itself.
        this.bind: [no_name],
        this.connect: [no_name],
        this.fcntl: _without_access_time(_answering(_SECOND_ARGUMENT, watching | locks)),
        this.flock: [answer(_DONE)],
    }


def _segments(blocks: dict[int, list[Instruction]]) -> list[tuple[int, list[Instruction]]]:
    """The beginnings of the runs of system call numbers with one and the same answer."""
    segments: list[tuple[int, list[Instruction]]] = []
    for number in sorted({0, *blocks, *(number + 1 for number in blocks if number != _X32_BIT)}):
        block = blocks.get(number, [_ALLOWED])
        if not segments or segments[-1][1] != block:
            segments.append((number, block))
    return segments


def _tree(segments: list[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """Binary search: the kernel runs the filter over every number when it is installed, which a list makes slow."""
    if len(segments) == 1:
        return segments[0][1]
    middle = len(segments) // 2
    below = _tree(segments[:middle])
    return [(_JUMP_AT_LEAST, len(below), 0, segments[middle][0]), *below, *_tree(segments[middle:])]


def _only(argument: int, values: tuple[int, ...], otherwise: Instruction) -> list[Instruction]:
    tests = [(_JUMP_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [(_LOAD, 0, 0, argument), *tests, otherwise, _ALLOWED]


def _without(argument: int, bits: int) -> list[Instruction]:
    """Allowed without any of these bits."""
    return [(_LOAD, 0, 0, argument), (_JUMP_ANY_BIT, 0, 1, bits), _fail(errno.EPERM), _ALLOWED]


def _without_access_time(fcntls: list[Instruction]) -> list[Instruction]:
    setting = _without(_THIRD_ARGUMENT, NO_ACCESS_TIME)
    return [(_LOAD, 0, 0, _SECOND_ARGUMENT), (_JUMP_EQUAL, 0, len(setting), SET_FLAGS), *setting, *fcntls]


def _answering(argument: int, answers: Mapping[int, Instruction]) -> list[Instruction]:
    """Allowed but for some values of an argument, each of which has an answer of its own."""
    tests = [step for value, answer in answers.items() for step in ((_JUMP_EQUAL, 0, 1, value), answer)]
    return [(_LOAD, 0, 0, argument), *tests, _ALLOWED]


def _failing(argument: int, errors: Mapping[int, int]) -> list[Instruction]:
    return _answering(argument, {value: _fail(error) for value, error in errors.items()})


def _fail(error: int) -> Instruction:
    return _RETURN, 0, 0, _ERRNO | error
