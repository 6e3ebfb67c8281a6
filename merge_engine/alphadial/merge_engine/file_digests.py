"""Digests of large files, computed once per content; and the user's cache folder, where they and weights ids are kept.

What is kept is one small file per entry, and may be deleted at any time. Importing this loads no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from alphadial.merge_engine.errors import CheckpointError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_IDS = "weights-ids"
_SETTLED_S = 2.0
"""A file that changed later than so long ago may change again within one tick of its file system's clock."""


def file_digest(file: Path) -> str:
    """The SHA-256 of a file, computed again only after the file has changed.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        before = _state(file)
        key = hashed(["file", str(file.absolute()), before])
        if known := kept(key, _SHA256):
            return known
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        after = _state(file)
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror}") from error
    if before == after and time.time_ns() - max(after[2], after[3]) > _SETTLED_S * 1e9:
        keep(key, found)
    return found


def hashed(value: object) -> str:
    """The SHA-256 of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def kept(key: str, form: re.Pattern[str]) -> str | None:
    """What is kept under a key, if it has the form of what was put there."""
    with suppress(OSError, RuntimeError, UnicodeDecodeError):
        text = (cache_folder(_IDS) / key).read_text("ascii")
        return text if form.fullmatch(text) else None
    return None


def keep(key: str, value: str) -> None:
    """Writes whole or not at all; a cache that cannot be written costs time and nothing else."""
    with suppress(OSError, RuntimeError):
        folder = cache_folder(_IDS)
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{key}.{os.getpid()}.tmp"
        draft.write_text(value, "ascii")
        draft.replace(folder / key)


def cache_folder(name: str) -> Path:
    """A folder of that name among what alphadial keeps of the user's (XDG); it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alphadial" / name


def _state(file: Path) -> tuple[int, int, int, int, int]:
    """Differs after every change of a file's content: the time of change of its inode cannot be set back."""
    found = file.stat()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
