"""Folders of tasks as trees of files: whole, links included, and nothing from outside of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from alphadial.envs.errors import WorkspaceError
from alphadial.envs.files import File
from alphadial.envs.problems.formats.lines import describe
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.sandbox.boxes.box import MAX_TREE_BYTES, MAX_TREE_FILES
from alphadial.envs.sandbox.workspace import check_path

_LEFT_OUT = {".git", "__pycache__", ".DS_Store"}
"""What is never part of a code base: its history would tell what comes next."""


def read_tree(folder: Path) -> dict[str, File]:
    """Every file and link of a folder, by relative path; empty where there is no such folder.

    Raises:
        FormatError: a link leads out of it, or something is no file, cannot be read, or is too much.
    """
    if folder.is_symlink():
        raise FormatError("a link in place of a folder: put what it leads to there", path=folder)
    files: dict[str, File] = {}
    room = MAX_TREE_BYTES
    for path in _walk(folder, ""):
        file = _read(folder / path, path, room)
        room -= len(file.data)
        files[path] = file
        if len(files) > MAX_TREE_FILES:
            raise FormatError(f"more than {MAX_TREE_FILES:,} files", path=folder)
    return files


def below(tree: dict[str, File], folder: str) -> dict[str, File]:
    """The files of a folder of a tree, by path relative to it.

    Raises:
        FormatError: a link leads out of that folder.
    """
    prefix = f"{folder}/"
    found = {path.removeprefix(prefix): file for path, file in tree.items() if path.startswith(prefix)}
    for path, file in found.items():
        if file.link and leads_out(path, os.fsdecode(file.data)):
            raise FormatError(f"a link that leads out of {folder[:100]}: {path[:200]}; replace it by what it leads to")
    return found


def read_regular(path: Path, largest: int) -> bytes:
    """The content of a regular file that no link leads to.

    Raises:
        FormatError: it is something else, cannot be read, or is larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FormatError("neither a file nor a folder", path=path)
            data = stream.read(largest + 1)
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be read: {describe(error)}", path=path) from None
    if len(data) > largest:
        raise FormatError(f"larger than {largest:,} bytes", path=path)
    return data


def _walk(folder: Path, inside: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        if inside:
            raise
        return
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be listed: {describe(error)}", path=folder) from None
    for entry in entries:
        if entry.name in _LEFT_OUT:
            continue
        try:
            path = check_path(f"{inside}{entry.name}")
        except WorkspaceError as error:
            raise FormatError(str(error), path=folder) from None
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name, f"{path}/")
        else:
            yield path


def _read(full: Path, path: str, room: int) -> File:
    try:
        mode = full.lstat().st_mode
        target = str(full.readlink()) if stat.S_ISLNK(mode) else None
    except OSError as error:
        raise FormatError(f"cannot be read: {describe(error)}", path=full) from None
    if target is None:
        return File(read_regular(full, room), executable=bool(mode & 0o100))
    if leads_out(path, target):
        raise FormatError("a link that leads out of its folder: replace it by what it leads to", path=full)
    return File(os.fsencode(target), link=True)


def leads_out(path: str, target: str) -> bool:
    """Whether a link in a tree leads out of it, as far as names alone tell."""
    if target.startswith("/"):
        return True
    depth = len(PurePosixPath(path).parts) - 1
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False
