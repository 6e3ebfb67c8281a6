"""Folders that come as an archive, as values."""

from __future__ import annotations

import tarfile

from ...errors import WorkspaceError
from ...files import File
from ..workspace import Workspace
from .box import MAX_TREE_BYTES, MAX_TREE_FILES


def read_folder(tar: tarfile.TarFile) -> Workspace:
    """A folder with all in it but ``.git``, and names that are not text. Every path begins with its own name, or ".".

    Raises:
        WorkspaceError: more than ``MAX_TREE_BYTES`` or ``MAX_TREE_FILES``, or paths that no folder has.
        tarfile.TarError: it is no archive.
    """
    files: dict[str, File] = {}
    folders: set[str] = set()
    size = 0
    for entry in tar:
        name = entry.name.partition("/")[2]
        if not name or ".git" in name.split("/") or not _is_text(name):
            continue
        if entry.isdir():
            folders.add(name)
        elif entry.issym():
            files[name] = File(entry.linkname.encode("utf-8", "surrogateescape"), link=True)
        elif entry.islnk():  # a hard link names a file that came before
            if (before := files.get(entry.linkname.partition("/")[2])) is not None:
                files[name] = before
        elif entry.isreg():
            size += entry.size
            if size > MAX_TREE_BYTES or len(files) >= MAX_TREE_FILES:
                raise WorkspaceError(f"more than {MAX_TREE_FILES:,} files or {MAX_TREE_BYTES // 2**20} MiB")
            content = tar.extractfile(entry)
            files[name] = File(b"" if content is None else content.read(), executable=bool(entry.mode & 0o100))
    return Workspace(files, frozenset(folders), MAX_TREE_BYTES, MAX_TREE_FILES)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
