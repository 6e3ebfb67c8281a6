"""A warm server whose programs are runs of a command, each a child of the first process of its namespace."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable

from .folder import unpack
from .fork_server import ForkServer
from .frames import CPU, LISTENER, MOST_DESCRIPTORS, READY, REPORT
from .isolation import Isolation, bare_fork, close_to_others
from .limited import become, end_the_others, status_of
from .wire import receive, refuse, send


def main() -> None:
    """``argv``: the descriptor of the control socket (SOCK_SEQPACKET), the settings of ``Isolation`` as JSON, and the
    command that every program is.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    isolation = Isolation(json.loads(sys.argv[2]))

    def begin(handover: socket.socket) -> None:
        prepare(isolation, handover)
        become(sys.argv[3:])

    ForkServer(control, isolation, begin, forks=bare_fork).run()


def prepare(isolation: Isolation, handover: socket.socket, rehearse: Callable[[], object] = lambda: None) -> None:
    """Returns in the program's process, once it has its files and streams and nothing else, and its time begins.

    Five descriptors come: the channel, a file with the program's files as a stream of ``guest.folder``, and stdin,
    stdout and stderr. On the channel come the CPU seconds that it may use, when the judge is about to measure them.

    Args:
        isolation: of the process.
        handover: where the descriptors come.
        rehearse: called while there is no program yet, to touch what the program will: a page that this process shares
            with the server is copied when it first writes there.
    """
    failure = ""
    try:
        isolation.enter(handover.fileno())
    except OSError as error:
        failure = str(error)
    leader = os.fork()
    if leader:
        _attend(leader, handover)
    try:
        listener = isolation.confine()
        if listener is not None:
            socket.send_fds(handover, [LISTENER], [listener])
            os.close(listener)
    except OSError as error:
        failure = failure or str(error)
    if not failure:
        rehearse()
    _, descriptors, _, _ = socket.recv_fds(handover, 1, MOST_DESCRIPTORS)
    if not descriptors:
        os._exit(0)
    channel, files, *streams = descriptors
    try:
        unpack(os.pread(files, os.fstat(files).st_size, 0))
    except OSError as error:
        failure = failure or f"the files: {error}"
    if failure:
        refuse(channel, failure)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    send(channel, READY)
    (cpu_s,) = CPU.unpack(receive(channel))
    os.closerange(3, 65536)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))


def _attend(leader: int, handover: socket.socket) -> None:
    """The first process: from inside it cannot be ended, nor looked into."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # only a signal with a handler reaches a first process
    close_to_others()
    status = status_of(leader)
    end_the_others()
    handover.send(REPORT.pack(status))
    os._exit(status)
