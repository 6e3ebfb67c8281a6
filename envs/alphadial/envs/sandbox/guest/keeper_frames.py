"""The wire between a box's owner and its keeper. Both ends are ours; integers are in network byte order."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from .folder import END, ENTRY

HEAD = struct.Struct("!cI")
"""The kind of a message and the length of the JSON that follows; its descriptors come with it."""
EXEC, KILL, SNAPSHOT, RESTORE, SEAL, READ, WRITE, TREE = b"E", b"K", b"S", b"R", b"L", b"F", b"W", b"T"
"""Requests. Entries follow RESTORE, SEAL and WRITE, and the answers to SNAPSHOT, READ and TREE."""
DONE, FAILED, REFUSED = b"D", b"X", b"T"
"""Answers; the JSON of the latter two is why."""

LINK = b"L"
GONE = b"G"
"""Further kinds of entries, beside those of ``guest.folder``: the content of a link is its target, and what was there
before is there no more."""

IMAGE = "/image"
"""Where the keeper finds the image that the box is made from."""
SOCKETS = "/sockets"
"""Where it, and all commands, find the unix sockets that they may connect to."""


class GoneError(Exception):
    """The other end is closed."""


def entry(kind: bytes, path: str, content: bytes = b"") -> bytes:
    """One entry."""
    name = path.encode()
    return ENTRY.pack(kind, len(name), len(content)) + name + content


def end(left_out: int = 0) -> bytes:
    """What comes after the last entry."""
    return ENTRY.pack(END, 0, left_out)


class Reader:
    """Reads what a socket brings.

    Raises:
        GoneError: it was closed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.left_out = 0
        """Names that the last entries are without."""

    def take(self, length: int) -> bytes:
        """So many bytes."""
        data = bytearray()
        while len(data) < length:
            more = os.read(self._descriptor, min(length - len(data), 1 << 20))
            if not more:
                raise GoneError
            data += more
        return bytes(data)

    def entries(self) -> Iterator[tuple[bytes, str, bytes]]:
        """Kind, path and content of each; all of them must be taken."""
        while True:
            kind, length, size = ENTRY.unpack(self.take(ENTRY.size))
            if kind == END:
                self.left_out = size
                return
            yield kind, self.take(length).decode(), self.take(size)
