"""Files of an image as a value, read without running anything of it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import docker
import docker.errors

from ...errors import ImageError, WorkspaceError
from ...files import File
from ..workspace import Workspace
from . import leases
from .box import MAX_TREE_BYTES, MAX_TREE_FILES, Image


def tree(client: docker.APIClient, image: Image, path: str) -> Workspace:
    """See ``Boxes.tree``."""
    made = client.create_container(image.id, ["none"], labels={leases.LABEL: leases.owner()})["Id"]
    try:
        stream, _ = client.get_archive(made, path)
        with tarfile.open(fileobj=io.BufferedReader(_Chunks(stream), 1 << 20), mode="r|") as tar:
            return _workspace(tar)
    except docker.errors.NotFound:
        raise ImageError(f"the image {image.reference!r} has no folder {path}") from None
    except tarfile.TarError as error:
        raise ImageError(f"{path} of the image {image.reference!r} cannot be read: {error}") from None
    finally:
        leases.remove(client, made)


def _workspace(tar: tarfile.TarFile) -> Workspace:
    """Every path begins with the folder's own name; hard links name a file that came before."""
    files: dict[str, File] = {}
    folders: set[str] = set()
    size = 0
    for entry in tar:
        name = entry.name.partition("/")[2]
        if not name or ".git" in name.split("/"):
            continue
        if entry.isdir():
            folders.add(name)
        elif entry.issym():
            files[name] = File(entry.linkname.encode(), link=True)
        elif entry.islnk():
            files[name] = files[entry.linkname.partition("/")[2]]
        elif entry.isreg():
            size += entry.size
            if size > MAX_TREE_BYTES or len(files) >= MAX_TREE_FILES:
                raise WorkspaceError(f"more than {MAX_TREE_FILES:,} files or {MAX_TREE_BYTES // 2**20} MiB")
            content = tar.extractfile(entry)
            assert content is not None
            files[name] = File(content.read(), executable=bool(entry.mode & 0o100))
    return Workspace(files, frozenset(folders), MAX_TREE_BYTES, MAX_TREE_FILES)


class _Chunks(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = next(self._pieces, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
