"""Boxes: machines for attempts on repositories, and for grading them."""

from __future__ import annotations

from ...errors import SandboxUnavailableError
from ...forking import imported
from .box import Box, Boxes, BoxLimits, Image, User

__all__ = ["BOXES", "Box", "BoxLimits", "Boxes", "Image", "User", "check_box", "open_boxes"]

BOXES = {
    "rootfs": "alphadial.envs.sandbox.boxes.rootfs_boxes:RootfsBoxes",
    "docker": "alphadial.envs.sandbox.boxes.docker_boxes:DockerBoxes",
}
"""Names to classes."""
_NO_SDK = "the SDK of Docker is not installed; run: pip install 'alphadial[repositories]'"


def open_boxes(name: str = "rootfs") -> Boxes:
    """Opens a provider of boxes by name, after it has shown that it works here. Use it as a context manager.

    Args:
        name: one of ``BOXES``. "docker:RUNTIME" is "docker" with another runtime of its daemon, such as runsc (gVisor).

    Raises:
        SandboxUnavailableError: an unknown name, or one that cannot work on this machine; never falls back to another.
    """
    check_box(name)
    provider, _, runtime = name.partition(":")
    module, _, attribute = BOXES[provider].partition(":")
    try:
        make = getattr(imported(module), attribute)
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition(".")[0] != "docker":
            raise
        raise SandboxUnavailableError(_NO_SDK) from None
    boxes: Boxes = make(runtime) if runtime else make()
    return boxes


def check_box(name: str) -> None:
    """Refuses a name that ``open_boxes`` does not know, whether or not boxes are needed.

    Raises:
        SandboxUnavailableError: there are no such boxes.
    """
    provider, colon, _ = name.partition(":")
    if provider not in BOXES or (colon and provider != "docker"):
        raise SandboxUnavailableError(f"no boxes are named {name!r}; choose from: {', '.join(BOXES)}")
