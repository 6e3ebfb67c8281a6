"""Images as folders, for those without Docker: a root filesystem, and beside it what else an image says."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import tarfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ....errors import ForeignError, ImageError
from ....folders import write_atomically
from ....foreign import read_json
from ..box import Image

ROOT = "rootfs"
ABOUT = "image.json"
"""Makes a folder ours: nothing without it is ever removed."""
_DRAFT = ".draft-"
_VERSION = 1
_LEFT_EMPTY = ("dev/", "proc/", "sys/", "run/", "tmp/")
"""What every box lays anew."""


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """An image that lies in a folder of its own."""

    path: Path
    name: str
    """One of ours, "task", or what Docker knows it by."""
    recipe: str
    """A digest of what it was made from."""
    id: str
    created: float
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    size: int = 0
    """Bytes of its files."""

    @property
    def root(self) -> Path:
        """The files."""
        return self.path / ROOT

    def as_image(self) -> Image:
        """What a box is opened from."""
        return Image(self.id, str(self.path), self.env, self.workdir)


def images_home() -> Path:
    """The folder of all image folders."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alphadial" / "images"


def all_folders() -> list[ImageFolder]:
    """Every image folder of this user, the oldest first. Folders that are not ours, or not whole, are left out."""
    home = images_home()
    found = [_read(path) for path in sorted(home.iterdir()) if path.is_dir()] if home.is_dir() else []
    return sorted((each for each in found if each is not None), key=lambda each: each.created)


def find_folder(name: str, recipe: str, digest: str = "") -> ImageFolder | None:
    """The newest image folder of a recipe, if there is one; where a digest is given, the one that is called by it."""
    for each in reversed(all_folders()):
        if (each.name, each.recipe) == (name, recipe) and each.path.name.endswith(digest):
            return each
    return None


def _read(path: Path) -> ImageFolder | None:
    try:
        about = read_json(path / ABOUT)
        if about["version"] != _VERSION or not (path / ROOT).is_dir():
            return None
        env = {str(key): str(value) for key, value in about["env"].items()}
        name, recipe, id, workdir = (str(about[key]) for key in ("name", "recipe", "id", "workdir"))
        return ImageFolder(path, name, recipe, id, float(about["created"]), env, workdir, int(about["size"]))
    except (ForeignError, KeyError, TypeError, ValueError, AttributeError):
        return None


@contextmanager
def new_folder(name: str, digest: str, recipe: str = "") -> Iterator[tuple[Path, dict[str, Any]]]:
    """A root filesystem in the making: it becomes an image folder in one step, or nothing is left of it.

    Args:
        name: as of ``ImageFolder``.
        digest: of all that makes the image what it is, its base included; the folder is called by it.
        recipe: as of ``ImageFolder``; "" where it is the digest.

    Yields:
        The folder for the files, and what else the image says: "env", "workdir" and "id" may be changed.

    Raises:
        ImageError: the disk is full, or the folder cannot be written.
    """
    home = images_home()
    unique = uuid.uuid4().hex
    about: dict[str, Any] = {"env": {}, "workdir": "/", "id": f"folder:{unique}"}
    draft = home / f"{_DRAFT}{os.getpid()}-{unique[:8]}"
    for left in drafts():
        remove_tree(left)
    try:
        (draft / ROOT).mkdir(parents=True)
        yield draft / ROOT, about
        about |= {
            "version": _VERSION,
            "created": time.time(),
            "name": name,
            "recipe": recipe or digest,
            "size": _size(draft),
        }
        write_atomically(draft / ABOUT, json.dumps(about, indent=1))
        target = home / f"{re.sub(r'[^a-z0-9_.-]+', '-', name.lower())}-{digest}"
        if _read(target) is None:  # else another process was quicker, and has made the same
            remove_tree(target)
            draft.rename(target)
    except OSError as error:
        raise ImageError(
            f"no image can be made in {home} ({error.strerror}): make room, or set XDG_CACHE_HOME"
        ) from None
    finally:
        remove_tree(draft)


def remove_tree(path: Path) -> None:
    """Removes a folder of ours, folders in it that nobody may write included. No link is followed."""
    for parent, folders, _ in os.walk(path):
        for folder in folders:
            with suppress(OSError):
                if not (Path(parent) / folder).is_symlink():
                    (Path(parent) / folder).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def drafts() -> list[Path]:
    """What builders left that were killed; those that run are left alone."""
    home = images_home()
    found = home.glob(f"{_DRAFT}*-*") if home.is_dir() else ()
    return [path for path in found if not Path(f"/proc/{path.name.split('-')[1]}").exists()]


def _size(folder: Path) -> int:
    return sum((Path(parent) / name).lstat().st_size for parent, _, names in os.walk(folder) for name in names)


def unpack(stream: IO[bytes], root: Path) -> None:
    """Lays out the files of an image, as this user's or root's own, without devices and special permissions.

    Raises:
        ImageError: the stream is no tar, or an entry leads out of the folder.
        OSError: the folder cannot be written.
    """
    top = os.path.realpath(root)
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as archive:
            # Pythons before 3.11.4 know no filters, and later ones would refuse links that lead from the root.
            archive.extraction_filter = lambda entry, _: entry
            archive.extractall(root, (admitted for entry in archive for admitted in _admitted(entry, top)))
    except (tarfile.TarError, EOFError) as error:
        raise ImageError(f"the image's files cannot be read: {error}") from None


def _admitted(entry: tarfile.TarInfo, top: str) -> Iterator[tarfile.TarInfo]:
    """The entry as it is laid out, if it is; what has been laid out before is there by now."""
    name = _plain(entry.name)
    if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()) or name.startswith(_LEFT_EMPTY):
        return
    # Nothing is written through a link.
    if ".." in name.split("/") or not _inside(top, os.path.dirname(name)) or (Path(top) / name).is_symlink():  # noqa: PTH120
        raise ImageError(f"the image holds {name[:100]!r}, which leads out of it")
    linked = _plain(entry.linkname) if entry.islnk() else entry.linkname
    if entry.islnk() and (".." in linked.split("/") or not _inside(top, linked)):
        raise ImageError(f"the image holds {name[:100]!r}, a link that leads out of it")
    laid = copy.copy(entry)
    laid.name, laid.linkname = name or ".", linked
    laid.mode = (entry.mode & 0o755) | (0o700 if entry.isdir() else 0o400)
    laid.uid = laid.gid = 0
    laid.uname = laid.gname = ""
    yield laid


def _plain(name: str) -> str:
    return name.lstrip("/").removeprefix("./").strip("/") if name not in (".", "./") else ""


def _inside(top: str, name: str) -> bool:
    real = os.path.realpath(os.path.join(top, name))  # noqa: PTH118
    return real == top or real.startswith(f"{top}/")
