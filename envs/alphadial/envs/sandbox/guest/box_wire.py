"""The wire between a box's owner and its keeper, the same in both directions: a head, JSON, and bytes beside it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator

HEAD = struct.Struct("!IQ")
"""Length of the JSON, and of the bytes that follow it."""
CHUNK = 1 << 18

FILE, EXECUTABLE, LINK = "F", "X", "L"
"""Kinds of files."""
BY_TIMES = "by times"
"""How the keeper finds changed files, where an access is always told by a file's status."""
CPU, WALL, MEMORY, OUTPUT = "cpu", "wall", "memory", "output"
"""Limits that end a command."""
KILL = "kill"
"""An order that has no answer of its own: the command that is running, if any, is to end."""

IMAGE = "/image"
"""The folder where the keeper of a box without Docker finds the image that the box is made from."""
SOCKETS = "/sockets"
"""The folder where that keeper, and all commands, find the unix sockets that they may connect to."""


def opening(said: object, size: int) -> bytes:
    """What comes before ``size`` bytes: the head, and ``said`` as JSON."""
    text = json.dumps(said).encode()
    return HEAD.pack(len(text), size) + text


def joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes with small pieces together: each write is read by up to three others on its way."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
