"""A warm server whose programs are functions that the judge calls."""

from __future__ import annotations

import json
import os
import socket
import sys
import warnings

from .fork_server import ForkServer
from .isolation import Isolation
from .program import serve, warm_up
from .wire import refuse


def main() -> None:
    """``argv``: the descriptor of the control socket (SOCK_SEQPACKET), and the settings of ``Isolation`` as JSON."""
    control = socket.socket(fileno=int(sys.argv[1]))
    warnings.simplefilter("ignore")
    isolation = Isolation(json.loads(sys.argv[2]))

    def begin(handover: socket.socket) -> None:
        failure = ""
        try:
            isolation.enter(handover.fileno())
            isolation.confine()
        except OSError as error:
            failure = str(error)
        warm_up()  # touches the pages that the program will: they are copied now, not while it is timed
        with handover:
            _, descriptors, _, _ = socket.recv_fds(handover, 1, 1)
        if descriptors and failure:
            refuse(descriptors[0], failure)
        elif descriptors:
            serve(descriptors[0])
        os._exit(1)

    warm_up()
    ForkServer(control, isolation, begin).run()
