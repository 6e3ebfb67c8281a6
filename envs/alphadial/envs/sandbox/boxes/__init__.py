"""Boxes: machines for attempts on repositories, and for grading them."""

from __future__ import annotations

from ...errors import SandboxUnavailableError
from ...forking import imported
from .box import Box, Boxes, BoxLimits, Image, User

__all__ = ["BOXES", "Box", "BoxLimits", "Boxes", "Image", "User", "open_boxes"]

BOXES = {
    "rootfs": "alphadial.envs.sandbox.boxes.rootfs_boxes:RootfsBoxes",
    "docker": "alphadial.envs.sandbox.boxes.docker_boxes:DockerBoxes",
}
"""Names to classes."""


def open_boxes(name: str = "rootfs") -> Boxes:
    """Opens a provider of boxes by name, after it has shown that it works here. Use it as a context manager.

    Raises:
        SandboxUnavailableError: an unknown name, or one that cannot work on this machine; never falls back to another.
    """
    if name not in BOXES:
        raise SandboxUnavailableError(f"no boxes are named {name!r}; choose from: {', '.join(BOXES)}")
    module, _, attribute = BOXES[name].partition(":")
    boxes: Boxes = getattr(imported(module), attribute)()
    return boxes
