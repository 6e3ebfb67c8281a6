"""What a forked child does not share with its parent.

Locks may have been held, and threads under way, when a process forks: in the child nobody would ever release or end
them. Sockets, pipes and the processes behind them can serve one process only. So the child begins with locks and
threads of its own and without the parent's processes, whose descriptors it closes; the parent notices nothing.
"""

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections.abc import Callable
from importlib import import_module
from io import FileIO
from types import ModuleType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


starting = threading.RLock()
"""Held from the making of pipes to the start of the process that gets their other ends, so that no process forks
meanwhile: its child would hold those ends open, and whoever reads a pipe to its end would wait for that child."""
_renewals: weakref.WeakKeyDictionary[Any, Callable[[Any], object]] = weakref.WeakKeyDictionary()


def imported(module: str) -> ModuleType:
    """A module, imported while no process forks: a child would wait for ever for an import that was under way."""
    with starting:
        return import_module(module)


def in_child(thing: T, renew: Callable[[T], object]) -> T:
    """Has every child that this process forks call ``renew(thing)`` first, as long as the thing lives; returns it.

    ``renew`` puts new locks and threads in place of the old ones and forgets what is the parent's. It leaves alone what
    the parent set up on the machine.
    """
    _renewals[thing] = renew
    return thing


class OwnFile(FileIO):
    """The owner of a descriptor that forked children close. It has no buffer, whose lock could be held at the fork.

    Args:
        make: gives the descriptor.
        mode: "r" or "w".
    """

    def __init__(self, make: Callable[[], int], mode: str = "r") -> None:
        with starting:
            super().__init__(make(), mode)
            in_child(self, OwnFile.close)

    def close(self) -> None:
        """Closes the descriptor, but not while the process forks: the child would keep one that nobody knows of."""
        with starting:
            super().close()


class OwnFolder:
    """The owner of a folder's descriptor that forked children close. Unlike an ``OwnFile`` it cannot be read.

    Args:
        make: gives the descriptor.
    """

    def __init__(self, make: Callable[[], int]) -> None:
        with starting:
            self._descriptor = make()
            in_child(self, OwnFolder.close)

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def close(self) -> None:
        """Closes the descriptor, but not while the process forks: see ``OwnFile.close``. Idempotent."""
        with starting:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


class OwnSocket(socket.socket):
    """A socket that forked children close: as long as one of them held it, the other end would never see it close."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        with starting:  # a child that is forked in between would keep a socket that it does not know of
            super().__init__(*arguments, **named)
            in_child(self, OwnSocket.close)

    def close(self) -> None:
        """Closes the socket, but not while the process forks: see ``OwnFile.close``. Idempotent."""
        with starting:
            super().close()


def socket_pair(kind: socket.SocketKind = socket.SOCK_STREAM) -> tuple[OwnSocket, OwnSocket]:
    """Two connected sockets."""
    with starting:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        return OwnSocket(fileno=ours.detach()), OwnSocket(fileno=theirs.detach())


class OfOneProcess:
    """What holds processes, threads or connections: it can be neither copied nor pickled, and says so."""

    def __reduce__(self) -> NoReturn:
        """Refuses.

        Raises:
            TypeError: always.
        """
        name = type(self).__name__
        raise TypeError(
            f"a {name} can be neither copied nor pickled: share it between the threads of a process and with forked "
            f"children, and make another {name} in every other process"
        )


def _renew_all() -> None:
    starting.release()  # held by the thread that forked, the one that lives on in the child
    for thing, renew in list(_renewals.items()):
        renew(thing)


os.register_at_fork(before=starting.acquire, after_in_parent=starting.release, after_in_child=_renew_all)
