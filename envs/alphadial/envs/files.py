"""A file of a tree: what workspaces, repositories and the contexts of images are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """A regular file, or a symbolic link."""

    data: bytes
    """The content; the target of a link."""
    executable: bool = False
    link: bool = False
    """A symbolic link. Nothing on the host ever follows it."""
