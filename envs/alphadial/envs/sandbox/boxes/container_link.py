"""The owner's end of the connection to a keeper: orders go out, answers come back. See ``guest.container_wire``."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ...forking import OwnSocket
from ..guest.container_wire import HEAD

_FRAME = struct.Struct("!BxxxI")
"""Docker's, around all that a container says: which stream, and how many bytes of it follow."""
_STDOUT = 1
_SEND = 1 << 20
_MOST_WORDS = 65_536


class BrokenLinkError(Exception):
    """The keeper does not answer; the message is what it said last, in one line."""


class KeeperLink:
    """Used by one thread at a time. As long as its socket is open, the box lives.

    Args:
        attached: a connection to the container's streams.
    """

    def __init__(self, attached: OwnSocket) -> None:
        self._attached = attached
        self._pending = bytearray()
        self._words = bytearray()

    def ask(
        self, order: dict[str, Any], pieces: Iterable[bytes] = (), size: int = 0, *, timeout_s: float
    ) -> tuple[dict[str, Any], memoryview]:
        """Sends an order with ``size`` bytes in pieces, and waits for the answer.

        Raises:
            BrokenLinkError: there is none in time, or it is not one.
        """
        self._attached.settimeout(timeout_s)
        text = json.dumps(order).encode()
        try:
            self._send([HEAD.pack(len(text), size) + text, *pieces])
            return self._answer()
        except OSError as error:
            raise BrokenLinkError(self._said() or str(error) or "no answer in time") from None

    def ready(self, timeout_s: float) -> None:
        """Waits until the keeper is up.

        Raises:
            BrokenLinkError: as ``ask``.
        """
        self._attached.settimeout(timeout_s)
        try:
            self._answer()
        except OSError as error:
            raise BrokenLinkError(self._said() or str(error)) from None

    def _answer(self) -> tuple[dict[str, Any], memoryview]:
        length, size = HEAD.unpack(self._take(HEAD.size))
        try:
            facts = json.loads(bytes(self._take(length)))
        except ValueError:
            raise BrokenLinkError("the keeper says what no keeper says") from None
        return facts, self._take(size)

    def close(self) -> None:
        """The box ends, and so does the wait of another thread for its answer. Idempotent."""
        with suppress(OSError):  # it is closed already
            self._attached.shutdown(socket.SHUT_RDWR)
        self._attached.close()

    def _send(self, pieces: Iterable[bytes]) -> None:
        held: list[bytes] = []
        size = 0
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= _SEND:
                self._attached.sendall(b"".join(held))
                held, size = [], 0
        self._attached.sendall(b"".join(held))

    def _take(self, size: int) -> memoryview:
        while len(self._pending) < size:
            self._receive()
        taken = bytes(memoryview(self._pending)[:size])
        del self._pending[:size]
        return memoryview(taken)

    def _receive(self) -> None:
        """One frame."""
        stream, length = _FRAME.unpack(self._exactly(_FRAME.size))
        data = self._exactly(length)
        if stream == _STDOUT:
            self._pending += data
        elif len(self._words) < _MOST_WORDS:
            self._words += data

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self._attached.recv_into(view)
            if not count:
                raise BrokenLinkError(self._said() or "the container has ended")
            view = view[count:]
        return data

    def _said(self) -> str:
        return (self._words.decode(errors="replace").strip().splitlines() or [""])[-1]
