"""Contexts: the files that an image is built from, as a value with a digest and as the stream that a builder reads."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from ....errors import ImageError, WorkspaceError
from ....files import File
from ....types import MIB
from ...workspace import check_path

DOCKERFILE = "Dockerfile"
MAX_CONTEXT_BYTES = 512 * MIB
MAX_CONTEXT_FILES = 50_000
_IGNORE = ".dockerignore"
_DIGITS = 16


def digest(context: Mapping[str, File], *beside: str) -> str:
    """Tells contexts apart: equal digests are equal files, built with the same words beside them."""
    total = hashlib.sha256(repr(beside).encode())
    for path, file in sorted(context.items()):
        total.update(repr((path, file.executable, file.link, hashlib.sha256(file.data).hexdigest())).encode())
    return total.hexdigest()[:_DIGITS]


def checked(context: Mapping[str, File]) -> Mapping[str, File]:
    """A context as it came from outside, if it is one.

    Raises:
        ImageError: no Dockerfile, a path that leads out of it, or more than an image may be built from.
    """
    if DOCKERFILE not in context:
        raise ImageError("the folder of the image holds no Dockerfile: add one, or name an image that is there")
    size = sum(len(file.data) for file in context.values())
    if size > MAX_CONTEXT_BYTES or len(context) > MAX_CONTEXT_FILES:
        raise ImageError(
            f"the folder of the image holds {len(context):,} files of {size / MIB:,.0f} MiB; at most "
            f"{MAX_CONTEXT_FILES:,} of {MAX_CONTEXT_BYTES // MIB} MiB are built from: leave out what it does not need"
        )
    try:
        for path in context:
            check_path(path)
    except WorkspaceError as error:
        raise ImageError(f"the folder of the image cannot be used: {error}") from None
    return context


def kept(context: Mapping[str, File]) -> dict[str, File]:
    """A context without what its .dockerignore leaves out, which Docker's own client would not send either."""
    if (ignored := context.get(_IGNORE)) is None:
        return dict(context)
    from docker.utils.build import PatternMatcher

    lines = [line.strip() for line in ignored.data.decode(errors="replace").splitlines()]
    matcher = PatternMatcher([line for line in lines if line and not line.startswith("#")])
    return {path: file for path, file in context.items() if path == DOCKERFILE or not matcher.matches(path)}


def read_context(folder: Path) -> dict[str, File]:
    """The files of a folder, links as links. Devices, pipes and sockets are left out.

    Raises:
        ImageError: it cannot be read, or holds too much.
    """
    found: dict[str, File] = {}
    size = 0
    try:
        for parent, folders, names in os.walk(folder):
            folders.sort()
            links = [name for name in folders if (Path(parent) / name).is_symlink()]
            for name in sorted([*names, *links]):
                path = Path(parent) / name
                status = path.lstat()
                size += status.st_size
                if size > MAX_CONTEXT_BYTES or len(found) >= MAX_CONTEXT_FILES:
                    raise ImageError(
                        f"{folder} holds more than an image may be built from: leave out what it needs not"
                    )
                relative = path.relative_to(folder).as_posix()
                if stat.S_ISLNK(status.st_mode):
                    found[relative] = File(os.fsencode(path.readlink()), link=True)
                elif stat.S_ISREG(status.st_mode):
                    found[relative] = File(path.read_bytes(), executable=bool(status.st_mode & 0o100))
    except OSError as error:
        raise ImageError(f"{folder} cannot be read: {error.strerror}") from None
    return found


def as_tar(context: Mapping[str, File]) -> IO[bytes]:
    """The stream of a context, equal for equal contexts; at its beginning, for whoever reads it to close."""
    stream = tempfile.TemporaryFile()  # noqa: SIM115
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, file in sorted(context.items()):
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755 if file.executable else 0o644
            if file.link:
                entry.type, entry.linkname = tarfile.SYMTYPE, os.fsdecode(file.data)
            else:
                entry.size = len(file.data)
            archive.addfile(entry, None if file.link else io.BytesIO(file.data))
    stream.seek(0)
    return stream
