"""Makes the images that come with alphadial, in Docker: each step is found again where an earlier run has done it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ....errors import ImageError
from ....files import File
from ..box import Image
from .bootstrap import ENVIRONMENT, debian
from .contexts import digest
from .daemon import shortened, told
from .docker_images import DockerImages, Recipe
from .own_images import (
    BASE,
    JUDGE,
    REPOSITORY,
    SUITE,
    VLLM,
    VLLM_IMAGE,
    checkout,
    context_of,
    recipe_digest,
    requirements,
    with_wheels,
)
from .wheels import fetch_wheels, project_wheels


class Maker:
    """Makes our images in one daemon.

    Args:
        images: of that daemon.
        base: an image of somebody's to begin from; "" for a Debian of our own making, or vLLM's image.
    """

    def __init__(self, images: DockerImages, base: str = "") -> None:
        self._images = images
        self._client = images.client
        self._say = images.say
        self._base = base

    def make(self, name: str) -> Image:
        """The image, made where it is not there yet, and called ``alphadial/NAME:latest`` too.

        Raises:
            ImageError: it cannot be made; what was made before is kept.
        """
        image = self._made(name)
        with told(f"tag the image {name}"):
            self._client.tag(image.reference, f"alphadial/{name}", "latest")
        return image

    def _made(self, name: str) -> Image:
        if name == VLLM:
            base = self._images.named(self._base or VLLM_IMAGE)
            return self._with_wheels(name, base)
        if name != BASE:
            return self._with_wheels(name, self.make(BASE))
        context = context_of(BASE)
        if self._base:
            base = self._images.named(self._base)
            return self._images.build(self._recipe(BASE, context, base))
        return self._bootstrapped(Recipe(BASE, digest(context, SUITE), context, recipe=recipe_digest(BASE)))

    def _bootstrapped(self, recipe: Recipe) -> Image:
        if (found := self._images.tagged(recipe.tag)) is not None:
            return found
        changes = [*(f"ENV {key}={value}" for key, value in ENVIRONMENT.items())]
        changes += [f"LABEL {key}={value}" for key, value in recipe.labels.items()]
        repository, _, tag = recipe.tag.partition(":")
        try:
            with debian(Path(tempfile.gettempdir()), self._say) as tar:
                self._say("handing it to Docker")
                with told(f"import the image {recipe.tag}"):
                    said = self._client.import_image(src=tar, repository=repository, tag=tag, changes=changes)
        except OSError as error:
            raise ImageError(f"cannot make an image ({error.strerror}): make room in {tempfile.gettempdir()}") from None
        if (found := self._images.tagged(recipe.tag)) is None:
            raise ImageError(f"Docker did not take the image {recipe.tag}: {shortened(str(said))}")
        return found

    def _with_wheels(self, name: str, base: Image) -> Image:
        if name == REPOSITORY and (found := self._images.upon(base, name)) is not None:
            return found
        self._say(f"fetching wheels for {name}")
        python = self._python(base)
        if name == REPOSITORY:
            wheels = fetch_wheels(requirements(name), python)
        else:
            wheels = project_wheels(checkout(), "repositories" if name == JUDGE else "", python)
        context = with_wheels(name, wheels)
        return self._images.build(self._recipe(name, context, base))

    def _recipe(self, name: str, context: Mapping[str, File], base: Image) -> Recipe:
        arguments = {"BASE": base.reference}
        return Recipe(name, digest(context, base.id), context, arguments, recipe_digest(name), base.id)

    def _python(self, base: Image) -> str:
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        with told(f"ask {base.reference} which Python it has"):
            made = self._client.create_container(
                base.reference, ["-c", code], entrypoint=["python3"], network_disabled=True
            )["Id"]
            try:
                self._client.start(made)
                status = self._client.wait(made)["StatusCode"]
                said = self._client.logs(made).decode(errors="replace").strip()
            finally:
                self._client.remove_container(made, force=True)
        if status:
            raise ImageError(f"the base {base.reference} has no python3 that works: {shortened(said)}")
        return str(said)
