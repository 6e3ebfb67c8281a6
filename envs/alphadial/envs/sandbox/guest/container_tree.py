"""The working directory of a box, as its keeper sees it: what has changed since it last looked, and what is to change.

Nothing runs while it looks or writes. It follows no link, and takes nothing for unchanged that it has not read: a file
in memory that a program changes through a mapping keeps its times.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .container_wire import CHUNK, EXECUTABLE, FILE, LINK
from .folder import MAX_DEPTH, MAX_PATH, TOO_DEEP, TOO_LARGE, TOO_MANY

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = "D"
_FOLDER_MODE, _MODES = 0o755, {FILE: 0o644, EXECUTABLE: 0o755}

Reader = Callable[[int], bytes]
"""Takes so many bytes, or fewer but some, from the owner."""


class RefusedError(Exception):
    """The tree is more than may be kept; the message is the reason."""


@dataclass(frozen=True)
class Found:
    """A file or a link, as it was at one look."""

    kind: str
    size: int
    changed_at: tuple[int, int]
    inode: int
    mode: int
    owner: int


@dataclass
class Seen:
    """What one look at the tree has found."""

    files: dict[str, Found] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    """Folders."""
    changed: list[str] = field(default_factory=list)
    """Files that are new, or that may differ from what was known."""
    gone: list[str] = field(default_factory=list)
    """Files that were known."""
    strays: list[str] = field(default_factory=list)
    """What is neither file, link nor folder, or has a name that is not text."""
    odd: list[str] = field(default_factory=list)
    """Folders with another mode than those that are made here, or another owner."""


class Tree:
    """Remembers of every file what it was when its content was last handed over, in either direction."""

    def __init__(self, root: str, owner: int) -> None:
        self._root, self._owner = root, owner
        self._known: dict[str, tuple[Found, bytes]] = {}
        self._strays: list[str] = []
        self._odd: list[str] = []

    def look(self, max_files: int, max_bytes: int, *, exactly: bool = False) -> Seen:
        """Finds what has changed.

        Args:
            max_files: empty folders count.
            max_bytes: of all files together.
            exactly: files count as changed where owner or mode are not those that are written.

        Raises:
            RefusedError: there is more.
        """
        seen = self._walk(max_files, max_bytes)
        for path, found in seen.files.items():
            known = self._known.get(path)
            odd = exactly and found.kind != LINK and (found.owner, found.mode) != (self._owner, _MODES[found.kind])
            if odd or known is None or known[0] != found or known[1] != self._digest(path, found):
                seen.changed.append(path)
        seen.gone = [path for path in self._known if path not in seen.files]
        self._strays, self._odd = seen.strays, seen.odd
        return seen

    def forget(self, paths: list[str]) -> None:
        """What the owner does not know of any more."""
        for path in paths:
            self._known.pop(path, None)

    def forget_all(self) -> None:
        """The owner knows of nothing."""
        self._known.clear()

    def contents(self, seen: Seen) -> Iterator[bytes]:
        """Of all files that have changed, one after the other; they are known from then on."""
        self.forget(seen.gone)
        for path in seen.changed:
            digest = hashlib.sha256()
            for chunk in self._read(path, seen.files[path]):
                digest.update(chunk)
                yield chunk
            self._known[path] = seen.files[path], digest.digest()

    def _walk(self, max_files: int, max_bytes: int) -> Seen:
        seen, size = Seen(), 0
        waiting = [("", 1)]
        while waiting:
            prefix, depth = waiting.pop()
            entries = 0
            with os.scandir(self._root + "/" + prefix) as scanned:
                for entry in scanned:
                    path, status = prefix + entry.name, entry.stat(follow_symlinks=False)
                    kind = self._kind(path, status)
                    if not kind:
                        seen.strays.append(path)
                    elif len(path.encode()) > MAX_PATH or depth > MAX_DEPTH:
                        raise RefusedError(TOO_DEEP)
                    elif kind == _FOLDER:
                        waiting.append((f"{path}/", depth + 1))
                        if (status.st_uid, stat.S_IMODE(status.st_mode)) != (self._owner, _FOLDER_MODE):
                            seen.odd.append(path)
                    else:
                        seen.files[path] = _found(kind, status)
                        size += status.st_size
                    entries += bool(kind)
            if prefix and not entries:
                seen.empty.append(prefix[:-1])
            if len(seen.files) + len(seen.empty) + len(seen.strays) + len(waiting) > max_files:
                raise RefusedError(TOO_MANY)
            if size > max_bytes:
                raise RefusedError(TOO_LARGE)
        return seen

    def _kind(self, path: str, status: os.stat_result) -> str:
        """Of what is kept; "" for the rest."""
        try:
            path.encode()
            if stat.S_ISLNK(status.st_mode):
                os.readlink(self._at(path)).encode()  # noqa: PTH115
                return LINK
        except UnicodeEncodeError:
            return ""
        if stat.S_ISREG(status.st_mode):
            return EXECUTABLE if status.st_mode & stat.S_IXUSR else FILE
        return _FOLDER if stat.S_ISDIR(status.st_mode) else ""

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _digest(self, path: str, found: Found) -> bytes:
        digest = hashlib.sha256()
        for chunk in self._read(path, found):
            digest.update(chunk)
        return digest.digest()

    def _read(self, path: str, found: Found) -> Iterator[bytes]:
        if found.kind == LINK:
            yield os.readlink(self._at(path)).encode()  # noqa: PTH115
            return
        descriptor = os.open(self._at(path), _READ)
        try:
            left = found.size
            while left and (chunk := os.read(descriptor, min(left, CHUNK))):
                left -= len(chunk)
                yield chunk
        finally:
            os.close(descriptor)
        if left:
            raise OSError(f"{path} is shorter than it was")

    def clear(self) -> None:
        """Removes all."""
        self._known.clear()
        self._strays, self._odd = [], []
        empty(self._root)

    def change(self, gone: list[str], files: list[tuple[str, str, int]], folders: list[str], read: Reader) -> None:
        """Removes and writes, and undoes what the last look found odd.

        Args:
            gone: files, and empty folders.
            files: path, kind and size of each.
            folders: to be there, empty or not; others that are empty by then are removed.
            read: the contents of all files, one after the other.

        Raises:
            OSError: they do not fit.
        """
        removed = [*self._strays, *gone]
        for path in removed:
            remove(self._at(path))
        for path in ["", *self._odd]:
            if os.path.isdir(self._at(path)):  # noqa: PTH112
                self._give(self._at(path))
        self._strays, self._odd = [], []
        self.forget(gone)
        made: set[str] = set()
        for path, kind, size in files:
            self._folder(path.rpartition("/")[0], made)
            self._known[path] = self._write(path, kind, size, read)
        for folder in {path.rpartition("/")[0] for path in removed} - made:
            self._prune(folder)
        for folder in folders:
            self._folder(folder, made)

    def _give(self, path: str) -> None:
        """A folder becomes the owner's."""
        os.chown(path, self._owner, self._owner)
        os.chmod(path, _FOLDER_MODE)  # noqa: PTH101

    def _folder(self, path: str, made: set[str]) -> None:
        if not path or path in made:
            return
        self._folder(path.rpartition("/")[0], made)
        where = self._at(path)
        if not _is_folder(where):
            remove(where)
            os.mkdir(where)  # noqa: PTH102
            self._give(where)
        made.add(path)

    def _prune(self, path: str) -> None:
        while path:
            try:
                os.rmdir(self._at(path))  # noqa: PTH106
            except OSError:  # something is in it
                return
            path = path.rpartition("/")[0]

    def _write(self, path: str, kind: str, size: int, read: Reader) -> tuple[Found, bytes]:
        where, digest = self._at(path), hashlib.sha256()
        remove(where)
        if kind == LINK:
            target = b"".join(exactly(size, read))
            digest.update(target)
            os.symlink(target.decode(), where)  # noqa: PTH211
            os.chown(where, self._owner, self._owner, follow_symlinks=False)
        else:
            with os.fdopen(os.open(where, _WRITE, 0o600), "wb", buffering=0) as file:
                for chunk in exactly(size, read):
                    digest.update(chunk)
                    file.write(chunk)
                os.fchown(file.fileno(), self._owner, self._owner)
                os.fchmod(file.fileno(), _MODES[kind])
        return _found(kind, os.lstat(where)), digest.digest()


def exactly(size: int, read: Reader) -> Iterator[bytes]:
    """So many bytes, in pieces."""
    while size:
        chunk = read(min(size, CHUNK))
        size -= len(chunk)
        yield chunk


def remove(path: str) -> None:
    """Removes whatever is there, if anything."""
    try:
        if _is_folder(path):
            empty(path)
            os.rmdir(path)  # noqa: PTH106
        else:
            os.unlink(path)  # noqa: PTH108
    except FileNotFoundError:
        return


def empty(folder: str) -> None:
    """Removes all that is in a folder, however deep: folders in folders are moved up first, each of them once."""
    number = 0
    while names := os.listdir(folder):  # noqa: PTH208
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118
            if not _is_folder(path):
                os.unlink(path)  # noqa: PTH108
                continue
            for inner in os.listdir(path):  # noqa: PTH208
                below = os.path.join(path, inner)  # noqa: PTH118
                if _is_folder(below):
                    number += 1
                    while os.path.lexists(up := os.path.join(folder, f".{number}")):  # noqa: PTH118
                        number += 1
                    os.rename(below, up)  # noqa: PTH104
                else:
                    os.unlink(below)  # noqa: PTH108
            os.rmdir(path)  # noqa: PTH106


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _found(kind: str, status: os.stat_result) -> Found:
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return Found(kind, status.st_size, times, status.st_ino, stat.S_IMODE(status.st_mode), status.st_uid)
