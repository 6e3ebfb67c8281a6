"""Folders of the host that boxes see, also where the uid that a box runs under cannot reach them by their paths."""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import SandboxFailedError
from ...forking import OwnFolder
from ..interpreter import open_to_all
from ..layout import Invocation

_OPEN_TREE, _MOUNT_SETATTR = 428, 442
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_CLONE, _CLOEXEC = 1, os.O_CLOEXEC
_READ_ONLY_NOSUID_NODEV = struct.pack("QQQQ", 7, 0, 0, 0)
"""The ``struct mount_attr`` of mount_setattr(2) that makes a mount read-only, without set-uid programs and devices."""
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Shown:
    """What one box sees of the host. ``close`` it after the start."""

    invocation: Invocation
    own_uid: bool
    """Whether the box runs under a uid of its own."""
    held: list[tuple[str, OwnFolder]] = field(default_factory=list)
    """Pairs of a path in the box and what the keeper mounts there, as a descriptor of open_tree(2)."""

    def show(self, source: Path, at: str) -> None:
        """Shows the box a file or a folder of the host at a path, read-only.

        Raises:
            SandboxFailedError: it is gone, or the kernel refused.
        """
        try:
            reachable = not self.own_uid or open_to_all(source)
        except OSError as error:
            raise SandboxFailedError(f"{source} cannot be shown to a box: {error}") from None
        if reachable:
            self.invocation.add("--ro-bind", str(source), at)
        elif source.is_dir():
            self.invocation.add("--dir", at)
            self.held.append((at, _opened(source)))
        else:
            self.invocation.add("--file", self.invocation.data(b""), at)  # one that is bound cannot be mounted on
            self.held.append((at, _opened(source)))

    def close(self) -> None:
        """Closes the descriptors on our side."""
        for _, held in self.held:
            held.close()


def _opened(source: Path) -> OwnFolder:
    """A mount that is nowhere yet: whoever has the descriptor can put it into namespaces of its own."""
    attributes = _READ_ONLY_NOSUID_NODEV
    try:
        tree = OwnFolder(lambda: _call(_OPEN_TREE, _AT_FDCWD, os.fsencode(source), _CLONE | _CLOEXEC))
        _call(_MOUNT_SETATTR, tree.fileno(), b"", _AT_EMPTY_PATH, attributes, len(attributes))
    except OSError as error:
        raise SandboxFailedError(
            f"{source} cannot be shown to a box ({error}): move it to where any user can read it"
        ) from None
    return tree


def _call(number: int, *arguments: int | bytes) -> int:
    result: int = _libc.syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
