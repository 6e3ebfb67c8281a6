"""A warm server whose programs are runs of a command, each a child of the first process of its namespace."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from collections.abc import Callable

from .folder import unpack
from .fork_server import ForkServer
from .frames import CPU, MOST_DESCRIPTORS, OUTPUT, READY
from .isolation import FIRST, Isolation, close_to_others
from .limited import become
from .wire import refuse


def main() -> None:
    """``argv``: the descriptor of the control socket (SOCK_SEQPACKET), the settings of ``Isolation`` as JSON, and the
    command that every program is.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    isolation = Isolation(json.loads(sys.argv[2]))

    def begin(channel: socket.socket) -> None:
        prepare(isolation, channel)
        become(sys.argv[3:])

    ForkServer(control, isolation, begin, commands=True).run()


def prepare(isolation: Isolation, channel: socket.socket, rehearse: Callable[[], object] = lambda: None) -> None:
    """Returns in the program's process, once it has its files and streams and nothing else.

    READY goes out with the descriptor of ``Isolation.confine``. Then come the CPU seconds that it may use, with four
    descriptors: of a file that holds the program's files as a stream of ``guest.folder``, and of stdin, stdout and
    stderr.

    Args:
        isolation: of the process.
        channel: to the judge.
        rehearse: called while there is no program yet, to touch what the program will: a page that this process shares
            with the server is copied when it first writes there.
    """
    failure = ""
    try:
        isolation.enter(channel.fileno(), group=FIRST)
    except OSError as error:
        failure = str(error)
    listener = None
    try:
        close_to_others(False)
        listener = isolation.confine()
    except OSError as error:
        failure = failure or str(error)
    if failure:
        refuse(channel.fileno(), failure)
    rehearse()
    socket.send_fds(channel, [OUTPUT.pack(READY, 0, 0)], [] if listener is None else [listener])
    told, descriptors, _, _ = socket.recv_fds(channel, CPU.size, MOST_DESCRIPTORS)
    if not told:
        os._exit(0)
    files, *streams = descriptors
    try:
        unpack(os.pread(files, os.fstat(files).st_size, 0))
    except OSError as error:
        refuse(channel.fileno(), f"the files: {error}")
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 65536)
    (cpu_s,) = CPU.unpack(told)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
