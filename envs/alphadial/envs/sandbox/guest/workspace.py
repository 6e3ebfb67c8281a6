"""Runs a command in a folder that is handed in and handed back. It is the first process of its pid namespace.

As the first process it cannot be signalled from inside, and whatever the command leaves behind becomes its child.
"""

from __future__ import annotations

import os
import signal
import sys

from .folder import ENTRY, REFUSED, TOO_LARGE, pack, unpack
from .limited import attend, end_the_others, limit

UNFIT = 125
"""The exit status where the command was not begun: the folder could not be laid out."""


def main() -> None:
    """``argv``: descriptors of the stream in and of the one out, how many bytes of files may go out, rlimits as in
    ``limited``, then the command.
    """
    if os.getpid() != 1:
        # Ending "every process" would end the host's.
        print("the wrapper is not the first process of a pid namespace of its own", file=sys.stderr, flush=True)
        os._exit(UNFIT)
    incoming, outgoing, max_bytes = map(int, sys.argv[1:4])
    limit(sys.argv[4])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # from inside, only a signal with a handler reaches a first process
    os.set_inheritable(outgoing, False)
    try:
        with os.fdopen(incoming, "rb") as file:
            unpack(file.read())
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(UNFIT)
    # Now: the command may close it to its owner, or put another in its place.
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    status = attend(sys.argv[5:])
    end_the_others()
    _send(outgoing, pack(folder, max_bytes))
    os._exit(status)


def _send(outgoing: int, stream: bytes) -> None:
    with os.fdopen(outgoing, "wb", buffering=0) as file:
        try:
            # Without what the command may have put there by way of /proc.
            file.truncate(0)
            file.seek(0)
            file.write(stream)
        except OSError:  # larger than any file may be
            file.truncate(0)
            file.seek(0)
            file.write(ENTRY.pack(REFUSED, len(TOO_LARGE), 0) + TOO_LARGE.encode())
