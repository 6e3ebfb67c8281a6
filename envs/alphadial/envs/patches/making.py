"""The difference of two trees as a patch."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from alphadial.envs.errors import PatchError
from alphadial.envs.files import File
from alphadial.envs.patches.changes import EXECUTABLE, MAX_PATCH_BYTES, NOWHERE, REGULAR, lines_of
from alphadial.envs.patches.patience import changed_blocks

_CONTEXT = 3
"""How many unchanged lines are shown before and after a change."""
_LEFT_OUT = {".git", "__pycache__", ".pytest_cache"}
"""Folders that come of working on a code base, and are no part of the work."""
_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}
_LARGEST_TEXT = 2 * 1024 * 1024
"""The largest file whose lines are compared, in bytes; a larger one is written whole."""
_BINARY_LINE = 52
"""The bytes that one line of a binary piece stands for."""


def diff(before: Mapping[str, File], after: Mapping[str, File]) -> str:
    """What turns one tree into another, as ``git diff --binary`` writes it; "" for nothing.

    Links stay as they were, and so does what lies in their place; ``.git`` and caches of Python and pytest are left
    out.

    Args:
        before: relative path to file.
        after: the same later. Files that did not change are best the same objects.

    Raises:
        PatchError: it is longer than ``MAX_PATCH_BYTES``.
    """
    links = {path for path, file in before.items() if file.link}
    parts, room = [], MAX_PATCH_BYTES
    for path in sorted(before.keys() | after.keys()):
        old, new = _regular(before.get(path)), _regular(after.get(path))
        if old is new or old == new or _LEFT_OUT & set(path.split("/")) or _clashes(path, links):
            continue
        for part in _of_file(path, old, new):
            room -= len(part)
            if room < 0:
                raise PatchError(f"the changes are more than {MAX_PATCH_BYTES // 2**20} MiB as a patch")
            parts.append(part)
    return b"".join(parts).decode()


def _regular(file: File | None) -> File | None:
    return None if file is None or file.link else file


def _clashes(path: str, links: set[str]) -> bool:
    """Whether a file there would lie in a link's place, below it or above it."""
    if not links:
        return False
    parents = {str(parent) for parent in PurePosixPath(path).parents}
    return path in links or bool(parents & links) or any(link.startswith(f"{path}/") for link in links)


def _of_file(path: str, old: File | None, new: File | None) -> Iterator[bytes]:
    """The change of one file, in pieces."""
    ours, theirs = _quoted(f"a/{path}"), _quoted(f"b/{path}")
    yield f"diff --git {ours} {theirs}\n".encode()
    yield from (f"{line}\n".encode() for line in _modes(old, new))
    before, after = (b"" if file is None else file.data for file in (old, new))
    if before == after:
        return
    hashes = f"{_blob(old)}..{_blob(new)}"
    same = old is not None and new is not None and old.executable == new.executable
    yield f"index {hashes}{f' {_mode(new):o}' if same and new else ''}\n".encode()
    if _is_binary(before) or _is_binary(after):
        yield from _binary(after)
        return
    yield f"--- {_named(ours, path) if old else NOWHERE}\n+++ {_named(theirs, path) if new else NOWHERE}\n".encode()
    yield from _hunks(lines_of(before), lines_of(after))


def _modes(old: File | None, new: File | None) -> list[str]:
    if old is None and new is not None:
        return [f"new file mode {_mode(new):o}"]
    if old is not None and new is None:
        return [f"deleted file mode {_mode(old):o}"]
    if old is not None and new is not None and old.executable != new.executable:
        return [f"old mode {_mode(old):o}", f"new mode {_mode(new):o}"]
    return []


def _mode(file: File) -> int:
    return EXECUTABLE if file.executable else REGULAR


def _blob(file: File | None) -> str:
    """The name that git gives to a content."""
    if file is None:
        return "0" * 40
    return hashlib.sha1(b"blob %d\0%b" % (len(file.data), file.data), usedforsecurity=False).hexdigest()


def _is_binary(data: bytes) -> bool:
    if len(data) > _LARGEST_TEXT or b"\0" in data:
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def _binary(data: bytes) -> Iterator[bytes]:
    packed = zlib.compress(data, 9)
    yield f"GIT binary patch\nliteral {len(data)}\n".encode()
    for at in range(0, len(packed), _BINARY_LINE):
        piece = packed[at : at + _BINARY_LINE]
        length = ord("A") + len(piece) - 1 if len(piece) <= 26 else ord("a") + len(piece) - 27
        yield bytes([length]) + base64.b85encode(piece, pad=True) + b"\n"
    yield b"\n"


def _hunks(a: Sequence[bytes], b: Sequence[bytes]) -> Iterator[bytes]:
    """Changed blocks with lines around them; those that would touch are one hunk."""
    together: list[tuple[int, int, int, int]] = []
    for block in changed_blocks(a, b):
        if together and block[0] - together[-1][1] > 2 * _CONTEXT:
            yield from _hunk(a, b, together)
            together = []
        together.append(block)
    if together:
        yield from _hunk(a, b, together)


def _hunk(a: Sequence[bytes], b: Sequence[bytes], blocks: Sequence[tuple[int, int, int, int]]) -> Iterator[bytes]:
    low, high = max(0, blocks[0][0] - _CONTEXT), min(len(a), blocks[-1][1] + _CONTEXT)
    low_b, high_b = low + blocks[0][2] - blocks[0][0], high + blocks[-1][3] - blocks[-1][1]
    yield f"@@ -{_range(low, high)} +{_range(low_b, high_b)} @@\n".encode()
    for low_a, high_a, from_b, to_b in blocks:
        yield from (_line(b" ", line) for line in a[low:low_a])
        yield from (_line(b"-", line) for line in a[low_a:high_a])
        yield from (_line(b"+", line) for line in b[from_b:to_b])
        low = high_a
    yield from (_line(b" ", line) for line in a[low:high])


def _line(sign: bytes, line: bytes) -> bytes:
    return sign + line if line.endswith(b"\n") else b"%b%b\n\\ No newline at end of file\n" % (sign, line)


def _range(low: int, high: int) -> str:
    """A range of lines as git writes it in the head of a piece: "FIRST,COUNT", or "FIRST" where it is one line."""
    count = high - low
    first = low + 1 if count else low
    return str(first) if count == 1 else f"{first},{count}"


def _quoted(path: str) -> str:
    """A path as git writes it, in quotes where it holds more than ASCII that can be seen."""
    data = path.encode()
    if all(32 <= byte < 127 and byte not in _ESCAPES for byte in data):
        return path
    shown = (
        f"\\{_ESCAPES[byte]}" if byte in _ESCAPES else chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
        for byte in data
    )
    return f'"{"".join(shown)}"'


def _named(quoted: str, path: str) -> str:
    """A path in a line that names a file: a tab ends one that holds spaces."""
    return f"{quoted}\t" if " " in path and not quoted.startswith('"') else quoted
