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

from .frames import COMMAND, ENDED, HELLO, KILL, MOST_DESCRIPTORS, START
from .isolation import Isolation

Begin = Callable[[socket.socket], None]
"""What the first process of a program's namespace does, given the socket on which descriptors of the program come.

Where it returns, that process goes on as the program.
"""


class GoOnError(Exception):
    """Raised by ``ForkServer.run`` in a process that is to go on as the program."""


class _Child:
    __slots__ = ("handover", "pid", "pidfd")

    def __init__(self, pid: int, handover: socket.socket) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.handover = handover

    def reap(self) -> tuple[int, float, int]:
        """Wait status, CPU seconds and peak bytes; every process of its namespace is gone then."""
        self.handover.close()
        os.close(self.pidfd)
        _, status, usage = os.wait4(self.pid, 0)
        return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


class ForkServer:
    """Forks a process for each program that the judge announces.

    Args:
        control: where the judge's commands come from.
        isolation: of the processes.
        begin: see ``Begin``.
        start_s: CPU seconds that the program would have spent on what it finds done here.
    """

    def __init__(self, control: socket.socket, isolation: Isolation, begin: Begin, start_s: float = 0.0) -> None:
        self._control = control
        self._isolation = isolation
        self._begin = begin
        self._start_s = start_s
        self._current: _Child | None = None

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
                if not self._await(current, number):
                    return
                self._current = None
                self._control.send(ENDED.pack(number, *current.reap()))

    def _fork(self) -> _Child:
        ours, theirs = socket.socketpair()
        with theirs:
            self._isolation.before_fork()
            pid = os.fork()
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
            child.reap()
            child = self._fork()
            socket.send_fds(child.handover, [b"c"], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        return child

    def _await(self, child: _Child, number: int) -> bool:
        """Until the program has ended; False when the judge is gone."""
        poll = select.poll()
        poll.register(child.pidfd, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if child.pidfd in ready:
                return True
            message = self._control.recv(COMMAND.size)
            if not message:
                return False
            if COMMAND.unpack(message) == (KILL, number):
                signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
