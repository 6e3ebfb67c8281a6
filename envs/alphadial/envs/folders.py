"""Folders that one process at a time writes into, and files that are replaced whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from alphadial.envs.errors import ForeignError, StoreError
from alphadial.envs.foreign import check_folder
from alphadial.envs.forking import in_child

LOCK_FILE = "lock"
DRAFTS = ".*.[0-9]*.tmp"
"""What ``replacing`` has not yet put in place."""
_OWNER = "process "
"""What a lock says begins so."""
_LONGEST_OWNER = 4096


def write_atomically(file: Path, content: str | bytes) -> None:
    """Replaces a file in one step, so that no reader and no crash sees half of it."""
    with replacing(file) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Gives a draft to write to, which takes the place of a file in one step when the block ends well."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def refuse_strangers(path: Path, mark: str, what: str) -> None:
    """Refuses a folder that holds something, but not the file by which ours are known.

    Args:
        path: the folder; it need not be there.
        mark: the name of that file.
        what: it is known to be then, such as "a run".

    Raises:
        StoreError: it holds something else.
        OSError: it cannot be read.
    """
    if not path.is_dir() or (path / mark).exists():
        return
    if any(not entry.name.startswith(".") and entry.name != LOCK_FILE for entry in path.iterdir()):
        raise StoreError(f"{path} holds something else than {what}: choose another --out")


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
