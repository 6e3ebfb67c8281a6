"""The SQL store: one row per run, one per finished attempt. SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from alphadial.agents.config import RUN_FORMAT, RunConfig
from alphadial.agents.errors import StoreError
from alphadial.agents.types import Attempt

FLUSH_ROWS = 256
FLUSH_SECONDS = 0.5
"""A transaction holds at most so many rows, and waits at most so long for them."""

_metadata = sa.MetaData()
RUNS = sa.Table(
    "runs",
    _metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("format", sa.Integer, nullable=False),
    sa.Column("config", sa.Text, nullable=False),
)
ATTEMPTS = sa.Table(
    "attempts",
    _metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("run", sa.String(16), sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("sample", sa.Integer, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("alpha", sa.Double),
    sa.Column("weights_id", sa.Text),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("temperature", sa.Double, nullable=False),
    sa.Column("coverage", sa.Text),
    sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False),
    sa.Column("finish_reason", sa.Text, nullable=False),
    sa.Column("turns", sa.Integer, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("program", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text),
    sa.Column("public_verdict", sa.Text),
    sa.Column("failure_kind", sa.Text),
    sa.Column("level_reached", sa.Integer, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("cpu_s", sa.Double, nullable=False),
    sa.Column("judge_s", sa.Double, nullable=False),
    sa.Column("model_s", sa.Double, nullable=False),
    sa.Column("tools_s", sa.Double, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("end_reason", sa.Text, nullable=False),
    sa.Column("transcript", sa.Text, nullable=False),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("decision", sa.Text),
    sa.Column("propensity", sa.Double),
    sa.Column("p_hat", sa.Double),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("cost", sa.Double),
)
TIMES = frozenset({"cpu_s", "judge_s", "model_s", "tools_s"})
"""Columns that differ between two runs of one configuration."""
_FIELDS = tuple(field.name for field in fields(Attempt))


class Store:
    """The attempts of one run, in a database that may hold others. Used from one thread."""

    def __init__(self, url: str | sa.URL, config: RunConfig) -> None:
        """Opens the database and makes its tables if need be.

        Raises:
            StoreError: it cannot be opened, or another version made its tables.
        """
        self.run_id = config.run_id
        self._engine = open_engine(url)
        self._url = self._engine.url.render_as_string(hide_password=True)
        self._insert = _insert_new(self._engine, ATTEMPTS)
        self._rows: list[dict[str, Any]] = []
        self._flushed = time.monotonic()
        with self._errors():
            _metadata.create_all(self._engine)
            with self._engine.begin() as connection:
                versions = set(connection.scalars(sa.select(RUNS.c.format).distinct())) - {RUN_FORMAT}
                if versions:
                    raise StoreError(
                        f"{url} is of format version {versions.pop()}, not {RUN_FORMAT}: use another store"
                    )
                row = {"id": self.run_id, "format": RUN_FORMAT, "config": config.to_json()}
                connection.execute(_insert_new(self._engine, RUNS), [row])

    def append(self, attempt: Attempt) -> None:
        """Adds a finished attempt; one that is already there stays as it is. Rows reach the database in batches."""
        self._rows.append({name: getattr(attempt, name) for name in _FIELDS})
        if len(self._rows) >= FLUSH_ROWS or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes what was appended, in one transaction.

        Raises:
            StoreError: the database refuses; what was appended is kept for the next try.
        """
        self._flushed = time.monotonic()
        if self._rows:
            with self._errors(), self._engine.begin() as connection:
                connection.execute(self._insert, self._rows)
            self._rows.clear()

    def finished(self) -> set[str]:
        """Ids of the attempts of this run."""
        self.flush()
        with self._errors(), self._engine.connect() as connection:
            return set(connection.scalars(sa.select(ATTEMPTS.c.id).where(ATTEMPTS.c.run == self.run_id)))

    def attempts(self) -> Iterator[Attempt]:
        """The attempts of this run, ordered by id."""
        self.flush()
        query = sa.select(*(ATTEMPTS.c[name] for name in _FIELDS))
        with self._errors(), self._engine.connect() as connection:
            for row in connection.execute(query.where(ATTEMPTS.c.run == self.run_id).order_by(ATTEMPTS.c.id)):
                yield Attempt(*row)

    def close(self) -> None:
        """Writes what is left and closes the database."""
        try:
            self.flush()
        finally:
            self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"store {self._url}: {cause_of(error)}") from error


def cause_of(error: Exception) -> str:
    """What the database said, in one line, and what to do where we know."""
    said = str(getattr(error, "orig", None) or error).splitlines()[0]
    hint = ": free some space and run the same command again, nothing is lost" if "disk is full" in said else ""
    return said + hint


def open_engine(url: str | sa.URL) -> sa.Engine:
    """An engine for a URL such as ``sqlite:///run/attempts.sqlite`` or ``postgresql+psycopg://host/db``.

    Raises:
        StoreError: not such a URL, or its driver is not installed.
    """
    try:
        engine = sa.create_engine(url)
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"store {url}: {error}") from error
    except ModuleNotFoundError as error:
        hint = "pip install 'psycopg[binary]' and write postgresql+psycopg://..."
        raise StoreError(f"store {url}: its driver {error.name} is not installed: {hint}") from error
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise StoreError(f"store {url}: only sqlite and postgresql are supported")
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def open_reading(file: Path) -> sa.Engine:
    """An engine for reading a SQLite store, which may be in a folder where nothing can be written."""
    if os.access(file.parent, os.W_OK):
        return open_engine(sqlite_url(file))
    # SQLite reads in WAL mode by the log's index, which it could not make there: without a log, nobody writes either.
    frozen = {} if file.with_name(f"{file.name}-wal").exists() else {"immutable": "1"}
    query = {"mode": "ro", "uri": "true", **frozen}
    return sa.create_engine(sa.URL.create("sqlite", database=f"file:{quote(str(file.absolute()))}", query=query))


def find_attempt(file: Path, attempt: str) -> Attempt | None:
    """The attempt of this id in a SQLite store, from whatever run.

    Raises:
        StoreError: the store cannot be read.
    """
    engine = open_reading(file)
    try:
        query = sa.select(*(ATTEMPTS.c[name] for name in _FIELDS)).where(ATTEMPTS.c.id == attempt)
        with engine.connect() as connection:
            row = connection.execute(query).first()
            return None if row is None else Attempt(*row)
    except (sa.exc.SQLAlchemyError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {file}: {cause_of(error)}") from error
    finally:
        engine.dispose()


def sqlite_url(path: Path) -> sa.URL:
    """The URL of a SQLite file, whatever characters its name holds."""
    return sa.URL.create("sqlite", database=str(path))


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # With WAL a commit needs no fsync to survive the death of the process, only that of the machine.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _insert_new(engine: sa.Engine, table: sa.Table) -> Any:
    dialect: Any = sqlite if engine.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).on_conflict_do_nothing(index_elements=["id"])
