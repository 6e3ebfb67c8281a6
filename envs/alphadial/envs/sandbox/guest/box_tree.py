"""A folder as a box's keeper sees it: what has changed since it last looked, and what is to change.

Nothing runs while it looks or writes, and it follows no link. A file whose status is what it was has not changed: to
write through a mapping leaves the times of a file in memory alone, but to make the mapping is an access, whose time
every status here tells (``strictatime``, and no command may ask for O_NOATIME). The kernel's clock goes on in steps, so
no command begins before the step in which the last file was looked at is over (``settle``).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from .box_wire import CHUNK, EXECUTABLE, FILE, LINK
from .folder import MAX_DEPTH, MAX_PATH, TOO_DEEP, TOO_LARGE, TOO_MANY

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = "D"
_COARSE = 6
"""CLOCK_MONOTONIC_COARSE, which goes on when the clock of times of files does."""
_FOLDER_MODE, _MODES = 0o755, {FILE: 0o644, EXECUTABLE: 0o755}

Reader = Callable[[int], bytes]
"""Takes so many bytes, or fewer but some, from the owner."""


class RefusedError(Exception):
    """The tree is more than may be kept; the message is the reason."""


class Found(NamedTuple):
    """A file or a link, as it was at one look."""

    kind: str
    size: int
    mode: int
    owner: int
    inode: int
    modified_at: int
    changed_at: int
    accessed_at: int
    """0 of links, which nobody can write into."""


class Seen:
    """What one look at the tree has found."""

    def __init__(self) -> None:
        self.files: dict[str, Found] = {}
        self.empty: list[str] = []
        """Folders."""
        self.changed: list[str] = []
        """Files that are new, or that differ from what was known."""
        self.gone: list[str] = []
        """Files that were known."""
        self.strays: list[str] = []
        """What is neither file, link nor folder, or has a name that is not text."""
        self.odd: list[str] = []
        """Folders with another mode than those that are made here, or another owner."""

    @property
    def changed_bytes(self) -> int:
        """The size of all files that have changed."""
        return sum(self.files[path].size for path in self.changed)

    def facts(self) -> dict[str, Any]:
        """What the owner is told of it."""
        changed = [(path, self.files[path].kind, self.files[path].size) for path in self.changed]
        return {"changed": changed, "gone": self.gone, "empty": self.empty}


class Tree:
    """Remembers of every file what it was when its content was last handed over, in either direction.

    Args:
        root: an absolute path.
        owner: of all that is written.
        by_times: every access is told by a file's status; otherwise each file is read at each look.
        without: a name that is passed over, wherever it is.
    """

    def __init__(self, root: str, owner: int, *, by_times: bool = True, without: str = "") -> None:
        self._root, self._owner, self._by_times, self._without = root, owner, by_times, without
        self._known: dict[str, tuple[Found, bytes]] = {}
        self._strays: list[str] = []
        self._odd: list[str] = []
        self._looked_s = 0.0

    def settle(self) -> None:
        """Returns once whatever is changed from now on has a later time than what is known."""
        while time.clock_gettime(_COARSE) <= self._looked_s:
            time.sleep(0.001)

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
            if not odd and known is not None and self._is_still(path, found, *known):
                continue
            seen.changed.append(path)
        seen.gone = [path for path in self._known if path not in seen.files]
        self._strays, self._odd = seen.strays, seen.odd
        self._looked_s = time.monotonic()
        return seen

    def _is_still(self, path: str, found: Found, known: Found, digest: bytes) -> bool:
        """Whether a file holds what it held."""
        if self._by_times and found == known:
            return True
        if (found.kind, found.size) != (known.kind, known.size):
            return False
        now = hashlib.sha256()
        for chunk in self._read(path, found):
            now.update(chunk)
        if now.digest() != digest:
            return False
        self._know(path, found.kind, digest)
        return True

    def _know(self, path: str, kind: str, digest: bytes) -> None:
        """Takes note of what a file is after it was read or written, which is an access too."""
        self._known[path] = _found(kind, os.lstat(self._at(path))), digest

    def forget(self, paths: list[str]) -> None:
        """What the owner does not know of any more."""
        for path in paths:
            self._known.pop(path, None)

    def forget_all(self) -> None:
        """The owner knows of nothing."""
        self._known.clear()

    def contents(self, seen: Seen) -> Iterator[bytes]:
        """The contents of all files that have changed, one after the other; they are known from then on."""
        self.forget(seen.gone)
        for path in seen.changed:
            digest = hashlib.sha256()
            for chunk in self._read(path, seen.files[path]):
                digest.update(chunk)
                yield chunk
            self._know(path, seen.files[path].kind, digest.digest())
        self._looked_s = time.monotonic()

    def _walk(self, max_files: int, max_bytes: int) -> Seen:
        seen, size = Seen(), 0
        waiting = [("", 1)]
        while waiting:
            prefix, depth = waiting.pop()
            entries = 0
            with os.scandir(self._root + "/" + prefix) as scanned:
                for entry in scanned:
                    if entry.name == self._without:
                        continue
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
        """The kind of what is kept; "" for the rest."""
        try:
            path.encode()
        except UnicodeEncodeError:
            return ""
        if stat.S_ISLNK(status.st_mode):
            return LINK
        if stat.S_ISREG(status.st_mode):
            return EXECUTABLE if status.st_mode & stat.S_IXUSR else FILE
        return _FOLDER if stat.S_ISDIR(status.st_mode) else ""

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _read(self, path: str, found: Found) -> Iterator[bytes]:
        if found.kind == LINK:
            target = os.fsencode(os.readlink(self._at(path)))  # noqa: PTH115
            if len(target) != found.size:  # as of links that the kernel makes up
                raise OSError(f"{path} is not as long as it is said to be")
            yield target
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
                self._straighten(self._at(path))
        self._strays, self._odd = [], []
        self.forget(gone)
        for folder in {path.rpartition("/")[0] for path in removed}:
            self._prune(folder)
        made: set[str] = set()
        for path, kind, size in files:
            self._folder(path.rpartition("/")[0], made)
            self._write(path, kind, size, read)
        for folder in folders:
            self._folder(folder, made)
        self._looked_s = time.monotonic()

    def _straighten(self, path: str) -> None:
        """A folder becomes the owner's, with the mode of all that are made here."""
        _give(path, self._owner)
        os.chmod(path, _FOLDER_MODE)  # noqa: PTH101

    def _folder(self, path: str, made: set[str]) -> None:
        if not path or path in made:
            return
        self._folder(path.rpartition("/")[0], made)
        where = self._at(path)
        if not _is_folder(where):
            remove(where)
            os.mkdir(where)  # noqa: PTH102
            self._straighten(where)
        made.add(path)

    def _prune(self, path: str) -> None:
        while path:
            try:
                os.rmdir(self._at(path))  # noqa: PTH106
            except OSError:  # something is in it
                return
            path = path.rpartition("/")[0]

    def _write(self, path: str, kind: str, size: int, read: Reader) -> None:
        digest = hashlib.sha256()
        content = exactly(size, read)
        if kind == LINK:
            target = b"".join(content)
            digest.update(target)
            write(self._at(path), kind, [target], self._owner)
        else:
            write(self._at(path), kind, _digested(content, digest), self._owner)
        self._know(path, kind, digest.digest())


def _digested(content: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    for chunk in content:
        digest.update(chunk)
        yield chunk


def write(path: str, kind: str, content: Iterable[bytes], owner: int) -> None:
    """Writes a file or a link in place of whatever is there, in a folder that is.

    Raises:
        OSError: it does not fit.
    """
    try:
        _write_new(path, kind, content, owner)
    except FileExistsError:
        remove(path)
        _write_new(path, kind, content, owner)


def _write_new(path: str, kind: str, content: Iterable[bytes], owner: int) -> None:
    if kind == LINK:
        os.symlink(b"".join(content), os.fsencode(path))  # noqa: PTH211
        _give(path, owner)
        return
    descriptor = os.open(path, _WRITE, _MODES[kind])
    try:
        _give(descriptor, owner)
        for chunk in content:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _give(made: str | int, owner: int) -> None:
    """What this process has made, and is another's, becomes that one's."""
    if owner == os.geteuid():
        return
    if isinstance(made, int):
        os.fchown(made, owner, owner)
    else:
        os.lchown(made, owner, owner)


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
    accessed_at = 0 if kind == LINK else status.st_atime_ns
    mode, times = stat.S_IMODE(status.st_mode), (status.st_mtime_ns, status.st_ctime_ns, accessed_at)
    return Found(kind, status.st_size, mode, status.st_uid, status.st_ino, *times)
