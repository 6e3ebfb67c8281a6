"""Who may use the CPU while times are taken."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alphadial.envs.forking import in_child


def spare_one() -> int:
    """All CPUs less one, which is left to us and to the rest of the machine; at least one."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


@dataclass(eq=False, slots=True)
class Turn:
    """One use of a place."""

    beside: bool = False
    """Another place was in use at some time of it."""


class Cores:
    """Places for up to ``size`` programs at a time, or for one alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._begin_process()
        in_child(self, Cores._begin_process)

    def _begin_process(self) -> None:
        """Begins anew: in a forked child nobody else is at work."""
        self._running = 0
        self._turns: set[Turn] = set()
        self._waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def shared(self) -> Iterator[Turn]:
        """Waits for one of the places; whoever wants to be alone goes first."""
        with self._changed:
            self._changed.wait_for(lambda: self._running < self._size and not self._waiting)
            self._running += 1
            turn = Turn()
            self._turns.add(turn)
            if len(self._turns) > 1:
                for each in self._turns:
                    each.beside = True
        try:
            yield turn
        finally:
            self._leave(1, turn)

    @contextmanager
    def alone(self) -> Iterator[Turn]:
        """Waits until no one else is there."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: self._running == 0)
            self._waiting -= 1
            self._running = self._size
        try:
            yield Turn()
        finally:
            self._leave(self._size)

    def _leave(self, places: int, turn: Turn | None = None) -> None:
        with self._changed:
            self._running -= places
            if turn is not None:
                self._turns.discard(turn)
            self._changed.notify_all()
