"""What a patch is made of: the changes of single files, and their pieces."""

from __future__ import annotations

from dataclasses import dataclass

from alphadial.envs.errors import PatchError, WorkspaceError
from alphadial.envs.sandbox.workspace import check_path

MAX_PATCH_BYTES = 10 * 1024 * 1024
"""Of a patch. Nobody reads a longer one, and no honest work makes it."""
MAX_MADE_BYTES = 256 * 1024 * 1024
"""Of all that the binary pieces of a patch unpack to: a few bytes of them can stand for a thousand times as many."""
REGULAR, EXECUTABLE = 0o100644, 0o100755
NOWHERE = "/dev/null"


@dataclass(frozen=True, slots=True)
class Hunk:
    """A piece of a file's lines, before and after. Every line has its end, but for the last of a file without one."""

    line: int
    """In the patch, 1-based."""
    start: int
    """Of the first line in the file before, 1-based; where there is none, of the line before it."""
    before: tuple[bytes, ...]
    after: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """A file's content, whole or as a difference from the one before (``delta``)."""

    line: int
    packed: bytes
    """Deflated."""
    size: int
    """Unpacked."""
    delta: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file."""

    line: int
    """Where it begins in the patch, 1-based."""
    old: str | None
    """Path before; None: it is new."""
    new: str | None
    """Path after; None: it is removed."""
    mode: int | None = None
    """After; None: as before."""
    keeps_old: bool = False
    """A copy."""
    hunks: tuple[Hunk, ...] = ()
    binary: Binary | None = None


def checked_path(path: str, line: int) -> str:
    """A path inside the tree, and not of git's own files.

    Raises:
        PatchError: it is none.
    """
    try:
        check_path(path)
    except WorkspaceError:
        raise PatchError(f"line {line}: {path[:200]!r} is no path inside the repository") from None
    if ".git" in path.lower().split("/"):
        raise PatchError(f"line {line}: {path[:200]!r} belongs to git, which no patch changes")
    return path


def lines_of(data: bytes) -> list[bytes]:
    """Lines with their ends; only a line feed ends one."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines
