"""A folder in a box as entries, and back: only what changed since it was last looked at is read or written."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

from .folder import END, EXECUTABLE, FILE, FOLDER, MAX_DEPTH, MAX_PATH, TOO_DEEP, TOO_LARGE, TOO_MANY
from .keeper_frames import GONE, LINK, entry

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = _READ | os.O_DIRECTORY
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE, _EXECUTABLE_MODE, _FILE_MODE = 0o755, 0o755, 0o644
_COARSE = 6
"""CLOCK_MONOTONIC_COARSE, which goes on when the clock of time stamps does."""
_Signature = tuple[int, ...]
Most = tuple[float, float]
"""Bytes, and files and empty folders."""
_ANY = (float("inf"), float("inf"))


class RefusedError(Exception):
    """The folder is more than may be kept; the message is the reason."""


class Found:
    """What a folder holds, without contents."""

    def __init__(self) -> None:
        self.kinds: dict[str, bytes] = {}
        self.signatures: dict[str, _Signature] = {}
        """What tells that the content is another one than before, of files and links."""
        self.left_out = 0
        self.bytes = 0


class Tree:
    """The working directory, as its owner last saw it.

    A change that no time stamp tells of there is not: writing through a mapping changes none of a tmpfs but the time of
    the last access, as making the mapping does, which is why that is looked at as well (and no command may ask for
    accesses without a trace). A stamp is as coarse as the
    kernel's clock, so no command begins before the clock has gone on (``settle``).
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._seen: Found = Found()
        self._looked_s = 0.0

    def settle(self) -> None:
        """Returns once whatever is changed from now on has a later time than what was seen."""
        while time.clock_gettime(_COARSE) <= self._looked_s:
            time.sleep(0.001)

    def changes(self, most: Most) -> tuple[Found, list[str]]:
        """What there is now, and the paths of all that is another one than when it was last seen.

        Raises:
            RefusedError: more than that; it counts as not seen.
        """
        now = scan(self.path, most)
        before = self._seen
        gone = [path for path in before.kinds if path not in now.kinds]
        changed = [
            path
            for path, kind in now.kinds.items()
            if before.kinds.get(path) != kind or before.signatures.get(path) != now.signatures.get(path)
        ]
        self._see(now)
        return now, gone + changed

    def restore(self, changes: Iterable[tuple[bytes, str, bytes]]) -> None:
        """Applies changes to what was last seen.

        Raises:
            OSError: they do not fit.
        """
        lay_out(self.path, changes)
        self._see(scan(self.path, _ANY, straighten=True))

    def forget(self) -> None:
        """The folder is a new one."""
        self._see(Found())

    def _see(self, found: Found) -> None:
        self._seen = found
        self._looked_s = time.monotonic()


def scan(path: str, most: Most, *, without: str = "", straighten: bool = False) -> Found:
    """Looks at a folder in which nothing is running. No link is followed.

    Sockets, pipes and devices, and names that are not UTF-8, are left out and counted.

    Args:
        path: of the folder.
        most: bytes and files, beyond which it is not looked at.
        without: a name that is passed over, wherever it is.
        straighten: gives files and folders the permissions that they are made with.

    Raises:
        RefusedError: there is more, or it is too deep.
        OSError: it cannot be read.
    """
    scanner = _Scanner(most, without, straighten=straighten)
    top = os.open(path, _FOLDER)
    try:
        if straighten:
            os.fchmod(top, _FOLDER_MODE)
        scanner.walk(top, "", 1)
    finally:
        os.close(top)
    return scanner.found


class _Scanner:
    def __init__(self, most: Most, without: str, *, straighten: bool) -> None:
        self._max_bytes, self._max_files = most
        self._without, self._straighten = without, straighten
        self.found = Found()

    def walk(self, folder: int, prefix: str, depth: int) -> None:
        inner: list[str] = []
        empty = True
        with os.scandir(folder) as entries:
            for each in entries:
                if each.name == self._without:
                    continue
                path = prefix + each.name
                if not _is_text(path):
                    self.found.left_out += 1
                    continue
                status = self._status(folder, each)
                if stat.S_ISDIR(status.st_mode):
                    inner.append(each.name)
                elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                    self._note(path, status)
                else:
                    self.found.left_out += 1
                    continue
                empty = False
        if empty and prefix:
            self._count(prefix[:-1], FOLDER)
        if inner and depth == MAX_DEPTH:
            raise RefusedError(TOO_DEEP)
        for name in inner:
            opened = os.open(name, _FOLDER, dir_fd=folder)
            try:
                self.walk(opened, f"{prefix}{name}/", depth + 1)
            finally:
                os.close(opened)

    def _status(self, folder: int, each: os.DirEntry[str]) -> os.stat_result:
        status = each.stat(follow_symlinks=False)
        wanted = _straightened(status.st_mode)
        if self._straighten and wanted != status.st_mode:
            os.chmod(each.name, stat.S_IMODE(wanted), dir_fd=folder)
            status = os.lstat(each.name, dir_fd=folder)
        return status

    def _note(self, path: str, status: os.stat_result) -> None:
        link = stat.S_ISLNK(status.st_mode)
        self._count(path, LINK if link else EXECUTABLE if status.st_mode & stat.S_IXUSR else FILE)
        # Reading a link changes when it was last read, and nothing writes into one.
        times = (status.st_ctime_ns, 0 if link else status.st_atime_ns)
        self.found.signatures[path] = (status.st_dev, status.st_ino, status.st_size, *times)
        self.found.bytes += status.st_size
        if self.found.bytes > self._max_bytes:
            raise RefusedError(TOO_LARGE)

    def _count(self, path: str, kind: bytes) -> None:
        self.found.kinds[path] = kind
        if len(path.encode()) > MAX_PATH:
            raise RefusedError(TOO_DEEP)
        if len(self.found.kinds) > self._max_files:
            raise RefusedError(TOO_MANY)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _straightened(mode: int) -> int:
    if stat.S_ISDIR(mode):
        return stat.S_IFDIR | _FOLDER_MODE
    if stat.S_ISREG(mode):
        return stat.S_IFREG | (_EXECUTABLE_MODE if mode & stat.S_IXUSR else _FILE_MODE)
    return mode


def contents(top: str, found: Found, paths: Iterable[str]) -> Iterator[bytes]:
    """The entries of some paths.

    Raises:
        OSError: one cannot be read.
    """
    for path in paths:
        kind = found.kinds.get(path)
        if kind is None:
            yield entry(GONE, path)
        elif kind == FOLDER:
            yield entry(FOLDER, path)
        elif kind == LINK:
            yield entry(LINK, path, os.fsencode(os.readlink(f"{top}/{path}")))  # noqa: PTH115
        else:
            yield entry(kind, path, _content(f"{top}/{path}"))


def _content(path: str) -> bytes:
    """Without changing when it was last read, where that may be asked for."""
    try:
        descriptor = os.open(path, _READ | os.O_NOATIME)
    except PermissionError:
        descriptor = os.open(path, _READ)
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size)
        while len(data) < size:
            data += os.read(descriptor, size - len(data)) or bytes(size - len(data))
        return data
    finally:
        os.close(descriptor)


def lay_out(top: str, given: Iterable[tuple[bytes, str, bytes]]) -> None:
    """Writes entries under a folder, each in place of whatever has its name, with the folders above it.

    Raises:
        OSError: they do not fit, or a folder that is not empty has such a name.
    """
    made: set[str] = set()
    for kind, path, content in given:
        whole = f"{top}/{path}"
        folder = os.path.dirname(whole)  # noqa: PTH120
        if kind in (END, GONE):
            if kind == GONE:
                _remove(top, path)
            continue
        if folder not in made:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            made.add(folder)
        if kind == FOLDER:
            os.makedirs(whole, exist_ok=True)  # noqa: PTH103
            continue
        try:
            _put(whole, kind, content)
        except FileExistsError:
            _clear_name(whole)
            _put(whole, kind, content)


def _put(path: str, kind: bytes, content: bytes) -> None:
    if kind == LINK:
        os.symlink(content, os.fsencode(path))  # noqa: PTH211
        return
    descriptor = os.open(path, _WRITE, _EXECUTABLE_MODE if kind == EXECUTABLE else _FILE_MODE)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _clear_name(path: str) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        os.rmdir(path)  # noqa: PTH106
    else:
        os.unlink(path)  # noqa: PTH108


def _remove(top: str, path: str) -> None:
    """With the folders above it that hold nothing any more: a folder that is to be empty comes as an entry."""
    with suppress(FileNotFoundError):
        _clear_name(f"{top}/{path}")
    with suppress(OSError):
        while path := path.rpartition("/")[0]:
            os.rmdir(f"{top}/{path}")  # noqa: PTH106
