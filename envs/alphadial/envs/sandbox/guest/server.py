"""A warm server whose programs are functions that the judge calls."""

from __future__ import annotations

import json
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

    def begin(channel: socket.socket) -> None:
        failure = ""
        try:
            isolation.enter(channel.fileno())
            isolation.confine()
        except OSError as error:
            failure = str(error)
        warm_up()  # touches the pages that the program will: they are copied now, not while it is timed
        if failure:
            refuse(channel.fileno(), failure)
        serve(channel.detach())  # as a bare number: there is no object that a program could close

    warm_up()
    ForkServer(control, isolation, begin).run()
