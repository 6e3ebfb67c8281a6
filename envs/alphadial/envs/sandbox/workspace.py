"""The files of a working directory as a value: what a tool call finds, and what it leaves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from ..errors import WorkspaceError
from ..files import File as File
from ..raw import as_bytes
from ..types import RunResult
from .guest.folder import (
    BESIDE_CONTENTS,
    END,
    ENTRY,
    EXECUTABLE,
    FILE,
    FOLDER,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_FILES,
    MAX_PATH,
    REFUSED,
    TOO_DEEP,
    TOO_LARGE,
    TOO_MANY,
)

Kind = Literal["file", "executable", "link"]
"""What a file is, in a manifest."""
_MAX_TARGET = 4_095
_MAX_NAME = 255
_REASONS = {
    TOO_MANY: f"more than {MAX_FILES:,} files and folders",
    TOO_DEEP: f"paths of more than {MAX_DEPTH} folders or {MAX_PATH:,} bytes",
}


@dataclass(frozen=True)
class Workspace:
    """An immutable tree of files and symbolic links. Equal trees have equal digests.

    Trees share the ``File`` objects in which they do not differ, so that a changed tree costs no more than its changes.

    Raises:
        WorkspaceError: a bad path, a path below a file or a link, or more than ``max_files`` or ``max_bytes``.
    """

    files: Mapping[str, File] = field(default_factory=dict)
    """Relative path ("src/main.py") to content."""
    folders: frozenset[str] = frozenset()
    """Folders; only those without files below are kept."""
    max_bytes: int = field(default=MAX_BYTES, compare=False)
    """Of all files together, here and in what a command makes of it."""
    max_files: int = field(default=MAX_FILES, compare=False)
    """Likewise; links and empty folders count."""

    def __post_init__(self) -> None:
        parents = _parents(map(check_path, self.files)) | _parents(map(check_path, self.folders))
        below = next((path for path in self.files if path in parents or path in self.folders), None)
        if below is not None:
            raise WorkspaceError(f"{below!r} is a file, not a folder")
        wrong = next((path for path, file in self.files.items() if _fits_no_link(file)), None)
        if wrong is not None:
            raise WorkspaceError(f"{wrong!r} cannot be a link")
        object.__setattr__(self, "folders", self.folders - parents)
        object.__setattr__(self, "files", MappingProxyType(dict(sorted(self.files.items()))))
        if len(self.files) + len(self.folders) > self.max_files:
            raise WorkspaceError(f"a workspace holds at most {self.max_files:,} files and folders")
        if sum(len(file.data) for file in self.files.values()) > self.max_bytes:
            raise WorkspaceError(f"a workspace holds at most {self.max_bytes // 2**20} MiB")

    @classmethod
    def of(cls, files: Mapping[str, str], max_bytes: int = MAX_BYTES) -> Workspace:
        """Makes a workspace of texts."""
        return cls({path: File(as_bytes(text)) for path, text in files.items()}, max_bytes=max_bytes)

    def manifest(self) -> str:
        """The tree without its contents, in JSON: kind and hash of each file by path, and the empty folders."""
        listed = {path: [_kind(file), file.sha256] for path, file in self.files.items()}
        return json.dumps([listed, sorted(self.folders)], separators=(",", ":"))

    @cached_property
    def digest(self) -> str:
        """The sha256 of the manifest, in hexadecimal."""
        return hashlib.sha256(self.manifest().encode()).hexdigest()

    def with_file(self, path: str, data: bytes) -> Workspace:
        """A copy with one file written; an executable one stays executable."""
        before = self.files.get(path)
        written = File(data, before is not None and before.executable)
        return replace(self, files={**self.files, path: written}, folders=self.folders - {path})

    @property
    def longest_stream(self) -> int:
        """The length in bytes of the stream of a tree that holds ``max_bytes``, end included."""
        return self.max_bytes + BESIDE_CONTENTS

    def stream(self) -> bytes:
        """The one stream (see ``guest.folder``) of this tree, which holds no links, without an end."""
        parts = []
        for path, file in self.files.items():
            assert not file.link
            entry = EXECUTABLE if file.executable else FILE
            parts += [ENTRY.pack(entry, len(path.encode()), len(file.data)), path.encode(), file.data]
        for path in sorted(self.folders):
            parts += [ENTRY.pack(FOLDER, len(path.encode()), 0), path.encode()]
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class WorkspaceRun:
    """What came of a command in a workspace."""

    result: RunResult
    workspace: Workspace
    """As the command left it; as it was before, where a limit stopped the command or it cannot be kept."""
    note: str = ""
    """Why it was not kept, or what of it was left out; in one line, for whoever gave the command."""


def _kind(file: File) -> Kind:
    return "link" if file.link else "executable" if file.executable else "file"


def _fits_no_link(file: File) -> bool:
    """No symbolic link can be so; nor is one executable, so that equal trees are made of equal files."""
    return file.link and (file.executable or not 0 < len(file.data) <= _MAX_TARGET or b"\0" in file.data)


def _parents(paths: Iterable[str]) -> set[str]:
    """The folders above all of these paths."""
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def check_path(path: str) -> str:
    """A normal relative path.

    Raises:
        WorkspaceError: it is not.
    """
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        raise WorkspaceError("the path is not valid text") from None
    parts = path.split("/")
    if not path or path.startswith("/") or "\0" in path or {"", ".", ".."} & set(parts):
        raise WorkspaceError(f"{path[:200]!r} is not a relative path inside the workspace")
    if (
        len(encoded) > MAX_PATH
        or len(parts) > MAX_DEPTH
        or (len(encoded) > _MAX_NAME and max(len(part.encode()) for part in parts) > _MAX_NAME)
    ):
        raise WorkspaceError(f"{path[:200]!r}... is too long a path")
    return path


def returned(stream: bytes, before: Workspace, result: RunResult) -> WorkspaceRun:
    """Judges what a command's sandbox handed back. Nothing in it is trusted.

    Args:
        stream: as ``guest.folder.pack`` makes them, or anything else.
        before: the workspace that the command was given.
        result: how the command ended.
    """
    if result.killed_by is not None:
        return WorkspaceRun(result, before, "the workspace is as it was before the command")
    unread = "the working directory could not be read back: the workspace is as it was before the command"
    if len(stream) > before.longest_stream:
        return WorkspaceRun(result, before, unread)
    try:
        files, folders, end = _entries(stream)
        if end is None:
            return WorkspaceRun(result, before, unread)
        if isinstance(end, str):
            reasons = {TOO_LARGE: f"more than {before.max_bytes // 2**20} MiB", **_REASONS}
            reason = reasons.get(end, "more than can be kept")
            note = f"the working directory holds {reason}: the workspace is as it was before the command"
            return WorkspaceRun(result, before, note)
        after = Workspace(files, frozenset(folders), before.max_bytes)
    except WorkspaceError:
        return WorkspaceRun(result, before, unread)
    kept = before if after == before else after
    note = f"not kept: {end} links, special files or names that are not UTF-8" if end else ""
    return WorkspaceRun(result, kept, note)


def _entries(stream: bytes) -> tuple[dict[str, File], list[str], int | str | None]:
    """Files, folders, and how the stream ended: names left out, the reason of a refusal, or not at all."""
    files: dict[str, File] = {}
    folders: list[str] = []
    at = 0
    while at < len(stream):
        if len(stream) - at < ENTRY.size:
            raise WorkspaceError("not the stream of a workspace")
        kind, length, size = ENTRY.unpack_from(stream, at)
        at += ENTRY.size
        path = _text(stream[at : at + length]) if length <= len(stream) - at else None
        at += length
        if path is None:
            raise WorkspaceError("not the stream of a workspace")
        if kind in (END, REFUSED) and at == len(stream):
            return files, folders, path if kind == REFUSED else size
        if kind == FOLDER and size == 0:
            folders.append(path)
        elif kind in (FILE, EXECUTABLE) and size <= len(stream) - at and path not in files:
            files[path] = File(stream[at : at + size], kind == EXECUTABLE)
            at += size
        else:
            raise WorkspaceError("not the stream of a workspace")
    return files, folders, None


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def paths(workspace: Workspace) -> Iterable[str]:
    """Files and empty folders, the latter with a slash at the end, in order."""
    return sorted([*workspace.files, *(f"{folder}/" for folder in workspace.folders)])
