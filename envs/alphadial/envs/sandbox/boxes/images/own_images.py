"""The images that come with alphadial: what each is built from, as the top folder ``docker`` says."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ....errors import ImageError
from ....files import File
from .contexts import digest, read_context

BASE = "base"
REPOSITORY = "repository"
JUDGE = "judge"
VLLM = "vllm"
OWN = {
    BASE: "Debian's Python with git and patch: what the others begin from",
    REPOSITORY: "the machine of repository tasks: base with pytest",
    JUDGE: "alphadial itself with its sandbox",
    VLLM: "a vLLM server with alphadial's plugin, upon an image of vLLM's",
}
"""Name to what it is for."""
VLLM_IMAGE = "vllm/vllm-openai:v0.32.0"
SUITE = "bookworm"
"""Debian's, where no base is named."""
_INSTALLED = Path(__file__).parent / "docker"
"""The folder where a wheel of alphadial has what a checkout has in its top folder."""
_CHECKOUT = Path(__file__).parents[6]


def context_of(name: str) -> dict[str, File]:
    """The folder that an image of ours is built from, without wheels.

    Raises:
        ImageError: there is no such image.
    """
    if name not in OWN:
        raise ImageError(f"no image of ours is named {name!r}; choose from: {', '.join(OWN)}")
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT / "docker"
    return read_context(folder / name)


def packages() -> list[str]:
    """Debian's packages of the base image."""
    return context_of(BASE)["packages.txt"].data.decode().split()


def requirements(name: str) -> list[str]:
    """What pip installs in an image: in versions that this environment has, so that both sides agree.

    Raises:
        ImageError: this environment lacks it.
    """
    if name != REPOSITORY:
        return []
    try:
        return [f"pytest=={version('pytest')}"]
    except PackageNotFoundError:
        raise ImageError(
            "the image gets the pytest of this Python, which has none: pip install 'alphadial[repositories]'"
        ) from None


def checkout() -> Path:
    """The folder of alphadial's sources, which images with alphadial itself are built from.

    Raises:
        ImageError: alphadial was installed from a wheel.
    """
    if not (_CHECKOUT / "pyproject.toml").is_file() or _INSTALLED.is_dir():
        raise ImageError("images with alphadial itself are built in a checkout of it: clone it, and run there")
    return _CHECKOUT


def recipe_digest(name: str) -> str:
    """Tells versions of what alphadial says of an image apart, whatever base it is built on."""
    below = [recipe_digest(BASE)] if name in (REPOSITORY, JUDGE) else []
    return digest(context_of(name), *requirements(name), *below)


def with_wheels(name: str, wheels: Mapping[str, bytes]) -> dict[str, File]:
    """The folder that an image is built from, with wheels beside its Dockerfile."""
    return {**context_of(name), **{f"wheels/{file}": File(data) for file, data in wheels.items()}}
