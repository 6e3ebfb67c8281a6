"""The judge's side of a warm server: ``Server`` and ``Program`` over ``guest/server.py``, for every backend."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
from dataclasses import replace
from multiprocessing.util import Finalize
from time import monotonic
from typing import Protocol

from ..errors import SandboxFailedError
from ..forking import OwnSocket, in_child, starting
from ..types import KilledBy, Limits, RunResult
from .channel import Channel, Frame, Gone
from .guest import frames
from .protocol import Program
from .usage import Meter, Usage, process_meter

_CLOEXEC = 0x4000_0000
"""MSG_CMSG_CLOEXEC"""
_REPLY_S = 30.0
"""How long the server may take to come up, or to reap a killed program."""


class Host(Protocol):
    """What a backend keeps around its server process."""

    def kill(self) -> None:
        """Ends the server and all under it, and gives back what was set up for it. Idempotent."""

    def oom_kills(self) -> int:
        """Processes killed for memory so far, after ``kill`` too; 0 where nothing counts them."""

    def last_words(self) -> str:
        """What the server last wrote to stderr."""

    def meter(self, pid: int) -> Meter:
        """Of a program's whole tree, given the host's number of its first process."""


class Owner(Protocol):
    """The server that a ``WarmProgram`` runs in."""

    limits: Limits
    rlimited: bool
    """RLIMIT_AS limits memory: that it refused some, only the program itself can tell."""

    def alive(self) -> bool:
        """See ``Server``."""

    def end(self) -> RunResult:
        """Kills the open program, if it lives, and waits until it and its processes are gone.

        Raises:
            SandboxFailedError: the server does not answer; it is closed then.
        """

    def meter(self, pid: int) -> Meter:
        """Of the open program."""

    def oom_kills(self) -> int:
        """See ``Host``."""


class WarmServer:
    """Implements ``Server``."""

    def __init__(self, control: socket.socket, limits: Limits, host: Host, *, rlimited: bool) -> None:
        self._control = control
        self._host = host
        # In this process alone: when the server is closed, or dropped, or the interpreter ends.
        self._end = Finalize(self, _end, (control, host), exitpriority=0)
        in_child(self, WarmServer._forget)
        self._number = 0
        self._spare: socket.socket | None = None
        self._awaited = False
        """A process was asked for, and the server has not answered."""
        self._open: WarmProgram | None = None
        self._alive = True
        self.limits = limits
        self.rlimited = rlimited
        self.start_s = 0.0
        """CPU seconds of the start of an interpreter that every program is spared."""
        control.settimeout(_REPLY_S)
        try:
            (self.start_s,) = frames.HELLO.unpack(control.recv(frames.HELLO.size))
        except (OSError, struct.error):
            said = self._host.last_words() or "it said nothing"
            raise self._broken(f"the warm server did not come up: {said}") from None

    def start(self, source: str, *, entry: str, tagged: bool = False) -> Program:
        """See ``Server``."""
        if self._open is not None:
            raise SandboxFailedError("the warm server's last program is still open: close it first")
        self._open = WarmProgram(self, self.take(), source, entry, tagged)
        self.prepare()
        return self._open

    def take(self) -> socket.socket:
        """Our end of the socket pair of a process that waits for its program, which is the open one from now on.

        Raises:
            SandboxFailedError: the server is gone, or can fork none.
        """
        for _ in range(2):  # it may not be able to while a program runs that takes every process
            if self._spare is None and not self._awaited:
                self.prepare()
            while self._awaited:
                self._hear()
            spare, self._spare = self._spare, None
            if spare is not None:
                self._number += 1
                return spare
        raise self._broken("the warm server can fork no process")

    def prepare(self) -> None:
        """Has a process isolated for the program after the open one.

        Raises:
            SandboxFailedError: the server is gone.
        """
        self._tell(frames.NEXT, self._number + 1)
        self._awaited = True

    def alive(self) -> bool:
        """See ``Server``."""
        return self._alive

    def close(self) -> None:
        """See ``Server``."""
        if self._alive:
            self._forget()
            self._end()

    def meter(self, pid: int) -> Meter:
        """A program in the step-counted language is one process and cannot make another."""
        if pid <= 0:
            raise self._broken("the kernel does not say which process a program runs in: nothing could count it")
        return process_meter(pid) if self.limits.steps is not None else self._host.meter(pid)

    def oom_kills(self) -> int:
        """See ``Host``."""
        return self._host.oom_kills()

    def end(self) -> RunResult:
        """See ``Owner``."""
        self._open = None
        self.kill()
        return self.ended()

    def kill(self) -> None:
        """Has the server kill the open program, if it lives.

        Raises:
            SandboxFailedError: as of ``end``.
        """
        self._tell(frames.KILL, self._number)

    def ended(self) -> RunResult:
        """Waits until the program that was killed, and its processes, are gone.

        Raises:
            SandboxFailedError: as of ``end``.
        """
        kind = frames.READY
        while kind != frames.ENDED:
            kind, number, status, cpu_s, peak = self._hear()
        if number != self._number:
            raise self._broken("the warm server lost count of its programs")
        signalled = os.WIFSIGNALED(status)
        return RunResult(
            exit_status=None if signalled else os.WEXITSTATUS(status),
            signal=os.WTERMSIG(status) if signalled else None,
            cpu_s=cpu_s,
            peak_bytes=peak,
        )

    def _tell(self, kind: bytes, number: int) -> None:
        try:
            self._control.send(frames.COMMAND.pack(kind, number))
        except OSError as error:
            raise self._broken(f"the warm server does not answer: {error}") from None

    def _hear(self) -> tuple[bytes, int, int, float, int]:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.poll(_REPLY_S * 1000)
        try:
            with starting:  # a child that is forked meanwhile would keep the end of a program that it does not know of
                told, ends, _, _ = socket.recv_fds(self._control, frames.TOLD.size, 1, socket.MSG_DONTWAIT | _CLOEXEC)
                kind, number, status, cpu_s, peak = frames.TOLD.unpack(told)
                if kind == frames.READY:
                    self._awaited = False
                    self._spare = OwnSocket(fileno=ends[0]) if ends else None
        except (OSError, struct.error) as error:
            raise self._broken(f"the warm server does not answer: {error}") from None
        return kind, number, status, cpu_s, peak

    def _forget(self) -> None:
        """All that a forked child does with the parent's server."""
        self._alive = self._awaited = False
        self._open = None
        if self._spare is not None:
            self._spare.close()

    def _broken(self, what: str) -> SandboxFailedError:
        self.close()
        return SandboxFailedError(what)


def _end(control: socket.socket, host: Host) -> None:
    control.close()
    host.kill()


class WarmProgram:
    """Implements ``Program``."""

    def __init__(self, server: Owner, end: socket.socket, source: str, entry: str, tagged: bool) -> None:
        self._server = server
        self._limits = server.limits
        self._channel = Channel(end, self._limits.output_bytes)
        self._meter: Meter | None = None
        self._oom_kills = server.oom_kills()
        self._used, self._used_before, self._began = Usage(), Usage(), 0.0
        self._over: RunResult | None = None
        self._closed: RunResult | None = None
        self._program = json.dumps([source, entry, self._limits.steps, tagged]).encode()

    def call(self, input: str) -> RunResult:
        """See ``Program``."""
        if self._closed is not None and self._over is None:
            raise SandboxFailedError("the program is closed")
        if self._over is None:
            result = self._call(input)
            if result.answered:
                return result
            self._over = result
        return self._over

    def close(self) -> RunResult:
        """See ``Program``."""
        if self._closed is None:
            self._closed = RunResult(exit_status=None, signal=9)
            try:
                if self._server.alive():
                    self._closed = self._server.end()
            finally:
                self._channel.close()
        return self._closed

    def _call(self, input: str) -> RunResult:
        self._began = monotonic()
        if self._meter is None:
            self._meter = self._server.meter(self._channel.ready())
            self._used = self._meter()
            self._channel.send(self._program)  # not before: what it uses meanwhile would not count
        self._channel.send(input.encode())
        self._used_before = self._used
        got = self._channel.receive(self._overrun)
        self._used = self._meter()
        used, took = self._used.since(self._used_before), monotonic() - self._began
        result = RunResult(exit_status=None, cpu_s=used.cpu_s, uncounted_s=used.uncounted_s, wall_s=took)
        if isinstance(got, Gone):
            result = self._left(got, result)
        elif isinstance(got, KilledBy):
            self.close()
            result = replace(result, signal=9, killed_by=got, oom=got is KilledBy.MEMORY)
        else:
            result = self._said(got, result)
        alone = self._limits.steps is not None  # such a program has no children
        killed = not (alone and isinstance(got, Frame)) and self._server.oom_kills() > self._oom_kills
        if killed or self._used.full:
            return replace(result, oom=True, killed_by=KilledBy.MEMORY)  # of a child too, whatever the program says
        return result

    def _overrun(self) -> KilledBy | None:
        assert self._meter is not None
        beyond = self._meter().since(self._used_before).overrun(self._limits)
        return beyond or (KilledBy.WALL if monotonic() - self._began > self._limits.wall_s else None)

    def _said(self, frame: Frame, result: RunResult) -> RunResult:
        counted = self._limits.steps is not None
        steps = frame.steps if counted else None
        if frame.kind == frames.ANSWER:
            return RunResult(  # not by ``replace``, which takes three times as long: this is every call that goes well
                exit_status=None,
                stdout=frame.text,
                cpu_s=result.cpu_s,
                uncounted_s=result.uncounted_s,
                wall_s=result.wall_s,
                steps=steps,
            )
        if frame.kind == frames.COMPILE_ERROR:
            return replace(result, compile_error=frame.text)
        if frame.kind == frames.OUT_OF_MEMORY and self._server.rlimited:
            return replace(result, oom=True, killed_by=KilledBy.MEMORY)
        if frame.kind == frames.OUT_OF_MEMORY:
            return replace(result, error="MemoryError")  # what it holds decides, and the kernel refused it more
        if frame.kind == frames.OUT_OF_STEPS and counted:
            return replace(result, killed_by=KilledBy.STEPS, steps=steps)
        return replace(result, error=frame.text if frame.kind == frames.ERROR else "sent what is not a frame")

    def _left(self, gone: Gone, result: RunResult) -> RunResult:
        """The program hung up: it exited, crashed, was killed for memory, or only closed its end."""
        try:
            ending = self.close()
        except SandboxFailedError:
            # The kernel may choose the server as the victim for memory that the program took.
            if self._server.oom_kills() == self._oom_kills:
                raise
            return replace(result, signal=9, oom=True, killed_by=KilledBy.MEMORY)
        how = f"signal {ending.signal}" if ending.signal else f"status {ending.exit_status}"
        reason = gone.reason or f"ended with {how} before it answered"
        return replace(result, exit_status=ending.exit_status, signal=ending.signal, error=reason)
