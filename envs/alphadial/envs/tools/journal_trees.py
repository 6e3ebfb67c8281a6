"""Workspaces in a database: each content once, and of each tree a manifest."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from alphadial.envs.errors import WorkspaceError
from alphadial.envs.sandbox.workspace import File, Kind, Workspace

TABLES = """
CREATE TABLE contents (sha256 TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE trees (digest TEXT PRIMARY KEY, manifest BLOB NOT NULL);
CREATE TABLE held (episode TEXT, sha256 TEXT, PRIMARY KEY (episode, sha256)) WITHOUT ROWID;
CREATE INDEX held_by_content ON held (sha256);
"""
_MAX_MANIFEST = 128 * 2**20
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Manifest = tuple[dict[str, tuple[Kind, _Sha256]], list[str]]
_MANIFEST: TypeAdapter[_Manifest] = TypeAdapter(_Manifest)
"""See ``Workspace.manifest``."""


class DamagedTreeError(Exception):
    """What is stored is no workspace; the message says why."""


def store(database: sqlite3.Connection, episode: str, workspace: Workspace) -> None:
    """Keeps a workspace for an episode, within the transaction that is open."""
    known = {sha256 for (sha256,) in database.execute("SELECT sha256 FROM held WHERE episode = ?", (episode,))}
    new = {file.sha256: file.data for file in workspace.files.values() if file.sha256 not in known}
    database.executemany("INSERT INTO held VALUES (?, ?)", ((episode, sha256) for sha256 in new))
    missing = ((sha256, data) for sha256, data in new.items() if not _has(database, sha256))
    database.executemany("INSERT INTO contents VALUES (?, ?)", missing)
    if not database.execute("SELECT 1 FROM trees WHERE digest = ?", (workspace.digest,)).fetchone():
        manifest = zlib.compress(workspace.manifest().encode(), 1)
        database.execute("INSERT INTO trees VALUES (?, ?)", (workspace.digest, manifest))


def _has(database: sqlite3.Connection, sha256: str) -> bool:
    return database.execute("SELECT 1 FROM contents WHERE sha256 = ?", (sha256,)).fetchone() is not None


def forget(database: sqlite3.Connection, episode: str, trees: Iterable[str]) -> None:
    """Drops what only this episode held, within the transaction that is open, after its calls.

    Args:
        database: of the journal.
        episode: it has no calls any more.
        trees: the digests of its workspaces.
    """
    held = database.execute("SELECT sha256 FROM held WHERE episode = ?", (episode,)).fetchall()
    database.execute("DELETE FROM held WHERE episode = ?", (episode,))
    database.executemany(
        "DELETE FROM contents WHERE sha256 = ?1 AND NOT EXISTS (SELECT 1 FROM held WHERE sha256 = ?1)", held
    )
    database.executemany(
        "DELETE FROM trees WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM calls WHERE workspace = ?1)",
        ((digest,) for digest in trees),
    )


class TreeReader:
    """Reads the workspaces of one episode, each file once. Nothing that is stored is trusted."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._files: dict[tuple[Kind, str], File] = {}
        self._trees: dict[str, Workspace] = {}

    def read(self, digest: str, max_bytes: int, max_files: int) -> Workspace:
        """A workspace by its digest.

        Args:
            digest: as it was stored.
            max_bytes: of the workspace that it was, as is ``max_files``.
            max_files: see there.

        Raises:
            DamagedTreeError: it is not there as it was stored.
        """
        if digest not in self._trees:
            self._trees[digest] = self._read(digest, max_bytes, max_files)
        return self._trees[digest]

    def _read(self, digest: str, max_bytes: int, max_files: int) -> Workspace:
        (data,) = self._database.execute("SELECT manifest FROM trees WHERE digest = ?", (digest,)).fetchone() or (None,)
        manifest = _inflated(data)
        if hashlib.sha256(manifest).hexdigest() != digest:
            raise DamagedTreeError("a workspace's list of files is not what was stored")
        try:
            listed, folders = _MANIFEST.validate_json(manifest)
            files = {path: self._file(*key) for path, key in listed.items()}
            return Workspace(files, frozenset(folders), max_bytes, max_files)
        except (ValidationError, WorkspaceError):
            raise DamagedTreeError("what should be a workspace is none") from None

    def _file(self, kind: Kind, sha256: str) -> File:
        if (kind, sha256) not in self._files:
            found = self._database.execute("SELECT data FROM contents WHERE sha256 = ?", (sha256,)).fetchone()
            data = found[0] if found is not None else None
            file = File(data, kind == "executable", kind == "link") if isinstance(data, bytes) else None
            if file is None or file.sha256 != sha256:
                raise DamagedTreeError("a file is not what was stored")
            self._files[kind, sha256] = file
        return self._files[kind, sha256]


def _inflated(data: object) -> bytes:
    if not isinstance(data, bytes):
        raise DamagedTreeError("a workspace is missing or not bytes")
    unpacking = zlib.decompressobj()
    try:
        return unpacking.decompress(data, _MAX_MANIFEST)
    except zlib.error:
        raise DamagedTreeError("a workspace's list of files is not readable") from None
