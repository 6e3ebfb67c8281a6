"""Warm servers, kept open between judgements."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from alphadial.envs.forking import in_child


class AServer(Protocol):
    """What a pool holds."""

    def alive(self) -> bool:
        """False after a crash or ``close``."""

    def close(self) -> None:
        """Ends it. Idempotent."""


K = TypeVar("K")
S = TypeVar("S", bound=AServer)


class ServerPool(Generic[K, S]):
    """Holds servers, each lent to one thread at a time and kept for the kind that it was opened as.

    Args:
        open: makes one of a kind.
        turns: how many are lent at a time.
        size: how many are kept, lent ones among them.
    """

    def __init__(self, open: Callable[[K], S], turns: int, size: int) -> None:
        self._open = open
        self._turns, self._size = turns, size
        self._begin_process()
        in_child(self, ServerPool._begin_process)

    def _begin_process(self) -> None:
        """What every process has of its own; a forked child leaves the parent's servers alone."""
        self._free = threading.Semaphore(self._turns)
        self._idle: deque[tuple[K, S]] = deque()
        self._lent = 0
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, kind: K, *, fresh: bool = False) -> Iterator[S]:
        """A server that no one else holds; waits for a turn.

        Args:
            kind: of server.
            fresh: one that has run nothing yet.

        Raises:
            SandboxFailedError: none came up.
        """
        with self._free:
            server = self._take(kind, fresh)
            try:
                yield server
            except BaseException:
                server.close()
                raise
            finally:
                self._give_back(kind, server)

    def close(self) -> None:
        """Closes the idle servers; one that is lent closes when it comes back."""
        with self._lock:
            self._size = 0
            idle, self._idle = self._idle, deque()
        for _, server in idle:
            server.close()

    def _take(self, kind: K, fresh: bool) -> S:
        with self._lock:
            self._lent += 1
            found = next((entry for entry in self._idle if entry[0] == kind), None)
            surplus = None
            if found is not None:
                self._idle.remove(found)
            elif len(self._idle) + self._lent > self._size:
                surplus = self._idle.popleft()[1] if self._idle else None
        if surplus is not None:
            surplus.close()
        if found is not None:
            if found[1].alive() and not fresh:
                return found[1]
            found[1].close()
        try:
            return self._open(kind)
        except BaseException:
            with self._lock:
                self._lent -= 1
            raise

    def _give_back(self, kind: K, server: S) -> None:
        with self._lock:
            self._lent -= 1
            keep = server.alive() and len(self._idle) + self._lent < self._size
            if keep:
                self._idle.append((kind, server))
        if not keep:
            server.close()
