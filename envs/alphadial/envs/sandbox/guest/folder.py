"""A folder as one stream of bytes: laid out before a command begins, read back after all that it started has ended.

A stream is a sequence of entries, each a header (``ENTRY``), a relative path and, for files, the content. A stream that
was read back ends with END, or is one REFUSED entry whose path is the reason.
"""

from __future__ import annotations

import os
import stat
import struct

ENTRY = struct.Struct("!cIQ")
"""One of the kinds below, the length of the path and that of the content; for END, how many names were left out."""
FILE, EXECUTABLE, FOLDER = b"F", b"X", b"D"
END, REFUSED = b"E", b"R"
TOO_MANY, TOO_LARGE, TOO_DEEP = "too many", "too large", "too deep"

MAX_FILES = 1_000
"""Empty folders count."""
MAX_BYTES = 4 * 1024 * 1024
"""Of all contents together, where nothing else is said."""
MAX_DEPTH = 24
MAX_PATH = 1_024
"""Bytes."""
BESIDE_CONTENTS = MAX_FILES * (ENTRY.size + MAX_PATH) + ENTRY.size
"""A stream is at most so much longer than the contents in it."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20


class _RefusedError(Exception):
    """The folder is more than may be kept; the message is the reason."""


def unpack(stream: bytes, folder: str = ".") -> None:
    """Lays the entries out under ``folder``. The stream is the host's and is trusted.

    Raises:
        OSError: they do not fit.
    """
    at = 0
    while at < len(stream):
        kind, length, size = ENTRY.unpack_from(stream, at)
        path = os.path.join(folder, stream[at + ENTRY.size : at + ENTRY.size + length].decode())  # noqa: PTH118
        at += ENTRY.size + length
        if kind == FOLDER:
            os.makedirs(path, exist_ok=True)  # noqa: PTH103 - pathlib would double the wrapper's start
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        mode = 0o755 if kind == EXECUTABLE else 0o644
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(stream[at : at + size])
        at += size


def pack(folder: int, max_bytes: int) -> bytes:
    """Reads the folder behind a descriptor. Nothing may be running in it.

    Links, sockets, pipes and devices, and names that are not UTF-8, are left out and counted; no link is followed.
    """
    packer = _Packer(max_bytes)
    os.fchmod(folder, 0o700)
    try:
        packer.walk(folder, "", 1)
    except _RefusedError as refused:
        reason = str(refused).encode()
        return ENTRY.pack(REFUSED, len(reason), 0) + reason
    return b"".join([*packer.parts, ENTRY.pack(END, 0, packer.left_out)])


class _Packer:
    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.parts: list[bytes] = []
        self.left_out = 0
        self._entries = 0
        self._bytes = 0

    def walk(self, folder: int, prefix: str, depth: int) -> None:
        names = self._names(folder)
        if not names and prefix:
            self._add(FOLDER, prefix.rstrip("/"), b"")
        for name in names:
            found = os.lstat(name, dir_fd=folder)
            path = prefix + name
            if stat.S_ISDIR(found.st_mode):
                if depth == MAX_DEPTH:
                    raise _RefusedError(TOO_DEEP)
                inner = self._open(name, folder)
                try:
                    self.walk(inner, path + "/", depth + 1)
                finally:
                    os.close(inner)
            elif not stat.S_ISREG(found.st_mode):
                self.left_out += 1
            else:
                kind = EXECUTABLE if found.st_mode & stat.S_IXUSR else FILE
                self._bytes += found.st_size
                if self._bytes > self._max_bytes:
                    raise _RefusedError(TOO_LARGE)
                with os.fdopen(self._open(name, folder), "rb") as file:
                    self._add(kind, path, file.read(found.st_size))

    def _names(self, folder: int) -> list[str]:
        """Sorted, so that a folder has one stream."""
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    entry.name.encode()
                except UnicodeEncodeError:
                    self.left_out += 1
                    continue
                names.append(entry.name)
                if len(names) > MAX_FILES:
                    raise _RefusedError(TOO_MANY)
        return sorted(names)

    def _open(self, name: str, folder: int) -> int:
        try:
            return os.open(name, _READ, dir_fd=folder)
        except PermissionError:  # its mode forbids its owner to read it
            os.chmod(name, 0o700, dir_fd=folder)
            return os.open(name, _READ, dir_fd=folder)

    def _add(self, kind: bytes, path: str, content: bytes) -> None:
        name = path.encode()
        if len(name) > MAX_PATH:
            raise _RefusedError(TOO_DEEP)
        self._entries += 1
        if self._entries > MAX_FILES:
            raise _RefusedError(TOO_MANY)
        self.parts += (ENTRY.pack(kind, len(name), len(content)), name, content)
