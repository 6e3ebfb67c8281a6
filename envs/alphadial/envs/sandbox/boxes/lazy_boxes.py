"""Boxes that are opened when the first problem needs one: most sets of problems hold no repository."""

from __future__ import annotations

import threading
from pathlib import Path

from ...closing import Closing
from ...repository import ImageSource
from ..workspace import Workspace
from . import open_boxes
from .box import Box, Boxes, BoxLimits, Image


class LazyBoxes(Closing):
    """A provider by its name; what ``open_boxes`` raises comes from the first use.

    Args:
        name: as for ``open_boxes``.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._boxes: Boxes | None = None

    @property
    def name(self) -> str:
        """See ``Boxes``."""
        return self._name

    def find(self, source: ImageSource) -> Image:
        """See ``Boxes``."""
        return self._opened().find(source)

    def tree(self, image: Image, path: str) -> Workspace:
        """See ``Boxes``."""
        return self._opened().tree(image, path)

    def open(self, image: Image, workdir: str, limits: BoxLimits | None = None, *, sockets: Path | None = None) -> Box:
        """See ``Boxes``."""
        return self._opened().open(image, workdir, limits, sockets=sockets)

    def close(self) -> None:
        """Closes the provider, where it was opened. Idempotent."""
        with self._lock:
            boxes, self._boxes = self._boxes, None
        if boxes is not None:
            boxes.close()

    def _opened(self) -> Boxes:
        with self._lock:
            if self._boxes is None:
                self._boxes = open_boxes(self._name)
            return self._boxes
