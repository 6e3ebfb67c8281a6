"""What the tools of every attempt have done: a call that is in the journal is never run again."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from alphadial.envs.errors import JournalError
from alphadial.envs.forking import in_child
from alphadial.envs.sandbox.workspace import Workspace
from alphadial.envs.types import JudgeReport, Verdict


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that has finished."""

    call_id: str
    name: str
    arguments: str
    """As they were given, in JSON where they were not text."""
    content: str
    ok: bool
    ended: bool
    workspace: Workspace
    """After the call."""
    report: JudgeReport | None = None
    """Of a submission."""
    verdict: Verdict | None = None
    """Of run_tests."""


class Journal(Protocol):
    """Entries by episode. Safe for several threads; one thread at a time appends to one episode."""

    def entries(self, episode: str) -> tuple[Entry, ...]:
        """All of an episode, in the order of their calls."""

    def append(self, episode: str, entry: Entry) -> None:
        """Adds one, whole or not at all.

        Raises:
            JournalError: it cannot be written, or the episode has an entry of this call id.
        """

    def forget(self, episode: str) -> None:
        """Drops an episode. Idempotent."""

    def close(self) -> None:
        """Frees the file. Idempotent."""


class MemoryJournal:
    """A journal that ends with the process."""

    def __init__(self) -> None:
        self._episodes: dict[str, dict[str, Entry]] = {}
        self._begin_process()
        in_child(self, MemoryJournal._begin_process)

    def _begin_process(self) -> None:
        self._lock = threading.Lock()

    def entries(self, episode: str) -> tuple[Entry, ...]:
        """See ``Journal``."""
        with self._lock:
            return tuple(self._episodes.get(episode, {}).values())

    def append(self, episode: str, entry: Entry) -> None:
        """See ``Journal``."""
        with self._lock:
            entries = self._episodes.setdefault(episode, {})
            if entry.call_id in entries:
                raise JournalError(f"episode {episode} has a call {entry.call_id!r} already")
            entries[entry.call_id] = entry

    def forget(self, episode: str) -> None:
        """See ``Journal``."""
        with self._lock:
            self._episodes.pop(episode, None)

    def close(self) -> None:
        """See ``Journal``."""
