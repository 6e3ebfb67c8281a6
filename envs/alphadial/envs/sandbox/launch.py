"""Starts bwrap with nothing of it running before it is inside its cgroup."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO

from ..errors import SandboxFailedError
from ..forking import OwnFile, OwnSocket, in_child, starting
from .cgroups import Group
from .layout import BOX, Invocation

FIRST_UID = 61_000
"""Slot n runs under host uid 61000 + n when we are root; no system hands these out."""
UIDS = 1_000
_START_S, _END_S = 30.0, 30.0


class Uid:
    """A host uid that no other living sandbox on this machine uses."""

    def __init__(self) -> None:
        self._lock = OwnSocket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for number in range(FIRST_UID, FIRST_UID + UIDS):
            with suppress(OSError):
                # An abstract address: held while this process lives, and leaves no file behind.
                self._lock.bind(f"\0alphadial-uid-{number}")
                self.number = number
                return
        self._lock.close()
        raise SandboxFailedError(f"all {UIDS} sandbox uids from {FIRST_UID} on are in use")

    def release(self) -> None:
        """Gives it back. Idempotent."""
        self._lock.close()


@dataclass(slots=True)
class Contained:
    """A running bwrap. ``init`` is the first process of its pid namespace: all else dies with it."""

    process: subprocess.Popen[bytes]
    init: int
    init_fd: FileIO
    status: FileIO

    def kill(self) -> None:
        """Ends everything inside; bwrap itself follows, even where someone has stopped it."""
        with suppress(OSError):
            signal.pidfd_send_signal(self.init_fd.fileno(), signal.SIGKILL)
        self.process.send_signal(signal.SIGCONT)

    def finish(self) -> int | None:
        """Waits, after the end or ``kill``. The exit status as bwrap saw it; None if the command never began.

        Raises:
            SandboxFailedError: bwrap does not end.
        """
        with self.init_fd, self.status:
            try:
                self.process.wait(_END_S)
            except subprocess.TimeoutExpired:
                raise SandboxFailedError(f"bubblewrap does not end within {_END_S:g} s") from None
            os.set_blocking(self.status.fileno(), False)
            reports = [json.loads(line) for line in (self.status.read() or b"").splitlines()]
        codes: list[int] = [report["exit-code"] for report in reports if "exit-code" in report]
        return codes[0] if codes else None


def launch(
    invocation: Invocation,
    spawner: Executor,
    *,
    uid: int | None,
    group: Group | None,
    stdio: tuple[int, int, int],
    pass_fds: Sequence[int] = (),
) -> Contained:
    """Starts it, contained from its first instruction on.

    Args:
        invocation: closed here, whatever happens.
        spawner: one thread that outlives the sandbox: --die-with-parent means the thread that forked.
        uid: host uid and gid, or None for ours.
        group: joined before bwrap begins; what it has counted by the time that the command begins is ours.
        stdio: descriptors or ``subprocess`` constants for stdin, stdout and stderr.
        pass_fds: further descriptors for the command.

    Raises:
        SandboxFailedError: bwrap did not get as far as its command.
    """
    begun = spawner.submit(_start, invocation.arguments, [*invocation.descriptors, *pass_fds], stdio, uid)
    try:
        start = begun.result(_START_S)
    except (OSError, ValueError) as error:  # a ValueError of null bytes
        begun.cancel()
        raise SandboxFailedError(f"cannot start bubblewrap: {error or 'it takes too long'}") from None
    finally:
        invocation.close()
    return _admit(start, group)


@dataclass(frozen=True, slots=True)
class _Start:
    """A bwrap that waits for its options, with our ends of its pipes."""

    process: subprocess.Popen[bytes]
    held_back: list[str]
    """Its options."""
    options: FileIO
    """Where it reads them."""
    status: FileIO
    gate: FileIO
    """What it waits for before its command begins."""


def _start(arguments: list[str], passed: list[int], stdio: tuple[int, int, int], uid: int | None) -> _Start:
    # All of it in one thread, which waits for no other: what is dropped unclosed is closed in whatever thread the
    # garbage is collected, this one too, and closing needs ``starting``.
    with starting:
        status, status_end = os.pipe()
        gate_end, gate = os.pipe()
        options_end, options = os.pipe()
        ours = OwnFile(lambda: options, "w"), OwnFile(lambda: status), OwnFile(lambda: gate, "w")
        inner = arguments.index("--")
        bwrap, *held_back = arguments[:inner]
        held_back += ["--json-status-fd", str(status_end), "--block-fd", str(gate_end)]
        # bwrap waits for its options, and makes nothing without them; the one here is what ``orphans`` knows ours by.
        command = [bwrap, "--setenv", "HOME", BOX, "--args", str(options_end), *arguments[inner:]]
        ends = (status_end, gate_end, options_end)
        try:
            return _Start(_bwrap(command, stdio, [*passed, *ends], uid), held_back, *ours)
        except (OSError, ValueError):
            for own in ours:
                own.close()
            raise
        finally:
            for end in ends:
                os.close(end)


def _bwrap(
    arguments: list[str], stdio: tuple[int, int, int], passed: Sequence[int], uid: int | None
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        arguments,
        bufsize=0,
        env={},
        cwd="/",
        stdin=stdio[0],
        stdout=stdio[1],
        stderr=stdio[2],
        pass_fds=passed,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
        process_group=0,  # a terminal's Ctrl-C is for us: no command is to be cut short by it and run again
    )
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            in_child(stream, lambda each: each.close())
            # The command may open it again, as /dev/stderr: the right way round, or it could wait for its own words.
            os.fchmod(stream.fileno(), 0o222)
    return process


def _admit(start: _Start, group: Group | None) -> Contained:
    process, status, options = start.process, start.status, start.options
    init_fd: FileIO | None = None
    try:
        with options:
            # Before it makes the cgroup namespace: where it is by then is what /proc/self/cgroup will show as "/".
            if group is not None:
                group.attach(process.pid)
            rest = b"".join(os.fsencode(word) + b"\0" for word in start.held_back)
            while rest:
                rest = rest[options.write(rest) :]
        init = _first_process(status)
        init_fd = OwnFile(lambda: os.pidfd_open(init))
        if group is not None:
            group.begin()
    except (OSError, ValueError) as error:
        with status, suppress(subprocess.TimeoutExpired):
            if init_fd is not None:
                signal.pidfd_send_signal(init_fd.fileno(), signal.SIGKILL)
                init_fd.close()
            process.kill()
            _, stderr = process.communicate(timeout=_END_S)
            said = (stderr or b"").decode(errors="replace").strip().splitlines()
            raise SandboxFailedError(said[-1] if said else f"bubblewrap did not start: {error}") from None
        raise SandboxFailedError(f"bubblewrap did not start, and does not end: {error}") from None
    finally:
        start.gate.close()  # bwrap reads the end of file and goes on
    return Contained(process, init, init_fd, status)


def _first_process(status: FileIO) -> int:
    deadline = time.monotonic() + _START_S
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([status], [], [], max(0.0, deadline - time.monotonic()))
        byte = os.read(status.fileno(), 1) if ready else b""
        if not byte:
            raise ValueError("it reported no process")
        line += byte
    return int(json.loads(line)["child-pid"])
