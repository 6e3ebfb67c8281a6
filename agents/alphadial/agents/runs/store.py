"""The SQL store: one row per run, one per finished attempt. SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from alphadial.agents.errors import StoreError
from alphadial.agents.runs.attempt_rows import ATTEMPTS, FIELDS, METADATA, RUNS, OneKind, checked, read_rows, selection
from alphadial.agents.runs.config import RUN_FORMAT, RunConfig
from alphadial.agents.types import Attempt
from alphadial.envs.closing import Closing
from alphadial.envs.databases import cause_of, open_engine, open_reading
from alphadial.envs.errors import ForeignError
from alphadial.envs.forking import in_child

FLUSH_ROWS = 256
FLUSH_SECONDS = 0.5
"""A transaction holds at most so many rows, and waits at most so long for them."""
_IDS_AT_ONCE = 500
"""SQLite takes no more than so many parameters on every version that is still about (999)."""


class Store(Closing):
    """The attempts of one run, in a database that may hold others. Used from one thread."""

    def __init__(self, url: str | sa.URL, config: RunConfig) -> None:
        """Opens the database and makes its tables if need be.

        Raises:
            StoreError: it cannot be opened, or another version made its tables.
        """
        self.run_id = config.run_id
        self.config = config
        """The run's configuration."""
        self._engine = open_engine(url, METADATA)
        self._url = self._engine.url.render_as_string(hide_password=True)
        self._insert = _insert_new(self._engine, ATTEMPTS)
        self._rows: list[dict[str, Any]] = []
        in_child(self, lambda store: store._rows.clear())  # the parent writes them
        self._flushed = time.monotonic()
        with self._errors():
            METADATA.create_all(self._engine)
            with self._engine.begin() as connection:
                versions = set(connection.scalars(sa.select(RUNS.c.format).distinct())) - {RUN_FORMAT}
                if versions:
                    raise StoreError(
                        f"{url} is of format version {versions.pop()}, not {RUN_FORMAT}: use another store"
                    )
                row = {"id": self.run_id, "format": RUN_FORMAT, "config": config.to_json()}
                connection.execute(_insert_new(self._engine, RUNS), [row])
                self._kind = self._kind_of_run(connection)

    def append(self, attempt: Attempt) -> None:
        """Adds a finished attempt; one that is already there stays as it is. Rows reach the database in batches.

        Raises:
            StoreError: it holds what no reader would take, or it is of a blend in a run of merged weights or the other
                way round, so that it is not added: the rest of its batch is stored.
        """
        values = {name: getattr(attempt, name) for name in FIELDS}
        checked(tuple(values.values()), self._url)
        if mixed := self._kind.fault(attempt.weights_id):
            raise StoreError(f"store {self._url}: {mixed}")
        self._rows.append(values)
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
            attempts = ATTEMPTS.c
            return set(connection.scalars(sa.select(attempts.id).where(attempts.run == self.run_id)))

    def attempts(self) -> Iterator[Attempt]:
        """The attempts of this run, ordered by id.

        Raises:
            StoreError: the store cannot be read, or a row is damaged.
        """
        self.flush()
        attempts = ATTEMPTS.c
        query = selection().where(attempts.run == self.run_id).order_by(attempts.id)
        with self._errors(), self._engine.connect() as connection:
            yield from read_rows(connection, query, f"store {self._url}", self.config)

    def close(self) -> None:
        """Writes what is left and closes the database."""
        try:
            self.flush()
        finally:
            self._engine.dispose()

    def _kind_of_run(self, connection: sa.Connection) -> OneKind:
        attempts, kind = ATTEMPTS.c, OneKind()
        stored = sa.select(attempts.weights_id).where(attempts.run == self.run_id, attempts.weights_id.is_not(None))
        kind.fault(connection.scalars(stored.limit(1)).first())
        return kind

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"store {self._url}: {cause_of(error)}") from error
        except ForeignError as error:
            raise StoreError(f"store {error}") from error


def stored_attempts(file: Path, config: RunConfig, *, texts: bool = True) -> Iterator[Attempt]:
    """The attempts of a run in a SQLite store, ordered by id; without ``texts``, the long ones are empty.

    Raises:
        StoreError: the store cannot be read, or a row is damaged.
    """
    attempts = ATTEMPTS.c
    query = selection(texts=texts).where(attempts.run == config.run_id).order_by(attempts.id)
    with _reading(file) as connection:
        yield from read_rows(connection, query, str(file), config)


def find_attempts(file: Path, config: RunConfig, ids: Sequence[str]) -> Iterator[Attempt]:
    """Those of these ids that a SQLite store holds, in their order, of this run and whatever others it keeps.

    Raises:
        StoreError: the store cannot be read, or a row is damaged.
    """
    with _reading(file) as connection:
        for start in range(0, len(ids), _IDS_AT_ONCE):
            wanted = ids[start : start + _IDS_AT_ONCE]
            query = selection().where(ATTEMPTS.c.id.in_(wanted))
            found = {attempt.id: attempt for attempt in read_rows(connection, query, str(file))}
            yield from (found[name] for name in wanted if name in found)


def attempts_beginning(file: Path, config: RunConfig, prefix: str, most: int) -> list[Attempt]:
    """Attempts whose ids begin so, at most so many, ordered by id, without their long texts.

    Raises:
        StoreError: the store cannot be read, or a row is damaged.
    """
    ids = ATTEMPTS.c.id
    begins = sa.func.substr(ids, 1, len(prefix)) == prefix
    with _reading(file) as connection:
        return list(read_rows(connection, selection(texts=False).where(begins).order_by(ids).limit(most), str(file)))


@contextmanager
def _reading(file: Path) -> Iterator[sa.Connection]:
    try:
        engine = open_reading(file, METADATA)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"cannot read {file}: {cause_of(error)}") from error
    except ForeignError as error:
        raise StoreError(f"cannot read {file.parent}: {error}") from error


def _insert_new(engine: sa.Engine, table: sa.Table) -> Any:
    dialect: Any = sqlite if engine.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).on_conflict_do_nothing(index_elements=["id"])
