"""A patch is applied to a tree, or refused."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from alphadial.envs.errors import PatchError
from alphadial.envs.files import File
from alphadial.envs.patches.changes import EXECUTABLE, MAX_MADE_BYTES, Binary, Change, Hunk, lines_of
from alphadial.envs.patches.reading import read_changes

_MOST_COMPARED = 5_000_000
"""The most lines that are compared in search of where the pieces of a patch fit."""
_LARGEST_TEXT = 32 * 1024 * 1024
"""The largest file whose lines are changed, in bytes."""


def apply(patch: str, tree: Mapping[str, File]) -> dict[str, File]:
    """The tree with a patch applied. Unchanged files stay the same objects.

    A piece must fit line by line, but may have moved, as for ``git apply``: the place that is nearest counts.

    Args:
        patch: as ``diff`` or git writes it, or a plain one; "" changes nothing.
        tree: relative path to file.

    Raises:
        PatchError: it is no patch, does not fit, or changes what no patch may; the message says where.
    """
    applying = _Applying(tree)
    for change in read_changes(patch):
        applying.change(change)
    return applying.result()


def written(patch: str, tree: Mapping[str, File]) -> dict[str, File]:
    """The files that a patch writes, as they are after it.

    Raises:
        PatchError: as ``apply``.
    """
    return {path: file for path, file in apply(patch, tree).items() if file is not tree.get(path)}


class _Applying:
    def __init__(self, tree: Mapping[str, File]) -> None:
        self._before = tree
        self._files = dict(tree)
        self._made: dict[str, int] = {}
        """The path of each file that was written, to the line of the patch where its change begins, 1-based."""
        self._room = MAX_MADE_BYTES
        self._compared = 0

    def change(self, change: Change) -> None:
        """Makes the change of one file.

        Raises:
            PatchError: it does not fit.
        """
        old = self._old(change)
        data = self._content(change, b"" if old is None else old.data)
        if change.old is not None and change.old != change.new and not change.keeps_old:
            if change.new is None and data:
                raise PatchError(f"line {change.line}: {change.old} is to be removed, but more is left of it")
            if change.old not in self._made or change.new is None:
                self._files.pop(change.old, None)
        if change.new is None:
            return
        there = self._files.get(change.new)
        if there is not None and (there.link or change.new != change.old):
            raise PatchError(f"line {change.line}: {change.new} is {'a link' if there.link else 'there already'}")
        executable = old is not None and old.executable if change.mode is None else change.mode == EXECUTABLE
        self._files[change.new] = File(data, executable)
        self._made[change.new] = change.line

    def result(self) -> dict[str, File]:
        """All files after the changes, by relative path.

        Raises:
            PatchError: one lies below another.
        """
        above = {str(parent) for path in self._files for parent in PurePosixPath(path).parents}
        for path, line in self._made.items():
            parents = (str(parent) for parent in PurePosixPath(path).parents)
            if path in above or any(parent in self._files for parent in parents):
                raise PatchError(f"line {line}: {path} would lie where another file is")
        return self._files

    def _old(self, change: Change) -> File | None:
        """The file as it is before the change. What is moved or copied is as it was before the whole patch."""
        if change.old is None:
            return None
        files = self._files if change.old == change.new or change.new is None else self._before
        file = files.get(change.old)
        if file is None:
            raise PatchError(f"line {change.line}: there is no file {change.old}")
        if file.link:
            raise PatchError(f"line {change.line}: {change.old} is a link, which no patch may change")
        return file

    def _content(self, change: Change, before: bytes) -> bytes:
        if change.binary is not None:
            return self._unpacked(change.binary, before)
        if not change.hunks:
            return b"" if change.new is None else before
        if len(before) > _LARGEST_TEXT:
            raise PatchError(f"line {change.line}: {change.old} is too large to be changed line by line")
        lines = lines_of(before)
        made: list[bytes] = []
        done = moved = 0
        for hunk in change.hunks:
            at = self._place(hunk, lines, done, moved, change.new or change.old or "")
            moved = at - _expected(hunk)
            made += [*lines[done:at], *hunk.after]
            done = at + len(hunk.before)
        made += lines[done:]
        if any(not line.endswith(b"\n") for line in made[:-1]):
            raise PatchError(f"line {change.line}: {change.new} would have a line without an end before its last")
        return b"".join(made)

    def _place(self, hunk: Hunk, lines: Sequence[bytes], done: int, moved: int, path: str) -> int:
        """The index of the line from which a piece fits: the nearest to where its head says, after the pieces before.

        Raises:
            PatchError: it fits nowhere, or the search would take too long.
        """
        before, last = list(hunk.before), len(lines) - len(hunk.before)
        expected = min(max(_expected(hunk) + moved, done), max(last, done))
        for away in range(max(expected - done, last - expected) + 1 if before else 1):
            self._compared += 1
            for at in dict.fromkeys((expected - away, expected + away)):
                if not done <= at <= last:
                    continue
                alike = not before or lines[at] == before[0]
                self._compared += len(before) if alike else 0
                if alike and lines[at : at + len(before)] == before:
                    return at
            if self._compared > _MOST_COMPARED:
                break
        raise PatchError(f"line {hunk.line}: the piece does not fit {path}")

    def _unpacked(self, binary: Binary, before: bytes) -> bytes:
        unzip = zlib.decompressobj()
        try:
            data = unzip.decompress(binary.packed, min(binary.size, self._room) + 1)
        except zlib.error:
            raise PatchError(f"line {binary.line}: a damaged binary piece") from None
        if len(data) != binary.size or not unzip.eof:
            raise PatchError(f"line {binary.line}: a damaged binary piece, or one of too many bytes")
        made = _patched(binary, data, before, self._room) if binary.delta else data
        self._room -= len(made)
        return made


def _expected(hunk: Hunk) -> int:
    return hunk.start - 1 if hunk.before else hunk.start


def _patched(binary: Binary, delta: bytes, before: bytes, room: int) -> bytes:
    """What git's delta makes of a content: it copies pieces of it, and puts others in."""
    damaged = PatchError(f"line {binary.line}: the binary piece does not fit")
    try:
        size, at = _number(delta, 0)
        made_size, at = _number(delta, at)
        if size != len(before) or made_size > room:
            raise damaged
        made = bytearray()
        while at < len(delta) and len(made) <= made_size:
            code, at = delta[at], at + 1
            if code & 0x80:
                start, at = _fields(delta, at, code, 4)
                length, at = _fields(delta, at, code >> 4, 3)
                length = length or 0x10000
                if start + length > len(before):
                    raise damaged
                made += before[start : start + length]
            elif code:
                made += delta[at : at + code]
                at += code
            else:
                raise damaged
    except IndexError:
        raise damaged from None
    if len(made) != made_size or at != len(delta):
        raise damaged
    return bytes(made)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80 or shift > 63:
            return value, at


def _fields(data: bytes, at: int, code: int, count: int) -> tuple[int, int]:
    """A number of those bytes that the bits of ``code`` say are there."""
    value = 0
    for number in range(count):
        if code >> number & 1:
            value |= data[at] << 8 * number
            at += 1
    return value, at
