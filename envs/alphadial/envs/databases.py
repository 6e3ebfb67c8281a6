"""Databases by URL, and SQLite files, which may come from anywhere: checked before they are read or written."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from alphadial.envs.errors import StoreError
from alphadial.envs.foreign import Schema, check_folder, check_tables, schema
from alphadial.envs.forking import in_child

_of_parents: list[sa.Pool] = []
"""Connections of the process that this one was forked from: kept, since dropping them would close them."""


def cause_of(error: Exception) -> str:
    """What the database said, in one line, and what to do where we know."""
    said = str(getattr(error, "orig", None) or error).splitlines()[0]
    hint = ": free some space and run the same command again, nothing is lost" if "disk is full" in said else ""
    return said + hint


def open_engine(url: str | sa.URL, tables: sa.MetaData) -> sa.Engine:
    """An engine for a URL such as ``sqlite:///run/attempts.sqlite`` or ``postgresql+psycopg://host/db``.

    A SQLite file whose tables of these names are not as they would be made here gives a ForeignError when it is
    connected to, before anything is read from it or written.

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
        _checked_first(engine, tables)
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return in_child(engine, _leave_connections)


def open_reading(file: Path, tables: sa.MetaData) -> sa.Engine:
    """An engine for reading a SQLite store, which may be in a folder where nothing can be written.

    Raises:
        ForeignError: its folder has links or pipes in it; when it is connected to, as ``open_engine``.
    """
    check_folder(file.parent)
    query = {"mode": "rw", "uri": "true"}
    if not os.access(file.parent, os.W_OK):
        # In WAL mode SQLite reads by the log's index, which it cannot make there: without a log, nobody writes either.
        query |= {"mode": "ro"} if file.with_name(f"{file.name}-wal").exists() else {"mode": "ro", "immutable": "1"}
    engine = sa.create_engine(sa.URL.create("sqlite", database=f"file:{quote(str(file.absolute()))}", query=query))
    _checked_first(engine, tables)
    sa.event.listen(engine, "connect", _decode_leniently)
    return engine


def _checked_first(engine: sa.Engine, tables: sa.MetaData) -> None:
    made, name = _schema(tables), (engine.url.database or "").removeprefix("file:")
    sa.event.listen(engine, "connect", lambda connection, _: check_tables(connection, made, name))


@cache
def _schema(tables: sa.MetaData) -> Schema:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    tables.create_all(engine)
    with engine.connect() as connection:
        database: Any = connection.connection.driver_connection
        return schema(database)


def sqlite_url(path: Path) -> sa.URL:
    """The URL of a SQLite file, whatever characters its name holds."""
    return sa.URL.create("sqlite", database=str(path))


def _leave_connections(engine: sa.Engine) -> None:
    """A connection serves one process: a forked child makes its own, and neither uses nor closes its parent's."""
    _of_parents.append(engine.pool)
    engine.dispose(close=False)


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # With WAL a commit needs no fsync to survive the death of the process, only that of the machine.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")
    _decode_leniently(connection, record)


def _decode_leniently(connection: Any, record: Any) -> None:
    # Bytes that are no UTF-8 become lone surrogates, which no check of a row lets pass: so the row and column are told.
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
