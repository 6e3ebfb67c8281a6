"""The wire between a box's owner and its keeper. Both ends are ours; integers are in network byte order."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

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

PIECE = 1 << 18
"""Bytes that are sent or received at a time."""

IMAGE = "/image"
"""Where the keeper finds the image that the box is made from."""
SOCKETS = "/sockets"
"""Where it, and all commands, find the unix sockets that they may connect to."""


def entry(kind: bytes, path: str, content: bytes = b"") -> bytes:
    """One entry."""
    name = path.encode()
    return ENTRY.pack(kind, len(name), len(content)) + name + content


def end(left_out: int = 0) -> bytes:
    """The last entry, whose content says how many names were left out."""
    return entry(END, "", b"%d" % left_out)


def entries(stream: BinaryIO) -> Iterator[tuple[bytes, str, bytes]]:
    """Kind, path and content of each, up to and with END; all of them must be taken.

    Raises:
        EOFError: the other end was closed.
    """
    kind = b""
    while kind != END:
        kind, length, size = ENTRY.unpack(exactly(stream, ENTRY.size))
        yield kind, exactly(stream, length).decode(), exactly(stream, size)


def exactly(stream: BinaryIO, length: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: the other end was closed, or says nothing.
    """
    data = stream.read(length) or b""
    while len(data) < length:
        more = stream.read(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def pieces(parts: Iterable[bytes]) -> Iterator[bytearray]:
    """The same bytes in fewer parts, each of which costs a system call."""
    piece = bytearray()
    for part in parts:
        piece += part
        if len(piece) >= PIECE:
            yield piece
            piece = bytearray()
    yield piece
