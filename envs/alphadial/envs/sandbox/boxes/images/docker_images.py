"""Images in a Docker daemon: found by name, or built from a Dockerfile and found again by its content."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....errors import ImageError
from ....files import File
from ....repository import ImageSource
from ....types import MIB
from ..box import Image
from .contexts import DOCKERFILE, as_tar, checked, digest, kept
from .daemon import FULL, FULL_HINT, shortened, told
from .dockerfiles import bases, parse_dockerfile
from .own_images import OWN, recipe_digest

LABEL = "alphadial.image"
"""The label of every image of ours with its name, such as "repository", or "task"."""
RECIPE = "alphadial.recipe"
"""The label of every image of ours with a digest of what it was built from."""
UPON = "alphadial.upon"
"""The label of every image of ours with the id of the image that it was built on."""
TASK = "task"
"""The name of images that are built from somebody's Dockerfile."""
_BUILD_S = 1_800.0
_BUILD_MEMORY = 4096 * MIB
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_OF_DOCKER = (" --->", "Removing intermediate container")
_NO_NETWORK = " (steps have no network here: the daemon runs without a bridge)"
_LAST_LINES = 3
"""So many lines of what a step said last are told where it fails."""

Say = Callable[[str], None]

_one_at_a_time = threading.Lock()


def silent(text: str) -> None:
    """Says nothing of what is done."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is built from, and what it is called then."""

    name: str
    digest: str
    """A digest of everything that makes it what it is: the second half of its tag."""
    context: Mapping[str, File]
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Values of the Dockerfile's ARG."""
    recipe: str = ""
    """Digest of what alphadial itself says of it, whatever base it is built on; "" where that is all there is."""
    upon: str = ""
    """Id of the image that it is built on, where it is one of ours."""

    @property
    def tag(self) -> str:
        """Content-addressed: equal tags are equal recipes."""
        return f"alphadial/{self.name}:{self.digest}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels by which it is known to be ours."""
        return {LABEL: self.name, RECIPE: self.recipe or self.digest, UPON: self.upon}


class DockerImages:
    """The images of one daemon. Thread-safe: two threads that want one image build it once.

    Args:
        client: a ``docker.APIClient``.
        say: gets a line for each step.
    """

    def __init__(self, client: Any, say: Say = silent) -> None:
        self.client = client
        self.say = say

    def find(self, source: ImageSource) -> Image:
        """The image that a source names or describes; it is pulled or built first where it has to be.

        Raises:
            ImageError: it is not there, or cannot be built.
        """
        if not source.context:
            return self.named(source.name)
        context = checked(kept(source.context))
        ours = [self.named(name).id for name in own_bases(context)]
        return self.build(Recipe(TASK, digest(context, *ours), context))

    def named(self, name: str) -> Image:
        """An image by name: one of ours, or whatever Docker knows by it; pulled where it is not here.

        Raises:
            ImageError: it is not here, and no registry gives it.
        """
        if ours := own_name(name):
            return self._own(ours)
        found = self.tagged(name)
        if found is None:
            self.say(f"pulling {name}")
            with told(f"use the image {name}, which is not here: docker pull, load or tag it, or build one"):
                self._pull(name)
            found = self.tagged(name)
        if found is None:
            raise ImageError(f"there is no image {name} for this machine: docker pull, load or tag it")
        return found

    def _pull(self, name: str) -> None:
        for event in self.client.pull(name, stream=True, decode=True):
            if "error" in event:
                raise ImageError(f"there is no image {name} here, and none to pull: {shortened(str(event['error']))}")

    def _own(self, name: str) -> Image:
        if (found := self._newest(name)) is None:
            raise ImageError(
                f"Docker has no image {name} of this alphadial: alphadial images build {name} --box docker"
            )
        return found

    def upon(self, base: Image, name: str) -> Image | None:
        """One of our images as this alphadial makes it upon a base, if it is here."""
        return self._newest(name, f"{UPON}={base.id}")

    def _newest(self, name: str, *labels: str) -> Image | None:
        marked = {"label": [f"{LABEL}={name}", f"{RECIPE}={recipe_digest(name)}", *labels]}
        with told("list images"):
            found = [entry for entry in self.client.images(filters=marked) if own_tag(entry)]
        newest = max(found, key=lambda entry: int(entry["Created"]), default=None)
        return None if newest is None else self.tagged(own_tag(newest))

    def tagged(self, reference: str) -> Image | None:
        """An image that is here, by its tag or id."""
        from docker.errors import ImageNotFound

        with told(f"look for the image {reference}"):
            try:
                return _as_image(self.client.inspect_image(reference), reference)
            except ImageNotFound:
                return None

    def build(self, recipe: Recipe) -> Image:
        """The image of a recipe, built where it is not here yet.

        Raises:
            ImageError: it cannot be built; the message tells the step and what it said.
        """
        if (found := self.tagged(recipe.tag)) is not None:
            return found
        with _one_at_a_time:
            if (found := self.tagged(recipe.tag)) is not None:
                return found
            for base in _bases(recipe.context, recipe.arguments):
                found = self.named(base)
                if ours := own_name(base):
                    with told(f"tag the image {ours}"):
                        self.client.tag(found.reference, f"alphadial/{ours}", "latest")  # as the Dockerfile calls it
            self._run(recipe)
            if (found := self.tagged(recipe.tag)) is None:
                raise ImageError(f"the image {recipe.tag} was removed while it was built: run it again")
            return found

    def _run(self, recipe: Recipe) -> None:
        deadline = time.monotonic() + _BUILD_S
        with told(f"build the image {recipe.tag}"), as_tar(recipe.context) as stream:
            # Without a bridge a step that asks for no network in particular cannot even start.
            network = None if self.client.networks(names=["bridge"]) else "none"
            events = self.client.build(
                fileobj=stream,
                custom_context=True,
                tag=recipe.tag,
                labels=recipe.labels,
                buildargs=dict(recipe.arguments),
                network_mode=network,
                container_limits={"memory": _BUILD_MEMORY, "memswap": _BUILD_MEMORY},
                rm=True,
                forcerm=True,
                decode=True,
            )
            _follow(events, deadline, self.say, networked=network is None)


def _follow(events: Iterator[dict[str, Any]], deadline: float, say: Say, *, networked: bool) -> None:
    step, lines = "its Dockerfile", deque[str](maxlen=_LAST_LINES)
    for event in events:
        for line in _COLOURS.sub("", str(event.get("stream", ""))).splitlines():
            if line.startswith("Step "):
                step = shortened(line)
                lines.clear()
                say(step)
            elif line.strip() and not line.startswith(_OF_DOCKER):
                lines.append(line)
        if "error" in event:
            said = "; ".join(filter(None, [shortened("; ".join(lines)), shortened(str(event["error"]))]))
            said += FULL_HINT if FULL in said else ""
            without = "" if networked or ": RUN " not in step else _NO_NETWORK
            raise ImageError(f"the image cannot be built, {step} failed: {said}{without}")
        if time.monotonic() > deadline:
            raise ImageError(f"the image cannot be built: {step} goes on after {_BUILD_S / 60:g} minutes")


def own_name(name: str) -> str:
    """The name of one of our images ("repository"), as it may be written; "" of any other."""
    short = name.removeprefix("alphadial/").removesuffix(":latest")
    return short if short in OWN else ""


def own_bases(context: Mapping[str, File]) -> list[str]:
    """The names of our images that a Dockerfile begins from."""
    return [name for base in _bases(context, {}) if (name := own_name(base))]


def _bases(context: Mapping[str, File], arguments: Mapping[str, str]) -> list[str]:
    return bases(parse_dockerfile(context[DOCKERFILE].data), arguments)


def own_tag(entry: Mapping[str, Any]) -> str:
    """The tag that we gave an image of a listing; "" of one that is not ours, such as one that was built upon ours."""
    ours = f"alphadial/{(entry.get('Labels') or {}).get(LABEL)}:"
    return next((tag for tag in entry.get("RepoTags") or [] if tag.startswith(ours) and tag != f"{ours}latest"), "")


def _as_image(said: Mapping[str, Any], reference: str) -> Image:
    config = said.get("Config") or {}
    env = dict(entry.partition("=")[::2] for entry in config.get("Env") or [])
    return Image(id=said["Id"], reference=reference, env=env, workdir=config.get("WorkingDir") or "/")
