"""Warm servers, kept open between judgements."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from alphadial.envs.forking import in_child
from alphadial.envs.sandbox.protocol import Sandbox, Server
from alphadial.envs.types import Limits


class ServerPool:
    """Holds at most ``size`` servers, each lent to one thread at a time and kept for the limits it was opened under."""

    def __init__(self, sandbox: Sandbox, size: int) -> None:
        self._sandbox = sandbox
        self._turns = self._size = size
        self._begin_process()
        in_child(self, ServerPool._begin_process)

    def _begin_process(self) -> None:
        """What every process has of its own; a forked child leaves the parent's servers alone."""
        self._free = threading.Semaphore(self._turns)
        self._idle: deque[tuple[Limits, Server]] = deque()
        self._lent = 0
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, limits: Limits, *, fresh: bool = False) -> Iterator[Server]:
        """A server that no one else holds; waits for a turn.

        Args:
            limits: of the programs.
            fresh: one that has run nothing yet.

        Raises:
            SandboxFailedError: none came up.
        """
        with self._free:
            server = self._take(limits, fresh)
            try:
                yield server
            except BaseException:
                server.close()
                raise
            finally:
                self._give_back(limits, server)

    def close(self) -> None:
        """Closes the idle servers; one that is lent closes when it comes back."""
        with self._lock:
            self._size = 0
            idle, self._idle = self._idle, deque()
        for _, server in idle:
            server.close()

    def _take(self, limits: Limits, fresh: bool) -> Server:
        with self._lock:
            self._lent += 1
            found = next((entry for entry in self._idle if entry[0] == limits), None)
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
            return self._sandbox.open(limits)
        except BaseException:
            with self._lock:
                self._lent -= 1
            raise

    def _give_back(self, limits: Limits, server: Server) -> None:
        with self._lock:
            self._lent -= 1
            keep = server.alive() and len(self._idle) + self._lent < self._size
            if keep:
                self._idle.append((limits, server))
        if not keep:
            server.close()
