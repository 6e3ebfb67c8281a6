"""A file of a tree: what workspaces, repositories and the contexts of images are made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class File:
    """A regular file, or a symbolic link."""

    data: bytes
    """The content; the target of a link."""
    executable: bool = False
    link: bool = False
    """A symbolic link. Nothing on the host ever follows it."""

    @cached_property
    def sha256(self) -> str:
        """Hash of ``data`` in hexadecimal, found out once: trees share the files in which they do not differ."""
        return hashlib.sha256(self.data).hexdigest()
