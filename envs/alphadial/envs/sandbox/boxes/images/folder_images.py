"""Images of boxes that need no Docker: folders that were made here, or exported from Docker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from tempfile import TemporaryFile
from typing import Any

from ....errors import ImageError
from ....repository import ImageSource
from ..box import Image
from .bootstrap import ENVIRONMENT, debian
from .contexts import checked, digest, kept
from .daemon import connect, told
from .docker_images import TASK, DockerImages, Say, own_bases, own_name, silent
from .image_folders import ImageFolder, find_folder, images_home, new_folder, unpack
from .image_maker import Maker
from .own_images import REPOSITORY, SUITE, recipe_digest, requirements
from .wheels import install_wheels

_PYTHON = "3.11"
"""The Python of the Debian that is made here."""
_PACKAGES = f"usr/local/lib/python{_PYTHON}/dist-packages"
_AGENT = {"passwd": "agent:x:1000:1000:agent:/tmp:/bin/sh\n", "group": "agent:x:1000:\n"}
_CHUNK = 2**20
_one_at_a_time = threading.Lock()


class FolderImages:
    """The image folders of this user. Thread-safe: two threads that want one image make it once.

    Args:
        say: gets a line for each step.
    """

    def __init__(self, say: Say = silent) -> None:
        self._say = say

    def find(self, source: ImageSource) -> Image:
        """The image that a source names or describes; built by Docker and exported first where it has to be.

        Raises:
            ImageError: it is not there, or cannot be built.
        """
        if source.context:
            context = checked(kept(source.context))
            key = digest(context, *(recipe_digest(base) for base in own_bases(context)))
            return self._exported(TASK, key, lambda images: images.find(source)).as_image()
        if ours := own_name(source.name):
            return self._own(ours)
        return self._exported(source.name, digest({}, source.name), lambda images: images.named(source.name)).as_image()

    def has(self, name: str) -> bool:
        """One of our images is here, as this version makes it."""
        return find_folder(name, recipe_digest(name)) is not None

    def _own(self, name: str) -> Image:
        if (found := find_folder(name, recipe_digest(name))) is None:
            raise ImageError(f"no folder holds the image {name} of this alphadial: alphadial images build {name}")
        return found.as_image()

    def make(self, name: str, base: str = "") -> Image:
        """Makes one of our images where it is not there yet: here, or where a base is named in Docker.

        Raises:
            ImageError: it cannot be made, or none but Docker can use it.
        """
        if name != REPOSITORY:
            raise ImageError(f"the image {name} is one for Docker: alphadial images build {name} --box docker")
        recipe = recipe_digest(name)
        if base:
            key = digest({}, recipe, base)
            return self._exported(name, key, lambda images: Maker(images, base).make(name), recipe).as_image()
        with _one_at_a_time:
            if find_folder(name, recipe) is None:
                self._make_repository(recipe)
        return self._own(name)

    def _make_repository(self, recipe: str) -> None:
        wanted = requirements(REPOSITORY)
        with new_folder(REPOSITORY, digest({}, recipe, SUITE), recipe) as (root, about):
            with debian(images_home(), self._say) as tar:
                self._say("unpacking")
                unpack(tar, root)
            self._say(f"installing {' '.join(wanted)}")
            install_wheels(wanted, _PYTHON, root / _PACKAGES)
            for name, line in _AGENT.items():
                with (root / "etc" / name).open("a") as file:
                    file.write(line)
            about |= {"env": dict(ENVIRONMENT), "workdir": "/app"}

    def _exported(self, name: str, key: str, find: Callable[[DockerImages], Image], recipe: str = "") -> ImageFolder:
        if (found := find_folder(name, recipe or key, key)) is not None:
            return found
        with _one_at_a_time:
            if (found := find_folder(name, recipe or key, key)) is not None:
                return found
            try:
                client = connect()
            except ImageError as error:
                raise ImageError(f"no folder holds the image {name}, and Docker is not there for it: {error}") from None
            with closing(client):
                image = find(DockerImages(client, self._say))
                self._say(f"exporting {image.reference}")
                with new_folder(name, key, recipe) as (root, about), TemporaryFile(dir=images_home()) as tar:
                    _export(client, image, tar)
                    unpack(tar, root)
                    about |= {"env": dict(image.env), "workdir": image.workdir, "id": image.id}
            if (found := find_folder(name, recipe or key, key)) is None:
                raise ImageError(f"the image {name} was removed while it was exported: run it again")
            return found


def _export(client: Any, image: Image, tar: Any) -> None:
    with told(f"export the image {image.reference}"):
        # It is never started, so what it would run need not be there.
        made = client.create_container(image.id, ["none"], network_disabled=True)["Id"]
        try:
            for chunk in client.export(made, chunk_size=_CHUNK):
                tar.write(chunk)
        finally:
            client.remove_container(made, force=True, v=True)
    tar.seek(0)
