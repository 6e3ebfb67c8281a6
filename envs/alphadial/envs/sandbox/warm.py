"""The judge's side of a warm server: ``Server`` and ``Program`` over ``guest/server.py``, for every backend."""

from __future__ import annotations

import json
import os
import socket
import struct
from dataclasses import replace
from multiprocessing.util import Finalize
from time import monotonic
from typing import Protocol

from ..errors import NotWarmError, SandboxFailedError
from ..forking import in_child
from ..types import KilledBy, Limits, RunResult
from .channel import Channel, Frame, Gone, channel_ends
from .guest import frames
from .protocol import Program
from .usage import Meter, Usage, process_meter

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
        self._open = WarmProgram(self, self.hand_over(), source, entry, tagged)
        return self._open

    def hand_over(self, *descriptors: int) -> socket.socket:
        """Begins the process of a program, which has one end of a socket pair and these descriptors; our end.

        Raises:
            SandboxFailedError: the server is gone.
        """
        self._number += 1
        ours, theirs = channel_ends()
        command = frames.COMMAND.pack(frames.START, self._number)
        try:
            with theirs:
                socket.send_fds(self._control, [command], [theirs.fileno(), *descriptors])
        except OSError as error:
            ours.close()
            raise self._broken(f"the warm server is gone: {error}") from None
        return ours

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

    @property
    def ending(self) -> int:
        """A descriptor that can be read once the program, or the server, has ended."""
        return self._control.fileno()

    def kill(self) -> None:
        """Has the server kill the open program, if it lives.

        Raises:
            SandboxFailedError: as of ``end``.
        """
        try:
            self._control.send(frames.COMMAND.pack(frames.KILL, self._number))
        except OSError as error:
            raise self._broken(f"the warm server does not answer: {error}") from None

    def ended(self) -> RunResult:
        """Waits until the program and its processes are gone.

        Raises:
            SandboxFailedError: as of ``end``.
            NotWarmError: it was ended for what it asked for.
        """
        try:
            number, status, cpu_s, peak = frames.ENDED.unpack(self._control.recv(frames.ENDED.size))
        except (OSError, struct.error) as error:
            raise self._broken(f"the warm server does not answer: {error}") from None
        if number != self._number:
            raise self._broken("the warm server lost count of its programs")
        if status == frames.REFUSED:
            raise NotWarmError("the program asked for what no program may in a warm server")
        signalled = os.WIFSIGNALED(status)
        return RunResult(
            exit_status=None if signalled else os.WEXITSTATUS(status),
            signal=os.WTERMSIG(status) if signalled else None,
            cpu_s=cpu_s,
            peak_bytes=peak,
        )

    def _forget(self) -> None:
        """All that a forked child does with the parent's server."""
        self._alive = False
        self._open = None

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
