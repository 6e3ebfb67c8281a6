"""The warm fork server: one process inside the sandbox that forks an isolated process for every program.

It never sees a program's source: the judge hands it descriptors for each, and the program's process reads from those.
One program runs at a time, while the process for the next one is already being isolated beside it.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from collections.abc import Callable

from .frames import COMMAND, ENDED, HELLO, KILL, MOST_DESCRIPTORS, REFUSED, REPORT, START
from .isolation import Isolation

Begin = Callable[[socket.socket], None]
"""What the first process of a program's namespace does, given the socket on which descriptors of the program come.

Where it returns, that process goes on as the program.
"""


_MOST_ENDING = 2
"""First processes whose end is not waited for."""
_End = tuple[int, float, int]
"""Wait status, CPU seconds and peak bytes; the latter two are 0 where only the program's own parent could say."""


class GoOnError(Exception):
    """Raised by ``ForkServer.run`` in a process that is to go on as the program."""


class _Child:
    __slots__ = ("handover", "listener", "pid", "pidfd")

    def __init__(self, pid: int, handover: socket.socket) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.handover = handover
        self.listener = -1

    def close(self) -> None:
        self.handover.close()
        os.close(self.pidfd)
        if self.listener >= 0:
            os.close(self.listener)

    def kill(self) -> None:
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def reap(self) -> _End:
        """Every process of its namespace is gone then."""
        _, status, usage = os.wait4(self.pid, 0)
        return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


class ForkServer:
    """Forks a process for each program that the judge announces.

    Args:
        control: where the judge's commands come from.
        isolation: of the processes.
        begin: see ``Begin``.
        start_s: CPU seconds that the program would have spent on what it finds done here.
        forks: as ``os.fork``.
    """

    def __init__(
        self,
        control: socket.socket,
        isolation: Isolation,
        begin: Begin,
        start_s: float = 0.0,
        forks: Callable[[], int] = os.fork,
    ) -> None:
        self._forks = forks
        self._control = control
        self._isolation = isolation
        self._begin = begin
        self._start_s = start_s
        self._current: _Child | None = None
        self._reported: list[int] = []
        """First processes that have said how their program ended."""

    def run(self) -> None:
        """Until the judge is gone."""
        gc.collect()
        gc.freeze()
        self._control.send(HELLO.pack(self._start_s))
        spare: _Child | None = self._fork()
        while True:
            message, descriptors, _, _ = socket.recv_fds(self._control, COMMAND.size, MOST_DESCRIPTORS)
            if not message:
                return
            kind, number = COMMAND.unpack(message)
            if kind == START:
                current = self._current = self._hand_over(spare, descriptors)
                try:
                    spare = self._fork()
                except OSError:  # the program is quick to take every process that it may: once it has ended, then
                    spare = None
                end = self._await(current, number)
                if end is None:
                    return
                self._current = None
                self._control.send(ENDED.pack(number, *end))
                current.close()

    def _fork(self) -> _Child:
        self._reap_reported()
        ours, theirs = socket.socketpair()
        with theirs:
            self._isolation.before_fork()
            pid = self._forks()
            if pid == 0:
                self._become_program(ours, theirs)
        return _Child(pid, ours)

    def _become_program(self, ours: socket.socket, theirs: socket.socket) -> None:
        for of_the_server in (ours, self._control, *([self._current.handover] if self._current else [])):
            of_the_server.detach()  # ``Isolation`` closes them
        try:
            self._begin(theirs)
        except BaseException:
            os._exit(1)
        theirs.detach()
        raise GoOnError

    def _hand_over(self, spare: _Child | None, descriptors: list[int]) -> _Child:
        child = spare or self._fork()
        try:
            socket.send_fds(child.handover, [b"c"], descriptors)
        except OSError:  # killed for memory while it waited
            child.close()
            child.reap()
            child = self._fork()
            socket.send_fds(child.handover, [b"c"], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        return child

    def _await(self, child: _Child, number: int) -> _End | None:
        """Until the program has ended; None when the judge is gone."""
        poll = select.poll()
        for descriptor in (child.pidfd, child.handover.fileno(), self._control.fileno()):
            poll.register(descriptor, select.POLLIN)
        refused = False
        while True:
            ready = dict(poll.poll())
            if child.pidfd in ready:
                end = child.reap()
                return (REFUSED, *end[1:]) if refused else end
            if ready.get(child.listener, 0):
                refused = bool(ready[child.listener] & select.POLLIN)
                poll.unregister(child.listener)
                if refused:
                    child.kill()
            if child.handover.fileno() in ready and not refused:
                report, listeners, _, _ = socket.recv_fds(child.handover, REPORT.size, 1)
                if listeners:
                    (child.listener,) = listeners
                    poll.register(child.listener, select.POLLIN)
                elif report:
                    self._reported.append(child.pid)  # its own end takes a while, and nobody needs to wait for that
                    return REPORT.unpack(report)[0] << 8, 0.0, 0
                else:
                    poll.unregister(child.handover)
            if self._control.fileno() in ready:
                message = self._control.recv(COMMAND.size)
                if not message:
                    return None
                if COMMAND.unpack(message) == (KILL, number):
                    child.kill()

    def _reap_reported(self) -> None:
        while self._reported:
            options = 0 if len(self._reported) > _MOST_ENDING else os.WNOHANG
            if os.waitpid(self._reported[0], options) == (0, 0):
                return
            del self._reported[0]
