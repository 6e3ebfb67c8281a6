"""What a server says where no program can: its stderr."""

from __future__ import annotations

import os

from ..forking import OwnFile


class LastWords:
    """A server's stderr, kept in memory; only the server writes there, never a program."""

    def __init__(self) -> None:
        self._file = OwnFile(lambda: os.memfd_create("alphadial-stderr"))

    @property
    def descriptor(self) -> int:
        """To be given to the server."""
        return self._file.fileno()

    def read(self) -> str:
        """The last line."""
        lines = os.pread(self.descriptor, 65_536, 0).decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """Forgets it. Idempotent."""
        self._file.close()
