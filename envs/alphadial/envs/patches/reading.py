"""Patches as text become changes. A text may come from anywhere: a model, a file, the task of a stranger."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import NoReturn

from alphadial.envs.errors import PatchError
from alphadial.envs.patches.changes import (
    EXECUTABLE,
    MAX_PATCH_BYTES,
    NOWHERE,
    REGULAR,
    Binary,
    Change,
    Hunk,
    checked_path,
)
from alphadial.envs.raw import as_bytes

_HEADER = b"diff --git "
_HUNK = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_BINARY = re.compile(rb"(literal|delta) (\d{1,12})")
_ESCAPED = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)
_ESCAPES = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}
_NO_END = b"\\ "
_UNSHOWN = b"Binary files "
_NO_CONTENT = "a binary file without its content: make the patch with git diff --binary"
_LINK, _MODULE = 0o120000, 0o160000
_KINDS = {_LINK: "a link", _MODULE: "a submodule"}


def read_changes(patch: str) -> tuple[Change, ...]:
    """The changes that a patch asks for, in order.

    It may be of git, with or without binary pieces, or plain ("---", "+++", "@@"), and may begin with other words.

    Raises:
        PatchError: it is too long or no patch, or it changes what no patch may: links, submodules, paths outside.
    """
    data = as_bytes(patch)
    if len(data) > MAX_PATCH_BYTES:
        raise PatchError(f"the patch is larger than {MAX_PATCH_BYTES // 2**20} MiB")
    changes = tuple(_Reader(data)) if data.strip() else ()
    if data.strip() and not changes:
        raise PatchError("the text is no patch: no line in it begins with 'diff --git' or with '---'")
    return changes


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._lines = data.split(b"\n")
        if self._lines[-1] == b"":
            self._lines.pop()
        self._at = 0

    def __iter__(self) -> Iterator[Change]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.startswith(_HEADER):
                yield self._of_git()
            elif self._plain_begins():
                yield self._plain()
            elif _HUNK.match(line):
                self._refuse("a piece of a file that no line before it names, or one of more lines than its head says")
            elif line.startswith(_UNSHOWN):
                self._refuse(_NO_CONTENT)
            else:
                self._at += 1

    def _refuse(self, why: str) -> NoReturn:
        raise PatchError(f"line {self._at + 1}: {why}")

    def _next(self) -> bytes:
        """The line at hand; b"" after the last."""
        return self._lines[self._at] if self._at < len(self._lines) else b""

    def _plain_begins(self) -> bool:
        following = self._lines[self._at + 1] if self._at + 1 < len(self._lines) else b""
        return self._next().startswith(b"--- ") and following.startswith(b"+++ ")

    def _plain(self) -> Change:
        start = self._at + 1
        old, new = self._names()
        if old is None and new is None:
            self._refuse("a change of no file")
        if old is not None and new is not None:
            old = new  # plain patches rename nothing: the older name may be that of a backup
        return Change(start, old, new, hunks=self._hunks())

    def _names(self) -> tuple[str | None, str | None]:
        """The two lines before the hunks of a file."""
        old = self._name(self._next()[4:])
        self._at += 1
        new = self._name(self._next()[4:])
        self._at += 1
        return old, new

    def _name(self, text: bytes) -> str | None:
        text = text.removesuffix(b"\r")
        path = self._unquoted(text) if text.startswith(b'"') else text.partition(b"\t")[0].rstrip(b" ")
        return None if path == NOWHERE.encode() else self._path(path)

    def _path(self, path: bytes, prefixed: bool = True) -> str:
        if prefixed and path[:2] in (b"a/", b"b/"):
            path = path[2:]
        try:
            return checked_path(path.decode(), self._at + 1)
        except UnicodeDecodeError:
            self._refuse("the name of the file is not UTF-8")

    def _unquoted(self, text: bytes) -> bytes:
        end = re.match(rb'"(?:[^"\\]|\\.)*"', text, re.DOTALL)
        if end is None:
            self._refuse("a quote that nothing closes")
        return _ESCAPED.sub(self._escape, text[1 : end.end() - 1])

    def _escape(self, found: re.Match[bytes]) -> bytes:
        code = found[1]
        if len(code) == 3:
            return bytes([int(code, 8)])
        if code not in _ESCAPES:
            self._refuse("a name of a file is quoted in a way that git does not know")
        return bytes([_ESCAPES[code]])

    def _of_git(self) -> Change:
        start = self._at + 1
        stated = self._stated(self._next()[len(_HEADER) :].removesuffix(b"\r"))
        self._at += 1
        words = self._extended()
        old, new = stated, stated
        if b"rename from" in words or b"copy from" in words:
            kind = b"rename" if b"rename from" in words else b"copy"
            old, new = (self._moved(words.get(b"%b %b" % (kind, side), b"")) for side in (b"from", b"to"))
        if self._plain_begins():
            named_old, named_new = self._names()
            old, new = (named_old or old), (named_new or new)
        if old is None or new is None:
            self._refuse("the name of the file cannot be told")
        binary = self._binary() if self._next().removesuffix(b"\r") == b"GIT binary patch" else None
        if self._next().startswith(_UNSHOWN):
            self._refuse(_NO_CONTENT)
        mode = self._mode(words, b"new file mode", b"new mode")
        self._mode(words, b"deleted file mode", b"old mode")
        if b"index" in words and words[b"index"].rpartition(b" ")[2] in (b"120000", b"160000"):
            self._refuse_kind(int(words[b"index"].rpartition(b" ")[2], 8))
        return Change(
            start,
            None if b"new file mode" in words else old,
            None if b"deleted file mode" in words else new,
            mode,
            b"copy from" in words,
            () if binary else self._hunks(),
            binary,
        )

    def _stated(self, names: bytes) -> str | None:
        """The path of a header, where both sides have the same one; None where only later lines can tell."""
        if names.startswith(b'"'):
            ours = self._unquoted(names)
            return self._path(ours) if ours[:2] in (b"a/", b"b/") else None
        middle = len(names) // 2
        ours, theirs = names[:middle], names[middle + 1 :]
        if len(names) % 2 == 1 and ours[:2] == b"a/" and theirs[:2] == b"b/" and ours[2:] == theirs[2:]:
            return self._path(ours)
        same = ours and ours == theirs and names[middle : middle + 1] == b" "
        return self._path(ours, prefixed=False) if same else None

    def _extended(self) -> dict[bytes, bytes]:
        """The lines after a header, which say what it is about beside its content."""
        known = (
            *(b"old mode", b"new mode", b"new file mode", b"deleted file mode", b"similarity index"),
            *(b"dissimilarity index", b"rename from", b"rename to", b"copy from", b"copy to", b"index"),
        )
        words: dict[bytes, bytes] = {}
        while found := next((word for word in known if self._next().startswith(word + b" ")), None):
            words[found] = self._next()[len(found) + 1 :].removesuffix(b"\r")
            self._at += 1
        return words

    def _moved(self, name: bytes) -> str:
        return self._path(self._unquoted(name) if name.startswith(b'"') else name, prefixed=False)

    def _mode(self, words: dict[bytes, bytes], *names: bytes) -> int | None:
        for name in names:
            if name not in words:
                continue
            if not re.fullmatch(rb"1[0-7]{5}", words[name]):
                self._refuse("a mode that git does not know")
            mode = int(words[name], 8)
            if mode & 0o170000 != 0o100000:
                self._refuse_kind(mode)
            return EXECUTABLE if mode & 0o100 else REGULAR
        return None

    def _refuse_kind(self, mode: int) -> NoReturn:
        self._refuse(f"{_KINDS.get(mode & 0o170000, 'a special file')}, which no patch may make, change or remove")

    def _hunks(self) -> tuple[Hunk, ...]:
        hunks = []
        while head := _HUNK.match(self._next()):
            hunks.append(self._hunk(head))
        return tuple(hunks)

    def _hunk(self, head: re.Match[bytes]) -> Hunk:
        line = self._at + 1
        left, right = (1 if count is None else int(count) for count in (head[2], head[4]))
        before: list[bytes] = []
        after: list[bytes] = []
        self._at += 1
        while len(before) < left or len(after) < right or self._next().startswith(_NO_END):
            if self._at == len(self._lines):
                self._refuse(f"the patch ends within the piece that begins in line {line}")
            self._side(line, self._next(), before, after)
            self._at += 1
        if len(before) > left or len(after) > right:
            self._refuse(f"the piece that begins in line {line} has more lines than its head says")
        return Hunk(line, int(head[1]), tuple(before), tuple(after))

    def _side(self, first: int, line: bytes, before: list[bytes], after: list[bytes]) -> None:
        sign, text = line[:1], line[1:] + b"\n"
        if line.startswith(_NO_END):
            self._cut(before, after)
        elif sign in (b" ", b"") or line == b"\r":  # some editors take the blank off an empty line
            before.append(text if sign == b" " else line + b"\n")
            after.append(before[-1])
        elif sign == b"-":
            before.append(text)
        elif sign == b"+":
            after.append(text)
        else:
            self._refuse(f"the piece that begins in line {first} has fewer lines than its head says")

    def _cut(self, before: list[bytes], after: list[bytes]) -> None:
        """Takes the end off the line that was just read."""
        sign = self._lines[self._at - 1][:1]
        if sign in (b" ", b"-") and before:
            before[-1] = before[-1].removesuffix(b"\n")
        if sign in (b" ", b"+") and after:
            after[-1] = after[-1].removesuffix(b"\n")

    def _binary(self) -> Binary:
        """The first piece; the second one, by which git would take the change back, is passed over."""
        self._at += 1
        line = self._at + 1
        head = _BINARY.fullmatch(self._next().removesuffix(b"\r"))
        if head is None:
            self._refuse("a binary piece begins with its kind and size")
        self._at += 1
        packed = self._packed()
        if _BINARY.fullmatch(self._next().removesuffix(b"\r")):
            self._at += 1
            self._packed()
        return Binary(line, packed, int(head[2]), head[1] == b"delta")

    def _packed(self) -> bytes:
        parts = []
        while row := self._next().removesuffix(b"\r"):
            length = row[0] - 64 if 65 <= row[0] <= 90 else row[0] - 70 if 97 <= row[0] <= 122 else 0
            try:
                data = base64.b85decode(row[1:])
            except ValueError:
                data = b""
            if not length or len(data) != (length + 3) // 4 * 4:
                self._refuse("a damaged binary piece")
            parts.append(data[:length])
            self._at += 1
        self._at += 1
        return b"".join(parts)
