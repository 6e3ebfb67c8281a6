"""Frames over the private socket between the judge and one program.

Nothing that arrives is trusted: not a length, not a kind, not that it is text, not that it comes at all.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from ..errors import SandboxFailedError
from ..forking import OwnFile, OwnSocket, socket_pair, starting
from ..raw import as_text, readable
from ..types import KilledBy
from .guest import frames

TICK_S = 0.01
_CREDENTIALS = struct.Struct("=iII")
_DESCRIPTOR = struct.Struct("=i")
_CLOEXEC = 0x4000_0000
"""MSG_CMSG_CLOEXEC"""
_CHUNK = 65_536
_READY_S = 30.0
_KINDS = frozenset(
    (frames.ANSWER, frames.ERROR, frames.COMPILE_ERROR, frames.OUT_OF_MEMORY, frames.OUT_OF_STEPS, frames.EXIT)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a program; ``kind`` is one of ``guest.frames``."""

    kind: bytes
    steps: int
    text: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The program's end is closed, or what it sent is no frame (``reason`` says so)."""

    reason: str = ""


def channel_ends() -> tuple[OwnSocket, OwnSocket]:
    """Our end and a program's.

    Ours asks for credentials before a program can have the other: the first message has them, however quick it is.
    """
    ours, theirs = socket_pair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return ours, theirs


class Channel:
    """Our end, from ``channel_ends``. ``max_bytes`` bounds the text of one frame."""

    def __init__(self, end: socket.socket, max_bytes: int) -> None:
        end.setblocking(False)
        self._socket = end
        self._max_bytes = max_bytes
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)
        self._unsent = b""
        self._unread = b""
        self.listener: OwnFile | None = None
        """Of ``guest.isolation``, once it is ready: can be read when the program asks for what it may not have."""

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()
        if self.listener is not None:
            self.listener.close()

    @property
    def descriptor(self) -> int:
        """Can be read once a frame, or its end, has come."""
        return self._socket.fileno()

    def hand_over(self, message: bytes, descriptors: list[int]) -> None:
        """Sends a few bytes with descriptors, as the first message.

        Raises:
            SandboxFailedError: the other end is gone.
        """
        try:
            socket.send_fds(self._socket, [message], descriptors)
        except OSError as error:
            raise SandboxFailedError(f"the warm server's process is gone: {error}") from None

    def send(self, payload: bytes) -> None:
        """Queues a frame and sends what the socket takes at once; ``receive`` sends the rest."""
        self._unsent += frames.INPUT.pack(len(payload)) + payload
        self._flush()

    def ready(self) -> int:
        """Waits for the program's process to say that it is isolated. Nothing of the program has run before.

        Returns:
            The number of that process in our pid namespace, from the kernel; 0 where the kernel knows none.

        Raises:
            SandboxFailedError: it said that it could not be, or nothing.
        """
        self._poll.poll(_READY_S * 1000)
        space = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(_DESCRIPTOR.size)
        try:
            with starting:  # a child that is forked meanwhile would keep what is received
                data, ancillary, _, _ = self._socket.recvmsg(frames.OUTPUT.size, space, _CLOEXEC)
                told = {kind: content for _, kind, content in ancillary}
                if socket.SCM_RIGHTS in told:
                    (listener,) = _DESCRIPTOR.unpack(told[socket.SCM_RIGHTS])
                    self.listener = OwnFile(lambda: listener)
            if data[:1] != frames.READY:
                reason = self._socket.recv(_CHUNK).decode(errors="replace") if data else "its process ended"
                raise SandboxFailedError(f"a program could not be isolated: {reason}")
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        except OSError as error:
            raise SandboxFailedError(f"the warm server did not start a program: {error}") from None
        pid: int = _CREDENTIALS.unpack(told[socket.SCM_CREDENTIALS])[0]
        return pid

    def receive(self, overrun: Callable[[], KilledBy | None]) -> Frame | Gone | KilledBy:
        """Waits for one frame, asking ``overrun`` about the limits every tick."""
        if self._unread:
            return Gone("sent more than one answer to a call")
        asked = monotonic()
        while True:
            if self._unsent:
                self._flush()
                self._poll.modify(self._socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            ready = self._poll.poll(TICK_S * 1000)
            if ready and ready[0][1] != select.POLLOUT:
                got = self._read()
                if got is not None:
                    return got
            now = monotonic()
            if not ready or now - asked > TICK_S:  # a program that trickles bytes is asked too
                asked = now
                limit = overrun()
                if limit is not None:
                    return limit

    def _flush(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # it hung up: reading will tell
            self._unsent = b""

    def _read(self) -> Frame | Gone | KilledBy | None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            return Gone()
        self._unread += data
        if len(self._unread) < frames.OUTPUT.size:
            return None
        kind, steps, length = frames.OUTPUT.unpack_from(self._unread)
        if kind not in _KINDS:
            return Gone("sent what is not a frame")
        if length > self._max_bytes:
            return KilledBy.OUTPUT
        end = frames.OUTPUT.size + length
        if len(self._unread) < end:
            return None
        # In an answer no byte may equal another; all else is only shown.
        text = as_text(self._unread[frames.OUTPUT.size : end])
        text = text if kind == frames.ANSWER else readable(text)
        self._unread = self._unread[end:]
        return Frame(kind, steps, text)
