"""What a patch is made of: the changes of single files, and their pieces."""

from __future__ import annotations

from dataclasses import dataclass

from alphadial.envs.errors import PatchError, WorkspaceError
from alphadial.envs.sandbox.workspace import check_path

MAX_PATCH_BYTES = 10 * 1024 * 1024
"""The largest patch that is read or made, in bytes. Nobody reads a longer one, and no honest work makes it."""
MAX_MADE_BYTES = 256 * 1024 * 1024
"""The most bytes that all binary pieces of a patch may unpack to: a few packed bytes can stand for a thousand times as
many."""
REGULAR, EXECUTABLE = 0o100644, 0o100755
NOWHERE = "/dev/null"


@dataclass(frozen=True, slots=True)
class Hunk:
    """A piece of a file's lines, before and after. Every line has its end, but for the last of a file without one."""

    line: int
    """The line of the patch that is the head of the piece, 1-based."""
    start: int
    """The number that the piece's first line has in the file before the change, 1-based. Where ``before`` is empty,
    it is the number of the line that the piece follows: 0 at the beginning of the file."""
    before: tuple[bytes, ...]
    after: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """A file's content, whole or as a difference from the one before (``delta``)."""

    line: int
    packed: bytes
    """The content, or the difference, deflated (zlib)."""
    size: int
    """The size of what ``packed`` unpacks to, in bytes."""
    delta: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file."""

    line: int
    """The line of the patch where the change begins, 1-based."""
    old: str | None
    """The file's path before the change; None: it is new."""
    new: str | None
    """The file's path after the change; None: it is removed."""
    mode: int | None = None
    """The file's mode after the change, ``REGULAR`` or ``EXECUTABLE``; None: as before."""
    keeps_old: bool = False
    """Whether the file at ``old`` stays where it is: the change is a copy."""
    hunks: tuple[Hunk, ...] = ()
    binary: Binary | None = None


def checked_path(path: str, line: int) -> str:
    """The path, if it lies inside the tree and is none of git's own files.

    Raises:
        PatchError: it does not, or is one of those.
    """
    try:
        check_path(path)
    except WorkspaceError:
        raise PatchError(f"line {line}: {path[:200]!r} is no path inside the repository") from None
    if ".git" in path.lower().split("/"):
        raise PatchError(f"line {line}: {path[:200]!r} belongs to git, which no patch changes")
    return path


def lines_of(data: bytes) -> list[bytes]:
    """The lines of a file, each with its end; only a line feed ends one."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines
