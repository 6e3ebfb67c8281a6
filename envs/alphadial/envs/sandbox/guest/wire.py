"""A program's end of its channel to the judge: frames out, frames in."""

from __future__ import annotations

import os
from typing import NoReturn

from .frames import ERROR, INPUT, OUTPUT


def send(channel: int, kind: bytes, text: str = "", steps: int = 0) -> None:
    """Writes one frame, whole."""
    payload = text.encode("utf-8", "replace")
    rest = memoryview(OUTPUT.pack(kind, steps, len(payload)) + payload)
    while rest:
        rest = rest[os.write(channel, rest) :]


def receive(channel: int) -> bytes:
    """Reads one frame; where the judge hangs up instead, this process ends."""
    (length,) = INPUT.unpack(_read(channel, INPUT.size))
    return _read(channel, length)


def end(channel: int, kind: bytes, text: str = "", steps: int = 0) -> NoReturn:
    """Writes a last frame, and ends this process."""
    send(channel, kind, text, steps)
    os._exit(0)


def refuse(channel: int, message: str) -> NoReturn:
    """Tells the judge that the program could not be isolated: a frame other than READY comes first."""
    end(channel, ERROR, message)


def _read(channel: int, length: int) -> bytes:
    data = os.read(channel, length)
    while len(data) < length:
        more = os.read(channel, length - len(data))
        if not more:
            os._exit(0)  # the judge hung up
        data += more
    return data
