"""What an interrupted attempt with tools is resumed from: the checkpoints of its graph, the journal of its calls."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from alphadial.agents.errors import StoreError
from alphadial.envs.closing import Closing
from alphadial.envs.errors import ForeignError
from alphadial.envs.foreign import check_tables
from alphadial.envs.tools.journal import Journal
from alphadial.envs.tools.journal_sqlite import SqliteJournal

if TYPE_CHECKING:
    from alphadial.agents.agent.checkpoints import CheckpointSaver

JOURNAL_FILE = "journal.sqlite"
CHECKPOINT_FILE = "checkpoints.sqlite"
AGENT_FOLDER = "agent"
_BUSY_S = 30.0


class CheckpointStore(Closing):
    """Keeps what interrupted attempts with tools are resumed from; a context manager.

    Args:
        folder: where checkpoints of the agents' graphs, and the journal of their tool calls, are kept.

    Raises:
        JournalError: the folder's journal cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / CHECKPOINT_FILE
        self.agent_folder = folder / AGENT_FOLDER
        """The folder for agents that keep files of their own: each attempt has a folder in it, named by its id."""
        self.journal: Journal = SqliteJournal(folder / JOURNAL_FILE)

    @asynccontextmanager
    async def checkpointer(self) -> AsyncIterator[CheckpointSaver]:
        """LangGraph's checkpointer, for the running event loop.

        Raises:
            StoreError: the file cannot be read or written.
        """
        import aiosqlite

        from alphadial.agents.agent.checkpoints import CheckpointSaver

        try:
            with self._opened(self._file):
                pass
            async with aiosqlite.connect(self._file, timeout=_BUSY_S) as connection:
                saver = CheckpointSaver(connection, self._file)
                await saver.setup()
                # A killed process loses nothing under NORMAL in WAL mode, which setup chose.
                await connection.execute("PRAGMA synchronous=NORMAL")
                yield saver
        except sqlite3.Error as error:
            raise StoreError(f"{self._file} cannot be used: {error}") from error

    def forget_calls(self, attempt: str) -> None:
        """Drops all that an attempt would be resumed from but its checkpoints, once its row is stored.

        Raises:
            JournalError: the journal cannot be written.
        """
        self.journal.forget(attempt)
        if self.agent_folder.exists():
            shutil.rmtree(self.agent_folder / attempt, ignore_errors=True)

    def forget(self, attempts: Iterable[str]) -> None:
        """Drops what attempts would be resumed from, once their rows are stored. Not while attempts are being made.

        Raises:
            StoreError: the file cannot be written.
        """
        threads = [(attempt,) for attempt in attempts]
        for (attempt,) in threads:
            self.forget_calls(attempt)
        if not self._file.exists():
            return
        try:
            with self._opened(self._file) as connection, connection:
                known = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
                for table in known & {"checkpoints", "writes"}:
                    connection.executemany(f"DELETE FROM {table} WHERE thread_id = ?", threads)
        except sqlite3.Error as error:
            raise StoreError(f"{self._file} cannot be used: {error}") from error

    @contextmanager
    def _opened(self, file: Path) -> Iterator[sqlite3.Connection]:
        from alphadial.agents.agent.checkpoints import made_tables

        try:
            with closing(sqlite3.connect(file, timeout=_BUSY_S)) as connection:
                check_tables(connection, made_tables(), file)
                yield connection
        except ForeignError as error:
            raise StoreError(str(error)) from error

    def close(self) -> None:
        """Closes the journal. Idempotent."""
        self.journal.close()
        with suppress(OSError):  # it is not there, or holds what interrupted attempts are resumed from
            self.agent_folder.rmdir()
