"""Files of an image as a value, read without running anything of it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import docker
import docker.errors

from ...errors import ImageError
from ..workspace import Workspace
from . import leases
from .box import Image
from .tar_trees import read_folder


def tree(client: docker.APIClient, image: Image, path: str) -> Workspace:
    """See ``Boxes.tree``."""
    made = client.create_container(image.id, ["none"], labels={leases.LABEL: leases.owner()})["Id"]
    try:
        stream, _ = client.get_archive(made, path)
        with tarfile.open(fileobj=io.BufferedReader(_Chunks(stream), 1 << 20), mode="r|") as tar:
            return read_folder(tar)
    except docker.errors.NotFound:
        raise ImageError(f"the image {image.reference!r} has no folder {path}") from None
    except tarfile.TarError as error:
        raise ImageError(f"{path} of the image {image.reference!r} cannot be read: {error}") from None
    finally:
        leases.remove(client, made)


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
