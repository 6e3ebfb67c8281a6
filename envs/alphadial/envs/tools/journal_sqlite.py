"""The journal in a SQLite file."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, Json, StrictStr, TypeAdapter, ValidationError

from alphadial.envs.closing import Closing
from alphadial.envs.errors import ForeignError, JournalError
from alphadial.envs.foreign import Schema, check_tables, schema
from alphadial.envs.forking import in_child
from alphadial.envs.tools.journal import Entry
from alphadial.envs.tools.journal_trees import TABLES, DamagedTreeError, TreeReader, forget, store
from alphadial.envs.types import JudgeReport, Verdict

_APPLICATION = 0x616C7068
_VERSION = 2
_BUSY_S = 30.0
_SCHEMA = f"""
CREATE TABLE calls (
    episode TEXT, call_id TEXT, number INTEGER NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL,
    content TEXT NOT NULL, ok INTEGER NOT NULL, ended INTEGER NOT NULL, report TEXT, verdict TEXT,
    workspace TEXT NOT NULL, max_bytes INTEGER NOT NULL, max_files INTEGER NOT NULL, PRIMARY KEY (episode, call_id)
);
CREATE INDEX calls_by_workspace ON calls (workspace);
{TABLES.strip()}
"""
_COLUMNS = (
    "call_id", "name", "arguments", "content", "ok", "ended", "report", "verdict", "workspace", "max_bytes", "max_files"
)  # fmt: skip
_Flag = Annotated[int, Field(strict=True, ge=0, le=1)]
_Count = Annotated[int, Field(strict=True, ge=0)]
_Row = tuple[
    StrictStr, StrictStr, StrictStr, StrictStr, _Flag, _Flag, Json[JudgeReport] | None, Verdict | None,
    StrictStr, _Count, _Count,
]  # fmt: skip
_ROW: TypeAdapter[_Row] = TypeAdapter(_Row)
"""A row may come from anywhere: every value of it is checked before it is used."""
_of_parents: list[sqlite3.Connection] = []
"""Of the process that this one was forked from: kept, since dropping them would close them."""


class SqliteJournal(Closing):
    """A journal in a SQLite file: one transaction per call, each content of a file stored once.

    Raises:
        JournalError: the file is no journal, is of another version, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._open()
        in_child(self, SqliteJournal._leave_connection)

    def _open(self) -> None:
        path, self._foreign = self._path, False
        try:
            self._database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise JournalError(f"cannot open the journal {path}: {error}") from None
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._database.close()
            raise JournalError(f"{path} is not a journal of tool calls: {error}") from None
        except ForeignError as error:
            self._database.close()
            raise JournalError(str(error)) from None
        except JournalError:
            self._database.close()
            raise

    def _leave_connection(self) -> None:
        """Keeps the parent's connection in a forked child, which SQLite allows neither to use it nor to close it."""
        self._lock = threading.Lock()
        self._foreign = True
        _of_parents.append(self._database)

    def entries(self, episode: str) -> tuple[Entry, ...]:
        """See ``Journal``."""
        query = f"SELECT {', '.join(_COLUMNS)} FROM calls WHERE episode = ? ORDER BY number"
        with self._using():
            trees = TreeReader(self._database)
            return tuple(self._entry(row, trees) for row in self._database.execute(query, (episode,)).fetchall())

    def append(self, episode: str, entry: Entry) -> None:
        """See ``Journal``."""
        report = json.dumps(asdict(entry.report)) if entry.report is not None else None
        tree = entry.workspace
        call = (
            entry.call_id, entry.name, entry.arguments, entry.content, entry.ok, entry.ended, report, entry.verdict,
            tree.digest, tree.max_bytes, tree.max_files,
        )  # fmt: skip
        with self._using(), _Transaction(self._database):
            store(self._database, episode, tree)
            self._database.execute(
                f"INSERT INTO calls (episode, number, {', '.join(_COLUMNS)}) "
                f"SELECT ?, (SELECT COUNT(*) FROM calls WHERE episode = ?){', ?' * len(_COLUMNS)}",
                (episode, episode, *call),
            )

    def forget(self, episode: str) -> None:
        """See ``Journal``."""
        with self._using(), _Transaction(self._database):
            query = "SELECT DISTINCT workspace FROM calls WHERE episode = ?"
            trees = [digest for (digest,) in self._database.execute(query, (episode,))]
            self._database.execute("DELETE FROM calls WHERE episode = ?", (episode,))
            forget(self._database, episode, trees)

    def close(self) -> None:
        """See ``Journal``."""
        with self._lock:
            if not self._foreign:
                self._database.close()

    @contextmanager
    def _using(self) -> Iterator[None]:
        with self._lock:
            if self._foreign:
                self._open()
            try:
                yield
            except sqlite3.Error as error:
                raise JournalError(f"the journal {self._path} cannot be used: {error}") from None

    def _prepare(self) -> None:
        check_tables(self._database, _made(), self._path)
        self._database.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing under NORMAL; a power cut may lose the last calls, never damage the file.
        self._database.execute("PRAGMA synchronous = NORMAL")
        with _Transaction(self._database):
            (application,) = self._database.execute("PRAGMA application_id").fetchone()
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            (tables,) = self._database.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
            if (application, version, tables) == (0, 0, 0):
                for statement in _SCHEMA.strip().split(";\n"):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
            elif application != _APPLICATION:
                raise JournalError(f"{self._path} is not a journal of tool calls")
            elif version != _VERSION:
                raise JournalError(
                    f"{self._path} is a journal of version {version}, not {_VERSION}: finish the run with the version "
                    "of alphadial that began it, or start in a new folder"
                )

    def _entry(self, row: tuple[Any, ...], trees: TreeReader) -> Entry:
        try:
            call_id, name, arguments, content, ok, ended, report, verdict, digest, size, count = _ROW.validate_python(
                row
            )
            workspace = trees.read(digest, size, count)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            column = _COLUMNS[int(fault["loc"][0])] if fault["loc"] else "report"
            raise JournalError(
                f"the journal {self._path} is damaged: call {row[0]!r:.60}, column {column}: {fault['msg']}"
            ) from None
        except DamagedTreeError as error:
            raise JournalError(f"the journal {self._path} is damaged: {error}") from None
        return Entry(call_id, name, arguments, content, bool(ok), bool(ended), workspace, report, verdict)


@cache
def _made() -> Schema:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(_SCHEMA)
        return schema(database)


class _Transaction:
    """BEGIN IMMEDIATE, so that two processes never both read before they write."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._database.execute("COMMIT")
        finally:
            if self._database.in_transaction:  # a full disk ends it by itself
                self._database.execute("ROLLBACK")
