"""The owner's end of the connection to a keeper: orders go out, answers come back. See ``guest.box_wire``."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from ...forking import OwnSocket
from ..guest.box_wire import CHUNK, HEAD, joined, opening

_FRAME = struct.Struct("!BxxxI")
"""Docker's, around all that a container says: which stream, and how many bytes of it follow."""
_STDOUT = 1
_MOST_WORDS = 65_536

Facts = dict[str, Any]


class BrokenLinkError(Exception):
    """The keeper does not answer; the message is what it said last, in one line."""


class KeeperLink:
    """Used by one thread at a time. As long as its socket is open, the box lives.

    Args:
        connected: the owner's end.
    """

    def __init__(self, connected: OwnSocket) -> None:
        self._socket = connected
        self._pending = bytearray()

    def fileno(self) -> int:
        """The descriptor, which can be read once an answer is there or the keeper has gone."""
        return self._socket.fileno()

    def ask(
        self, order: Facts, pieces: Iterable[bytes] = (), size: int = 0, *, max_bytes: int = 0, timeout_s: float
    ) -> tuple[Facts, memoryview]:
        """Sends an order with ``size`` bytes in pieces, and waits for the answer.

        Raises:
            BrokenLinkError: there is none in time, or it is not one.
        """
        self.send(order, pieces, size, timeout_s=timeout_s)
        return self.answer(max_bytes, timeout_s=timeout_s)

    def send(
        self,
        order: Facts,
        pieces: Iterable[bytes] = (),
        size: int = 0,
        *,
        descriptors: Sequence[int] = (),
        timeout_s: float,
    ) -> None:
        """Sends an order alone.

        Raises:
            BrokenLinkError: nobody takes it in time.
        """
        opened = opening(order, size)
        try:
            self._socket.settimeout(timeout_s)
            if descriptors:
                sent = socket.send_fds(self._socket, [opened[: HEAD.size]], list(descriptors))
                opened = opened[sent:]
            for piece in joined(chain((opened,), pieces)):
                self._socket.sendall(piece)
        except OSError as error:
            raise BrokenLinkError(self._said() or str(error)) from None

    def answer(self, max_bytes: int = 0, *, timeout_s: float) -> tuple[Facts, memoryview]:
        """The answer to the order that was sent, with at most so many bytes beside it.

        Raises:
            BrokenLinkError: as ``ask``.
        """
        try:
            self._socket.settimeout(timeout_s)
            length, size = HEAD.unpack(self._take(HEAD.size))
            facts = json.loads(bytes(self._take(length)))
            if size > max_bytes:
                raise ValueError
            return facts, self._take(size)
        except OSError as error:
            raise BrokenLinkError(self._said() or str(error) or "no answer in time") from None
        except ValueError:
            raise BrokenLinkError("the keeper says what no keeper says") from None

    def close(self) -> None:
        """The box ends, and so does the wait of another thread for its answer. Idempotent."""
        with suppress(OSError):  # it is closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _take(self, size: int) -> memoryview:
        while len(self._pending) < size:
            self._receive()
        if len(self._pending) == size:  # the end of an answer, which may be a whole tree, is not copied
            taken, self._pending = self._pending, bytearray()
        else:
            taken = self._pending[:size]
            del self._pending[:size]
        return memoryview(taken)

    def _receive(self) -> None:
        """Some more of what the keeper says."""
        data = self._socket.recv(CHUNK)
        if not data:
            raise BrokenLinkError(self._said() or "it has ended")
        self._pending += data

    def _said(self) -> str:
        """What the keeper said last that is no answer."""
        return ""


class ContainerLink(KeeperLink):
    """A connection to a container's streams, as the daemon passes them on."""

    def __init__(self, connected: OwnSocket) -> None:
        super().__init__(connected)
        self._words = bytearray()

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
            count = self._socket.recv_into(view)
            if not count:
                raise BrokenLinkError(self._said() or "the container has ended")
            view = view[count:]
        return data

    def _said(self) -> str:
        return (self._words.decode(errors="replace").strip().splitlines() or [""])[-1]
