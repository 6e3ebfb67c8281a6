"""The warm fork server: one process inside the sandbox that forks an isolated process for every program.

It never sees a program's source: the judge hands it one end of a socket pair for each, and the program's process reads
from that. One program runs at a time, while the process for the next one is already being isolated beside it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import warnings
from dataclasses import dataclass

from .frames import COMMAND, ENDED, KILL, START
from .isolation import Isolation
from .program import refuse, serve, warm_up


def main() -> None:
    """``argv``: the descriptor of the control socket (SOCK_SEQPACKET), and the settings of ``Isolation`` as JSON."""
    control = socket.socket(fileno=int(sys.argv[1]))
    warnings.simplefilter("ignore")
    server = _Server(control, Isolation(json.loads(sys.argv[2])))
    warm_up()
    gc.collect()
    gc.freeze()
    control.send(b"ready")
    server.run()


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    pidfd: int
    handover: socket.socket

    def reap(self) -> tuple[int, float, int]:
        """Wait status, CPU seconds and peak bytes; every process of its namespace is gone then."""
        self.handover.close()
        os.close(self.pidfd)
        _, status, usage = os.wait4(self.pid, 0)
        return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


class _Server:
    def __init__(self, control: socket.socket, isolation: Isolation) -> None:
        self._control = control
        self._isolation = isolation

    def run(self) -> None:
        """Until the judge is gone."""
        spare: _Child | None = self._fork()
        while True:
            message, descriptors, _, _ = socket.recv_fds(self._control, COMMAND.size, 1)
            if not message:
                return
            kind, number = COMMAND.unpack(message)
            if kind == START:
                current = self._hand_over(spare, descriptors[0])
                try:
                    spare = self._fork()
                except OSError:  # the program is quick to take every process that it may: once it has ended, then
                    spare = None
                if not self._await(current, number):
                    return
                self._control.send(ENDED.pack(number, *current.reap()))

    def _fork(self) -> _Child:
        ours, theirs = socket.socketpair()
        with theirs:
            self._isolation.before_fork()
            pid = os.fork()
            if pid == 0:
                try:
                    self._become_program(theirs.fileno())
                finally:
                    os._exit(1)
        return _Child(pid, os.pidfd_open(pid), ours)

    def _become_program(self, handover: int) -> None:
        failure = ""
        try:
            self._isolation.after_fork(handover)
        except OSError as error:
            failure = str(error)
        warm_up()  # touches the pages that the program will: they are copied now, not while it is timed
        with socket.socket(fileno=handover) as server:
            _, descriptors, _, _ = socket.recv_fds(server, 1, 1)
        if descriptors and failure:
            refuse(descriptors[0], failure)
        elif descriptors:
            serve(descriptors[0])

    def _hand_over(self, spare: _Child | None, channel: int) -> _Child:
        child = spare or self._fork()
        try:
            socket.send_fds(child.handover, [b"c"], [channel])
        except OSError:  # killed for memory while it waited
            child.reap()
            child = self._fork()
            socket.send_fds(child.handover, [b"c"], [channel])
        os.close(channel)
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
