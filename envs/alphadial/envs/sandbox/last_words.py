"""What a server says where no program can: its stderr."""

from __future__ import annotations

import os

from ..forking import OwnFile, starting

_MOST = 65_536


class LastWords:
    """A server's stderr, which is a pipe as a program's own is; only the server writes there, never a program."""

    def __init__(self) -> None:
        with starting:
            read, written = os.pipe()
            self._read, self._written = OwnFile(lambda: read), OwnFile(lambda: written, "w")
        os.set_blocking(read, False)
        self._said = b""

    @property
    def descriptor(self) -> int:
        """To be given to the server."""
        return self._written.fileno()

    def read(self) -> str:
        """The last line."""
        self._said += self._read.read(_MOST) or b""
        lines = self._said.decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """Forgets it. Idempotent."""
        self._read.close()
        self._written.close()
