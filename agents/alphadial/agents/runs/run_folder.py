"""The folder of a run: its configuration, its store and its results, held by one process at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alphadial.agents.errors import StoreError
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.store import Store
from alphadial.envs.closing import Closing
from alphadial.envs.databases import sqlite_url
from alphadial.envs.errors import ForeignError
from alphadial.envs.folders import DRAFTS, lock_folder, refuse_strangers, write_atomically
from alphadial.envs.foreign import read_json

CONFIG_FILE = "config.json"
STORE_FILE = "attempts.sqlite"
RUN_FILE = "run.json"
"""The numbers of a run under a controller; the last file that it writes."""


class RunFolder(Closing):
    """Opens or makes the folder of a run; a context manager.

    Raises:
        StoreError: in use by another process (named), of another configuration or version (what differs is said),
            something else than a run, or unwritable.
    """

    def __init__(self, path: Path, config: RunConfig, store_url: str | None = None) -> None:
        self.path = path
        try:
            refuse_strangers(path, CONFIG_FILE, "a run")
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

    def _bind(self, config: RunConfig) -> None:
        refuse_other_run(self.path, config)
        file = self.path / CONFIG_FILE
        if not file.exists():
            write_atomically(file, config.to_json())


def refuse_other_run(path: Path, config: RunConfig) -> None:
    """Refuses a folder that holds a run of another configuration.

    Raises:
        StoreError: it does (what differs is said), or what it holds cannot be read.
    """
    if not (path / CONFIG_FILE).exists():
        return
    try:
        present = read_config(path)
    except StoreError as error:
        raise StoreError(f"{error}; choose another --out") from error
    same_but_problems = replace(present, split_hash=config.split_hash, problems=config.problems) == config
    if same_but_problems and present.split_hash != config.split_hash:
        raise StoreError(
            f"the problems of {config.problem_set} have changed since the run in {path} began: choose another "
            "--out, or bring back those that it began with"
        )
    if differences := present.differences(config):
        raise StoreError(
            f"{path} holds a run of another configuration (there / here: {'; '.join(differences)}): "
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
