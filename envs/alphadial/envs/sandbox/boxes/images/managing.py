"""Building, listing and removing images, for those who do it on purpose: what ``alphadial images`` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ....errors import ImageError
from ....repository import ImageSource
from .bootstrap import remove_leftovers
from .contexts import DOCKERFILE, read_context
from .daemon import connect, shortened, told
from .docker_images import LABEL, RECIPE, DockerImages, Say, own_tag, silent
from .folder_images import FolderImages
from .image_folders import all_folders, drafts, find_folder, remove_tree
from .image_maker import Maker
from .own_images import OWN, recipe_digest

DOCKER = "docker"
ROOTFS = "rootfs"


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image that alphadial built."""

    box: str
    """The boxes that it is for: "docker" or "rootfs"."""
    name: str
    """One of ours, "task", or what Docker knows an exported one by."""
    reference: str
    """Its tag, or its folder."""
    bytes: int
    created: float
    """Seconds since the epoch."""
    current: bool
    """What ``find`` gives; others were made by another version, or have been made anew."""
    kept: str = ""
    """Why it could not be removed."""


def build_image(what: str, box: str = ROOTFS, base: str = "", say: Say = silent) -> ImageRow:
    """Builds an image for boxes of one kind, where it is not there yet; what an earlier run got done is used again.

    Args:
        what: one of our images, or a folder with a Dockerfile.
        box: "docker" or "rootfs".
        base: an image of Docker's that one of ours is to begin from; "" for a Debian of our own making.
        say: gets a line for each step.

    Raises:
        ImageError: it cannot be built; the message says what to do.
    """
    source = _source(what, base)
    if box == ROOTFS:
        folders = FolderImages(say)
        image = folders.make(what, base) if source is None else folders.find(source)
        return next(row for row in _in_folders() if row.reference == image.reference)
    if box != DOCKER:
        raise ImageError(f"no boxes are named {box!r}; choose from: {ROOTFS}, {DOCKER}")
    with closing(connect()) as client:
        images = DockerImages(client, say)
        image = Maker(images, base).make(what) if source is None else images.find(source)
        return next(row for row in _in_docker(client) if row.reference == image.reference)


def _source(what: str, base: str) -> ImageSource | None:
    if what in OWN:
        return None
    folder = Path(what)
    if not (folder / DOCKERFILE).is_file():
        raise ImageError(f"{what!r} is neither a folder with a Dockerfile nor an image of ours ({', '.join(OWN)})")
    if base:
        raise ImageError(f"{what} says itself what it begins from: leave out --base")
    return ImageSource(context=read_context(folder))


def list_images(boxes: Sequence[str] = (ROOTFS, DOCKER)) -> list[ImageRow]:
    """Every image that alphadial built, by kind of box and then the oldest first.

    Raises:
        ImageError: no Docker daemon answers, where "docker" is asked for.
    """
    rows = _in_folders() if ROOTFS in boxes else []
    if DOCKER in boxes:
        with closing(connect()) as client:
            rows += _in_docker(client)
    return rows


def _in_folders() -> list[ImageRow]:
    rows = []
    for each in all_folders():
        current = each.name not in OWN or find_folder(each.name, recipe_digest(each.name)) == each
        rows.append(ImageRow(ROOTFS, each.name, str(each.path), each.size, each.created, current))
    return rows


def _in_docker(client: Any) -> list[ImageRow]:
    with told("list images"):
        entries = [entry for entry in client.images(filters={"label": LABEL}) if own_tag(entry)]
    newest: dict[str, tuple[int, str]] = {}
    for entry in entries:
        name = entry["Labels"][LABEL]
        if name in OWN and entry["Labels"].get(RECIPE) == recipe_digest(name):
            newest[name] = max(newest.get(name, (0, "")), (int(entry["Created"]), own_tag(entry)))
    rows = []
    for entry in sorted(entries, key=lambda entry: int(entry["Created"])):
        name, tag = entry["Labels"][LABEL], own_tag(entry)
        current = name not in OWN or newest.get(name, (0, ""))[1] == tag
        rows.append(ImageRow(DOCKER, name, tag, int(entry["Size"]), float(entry["Created"]), current))
    return rows


def clean_images(
    boxes: Sequence[str] = (ROOTFS, DOCKER), *, everything: bool = False, only_tell: bool = False
) -> list[ImageRow]:
    """Removes images that alphadial built and no longer finds, and what builders left that were killed.

    Only what we labelled and tagged, or what lies in our folder with our file in it, is ever removed.

    Args:
        boxes: whose images.
        everything: those in use by ``find`` too.
        only_tell: removes nothing.

    Returns:
        What was removed, or would be; with the reason in ``kept`` what was not.

    Raises:
        ImageError: no Docker daemon answers, where "docker" is asked for.
    """
    rows = [row for row in list_images(boxes) if everything or not row.current]
    if only_tell:
        return rows
    if ROOTFS in boxes:
        for folder in drafts():
            remove_tree(folder)
        remove_leftovers()
    return [*_removed(rows)]


def _removed(rows: Sequence[ImageRow]) -> Iterator[ImageRow]:
    for row in rows:
        if row.box == ROOTFS:
            remove_tree(Path(row.reference))
            yield row
    theirs = [row for row in rows if row.box == DOCKER]
    if theirs:
        with closing(connect()) as client:
            # The youngest first: an image goes only after those that are built upon it.
            for row in reversed(theirs):
                yield replace(row, kept=_untag(client, row))


def _untag(client: Any, row: ImageRow) -> str:
    """Removes an image by our tags alone; others that it has stay. Gives the reason where it cannot be removed."""
    from docker.errors import APIError, ImageNotFound

    with told(f"remove the image {row.reference}"):
        try:
            tags: list[str] = client.inspect_image(row.reference)["RepoTags"] or []
            for tag in {row.reference, f"alphadial/{row.name}:latest"} & set(tags):
                client.remove_image(tag)
        except ImageNotFound:
            return ""  # somebody was quicker
        except APIError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            return shortened(str(error.explanation))
    return ""
