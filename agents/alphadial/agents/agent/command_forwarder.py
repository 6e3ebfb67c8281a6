"""Runs a program in a box whose only way out is a unix socket: it finds the model at an address on its own loopback.

    python3 -I command_forwarder.py SOCKET COMMAND...

Connections to a port of the loopback are carried to the socket. The command gets the address as OPENAI_BASE_URL and
OPENAI_API_BASE; its exit status is the status of this program, which needs nothing but Python.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress


def carry(source: socket.socket, target: socket.socket) -> None:
    """Copies until the source ends, and tells the target so."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def serve(listener: socket.socket, path: str) -> None:
    """Joins every connection with one to the socket."""
    while True:
        connection, _ = listener.accept()
        model = socket.socket(socket.AF_UNIX)
        try:
            model.connect(path)
        except OSError:
            connection.close()
            model.close()
            continue
        for ends in ((connection, model), (model, connection)):
            threading.Thread(target=carry, args=ends, daemon=True).start()


def main(path: str, command: list[str]) -> int:
    """Runs the command; its exit status, as shells have it."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, path), daemon=True).start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    done = subprocess.run(command, env={**os.environ, "OPENAI_BASE_URL": address, "OPENAI_API_BASE": address})
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
