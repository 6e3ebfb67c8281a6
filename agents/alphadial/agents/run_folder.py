"""The folder of a run: its configuration, its store and its results, held by one process at a time."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from alphadial.agents.config import RunConfig
from alphadial.agents.databases import sqlite_url
from alphadial.agents.errors import StoreError
from alphadial.agents.store import Store
from alphadial.envs.errors import ForeignError
from alphadial.envs.foreign import check_folder, read_json
from alphadial.envs.forking import in_child

CONFIG_FILE = "config.json"
STORE_FILE = "attempts.sqlite"
LOCK_FILE = "lock"
DRAFTS = ".*.[0-9]*.tmp"
"""What ``write_atomically`` has not yet put in place."""
_OWNER = "process "
"""What a lock says begins so."""
_LONGEST_OWNER = 4096


class RunFolder:
    """Opens or makes the folder of a run; a context manager.

    Raises:
        StoreError: in use by another process (named), of another configuration or version (what differs is said),
            something else than a run, or unwritable.
    """

    def __init__(self, path: Path, config: RunConfig, store_url: str | None = None) -> None:
        self.path = path
        try:
            _refuse_strangers(path)
            self._lock = lock_folder(path)
            try:
                self._bind(config)
                for draft in path.glob(DRAFTS):  # of a process that was killed while it wrote
                    draft.unlink()
                self.store = Store(store_url or sqlite_url(path / STORE_FILE), config)
            except BaseException:
                self._lock.close()
                raise
        except OSError as error:
            raise StoreError(f"cannot use {path} as a run folder: {error.strerror}; choose another --out") from error

    def write(self, name: str, content: str | bytes) -> Path:
        """Writes a result file, whole or not at all."""
        file = self.path / name
        try:
            write_atomically(file, content)
        except OSError as error:
            raise StoreError(f"cannot write {file}: {error.strerror}") from error
        return file

    def close(self) -> None:
        """Writes what is left and lets others in."""
        try:
            self.store.close()
        finally:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _bind(self, config: RunConfig) -> None:
        file = self.path / CONFIG_FILE
        if not file.exists():
            write_atomically(file, config.to_json())
            return
        try:
            present = read_config(self.path)
        except StoreError as error:
            raise StoreError(f"{error}; choose another --out") from error
        if differences := present.differences(config):
            raise StoreError(
                f"{self.path} holds a run of another configuration (there / here: {'; '.join(differences)}): "
                "choose another --out, or the same settings to resume it"
            )


def read_config(path: Path) -> RunConfig:
    """The configuration of a run folder.

    Raises:
        StoreError: it cannot be read, or is of another version.
    """
    file = path / CONFIG_FILE
    try:
        return RunConfig.from_values(read_json(file))
    except StoreError as error:
        raise StoreError(f"{file} cannot be used: {error}") from error
    except ForeignError as error:
        raise StoreError(str(error)) from error


def write_atomically(file: Path, content: str | bytes) -> None:
    """Replaces a file in one step, so that no reader and no crash sees half of it."""
    data = content.encode() if isinstance(content, str) else content
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def lock_folder(path: Path) -> IO[str]:
    """Makes the folder and takes its lock, which is the open file: it goes when its process does, however that ends.

    Raises:
        StoreError: another process holds it (named), its name is no text, which databases need, an entry is neither a
            file nor a folder of its own, or its lock is something else's.
        OSError: the folder cannot be made or written.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise StoreError(f"the name {path} is not UTF-8: choose another folder") from None
    path.mkdir(parents=True, exist_ok=True)
    try:
        check_folder(path)
    except ForeignError as error:
        raise StoreError(f"{error}, or choose another --out") from error
    if (path / LOCK_FILE).is_dir():
        raise StoreError(
            f"{path / LOCK_FILE} is a folder, and not alphadial's lock: choose another --out, or remove it"
        )
    stream = (path / LOCK_FILE).open("a+", encoding="utf-8", errors="backslashreplace")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        owner = stream.read(_LONGEST_OWNER).strip() or "another process"
        stream.close()
        raise StoreError(f"{path} is in use by {owner}: wait for it or stop it, or choose another --out") from None
    stream.seek(0)
    if (owner := stream.read(_LONGEST_OWNER)) and not owner.startswith(_OWNER):
        stream.close()
        raise StoreError(f"{path / LOCK_FILE} is not alphadial's lock: choose another --out, or remove it")
    stream.truncate(0)
    stream.write(f"{_OWNER}{os.getpid()} ({shlex.join(sys.argv)[:200]})")
    stream.flush()
    return in_child(stream, lambda each: each.close())  # else the folder would be in use until the last child ends


def _refuse_strangers(path: Path) -> None:
    if not path.is_dir() or (path / CONFIG_FILE).exists():
        return
    strangers = {entry.name for entry in path.iterdir()} - {LOCK_FILE}
    if strangers and not all(name.startswith(".") for name in strangers):
        raise StoreError(f"{path} holds something else than a run: choose another --out")
