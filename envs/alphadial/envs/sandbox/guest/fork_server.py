"""The warm fork server: one process inside the sandbox that forks an isolated process for every program.

It never sees a program's source: the judge has one end of a socket pair for each, from which the program's process
reads. While a program runs, the process for the next one is being isolated beside it.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from .frames import COMMAND, ENDED, EXIT, HELLO, NEXT, READY, TOLD
from .isolation import Isolation, begin_namespace, close_to_others
from .wire import send

Begin = Callable[[socket.socket], None]
"""What the first process of a program's namespace does, given its end of the socket pair.

Where it returns, that process goes on as the program.
"""


class GoOnError(Exception):
    """Raised by ``ForkServer.run`` in a process that is to go on as the program."""


class _Child:
    __slots__ = ("channel", "first", "pid", "pidfd")

    def __init__(self, pid: int, first: int | None, channel: socket.socket) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.first = first
        """First process of its namespace, where that is another one."""
        self.channel = channel

    def reap(self) -> tuple[int, float, int]:
        """Wait status, CPU seconds and peak bytes."""
        _, status, usage = os.wait4(self.pid, 0)
        os.close(self.pidfd)
        return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024

    def end_namespace(self) -> None:
        """Every process of it is gone then. Its own one must have been reaped, or be the first."""
        if self.first is not None:
            os.kill(self.first, signal.SIGKILL)
            os.waitpid(self.first, 0)

    def alone(self) -> bool:
        """No process of the namespace outlives the program's: all that would are children of the first."""
        with open(f"/proc/{self.first}/task/{self.first}/children", "rb") as file:  # noqa: PTH123
            return not file.read(1)


class ForkServer:
    """Forks a process for each program that the judge announces.

    Args:
        control: where the judge's commands come from.
        isolation: of the processes.
        begin: see ``Begin``.
        start_s: CPU seconds that the program would have spent on what it finds done here.
        commands: programs are commands, which may send themselves any signal and leave children behind: each is the
            second process of its namespace, and the judge is told how it ended.
    """

    def __init__(
        self,
        control: socket.socket,
        isolation: Isolation,
        begin: Begin,
        start_s: float = 0.0,
        *,
        commands: bool = False,
    ) -> None:
        self._control = control
        self._isolation = isolation
        self._begin = begin
        self._start_s = start_s
        self._commands = commands
        self._living: dict[int, _Child] = {}
        """By number of the program."""

    def run(self) -> None:
        """Until the judge is gone."""
        if self._commands:
            close_to_others(True)
        gc.collect()
        gc.freeze()
        self._control.send(HELLO.pack(self._start_s))
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            for number, child in list(self._living.items()):
                if child.pidfd in ready:
                    poll.unregister(child.pidfd)
                    self._ended(number)
            if self._control.fileno() not in ready:
                continue
            message = self._control.recv(COMMAND.size)
            if not message:
                return
            kind, number = COMMAND.unpack(message)
            if kind == NEXT:
                self._fork(number)
                if self._commands and number in self._living:
                    poll.register(self._living[number].pidfd, select.POLLIN)
            elif number in self._living:
                if self._commands:
                    poll.unregister(self._living[number].pidfd)
                self._kill(number)
            else:
                self._control.send(TOLD.pack(ENDED, number, 0, 0.0, 0))

    def _fork(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        with ours:
            # Asked for before the process exists: its first message has them, however quick it is.
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            ends = [ours.fileno()]
            try:
                first, pid = self._forked()
            except OSError:  # the program that runs is quick to take every process that it may
                theirs.close()
                ends = []
            else:
                if pid == 0:
                    self._become_program(ours, theirs)
                if not self._commands:
                    theirs.close()  # only the program's process has it, so that the judge sees its end
                self._living[number] = _Child(pid, first, theirs)
            socket.send_fds(self._control, [TOLD.pack(READY, number, 0, 0.0, 0)], ends)

    def _forked(self) -> tuple[int | None, int]:
        self._isolation.before_fork()
        if not self._commands:
            return None, os.fork()
        first = begin_namespace()
        try:
            os.setpgid(first, 0)
            return first, os.fork()
        except OSError:
            os.kill(first, signal.SIGKILL)
            os.waitpid(first, 0)
            raise

    def _become_program(self, ours: socket.socket, theirs: socket.socket) -> None:
        for of_the_server in (ours, self._control, *(child.channel for child in self._living.values())):
            of_the_server.detach()  # ``Isolation`` closes them
        try:
            self._begin(theirs)
        except BaseException:
            os._exit(1)
        theirs.detach()
        raise GoOnError

    def _ended(self, number: int) -> None:
        child = self._living.pop(number)
        alone = child.alone()
        status, _, _ = child.reap()
        if not alone:
            child.end_namespace()
        code = os.waitstatus_to_exitcode(status)
        with child.channel, suppress(OSError):  # the judge may be gone, or want to hear no more of it
            send(child.channel.fileno(), EXIT, steps=code if code >= 0 else 128 - code)
        if alone:
            child.end_namespace()

    def _kill(self, number: int) -> None:
        child = self._living.pop(number)
        os.kill(child.pid if child.first is None else child.first, signal.SIGKILL)
        status, cpu_s, peak = child.reap()
        child.end_namespace()
        child.channel.close()
        self._control.send(TOLD.pack(ENDED, number, status, cpu_s, peak))
