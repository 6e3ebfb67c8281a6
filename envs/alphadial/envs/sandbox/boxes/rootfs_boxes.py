"""Boxes without Docker: an image as a folder, under bubblewrap, as root or as an ordinary user."""

from __future__ import annotations

import logging
import threading
import weakref
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from ...closing import Closing
from ...errors import ImageError, SandboxFailedError
from ...forking import OfOneProcess, in_child, socket_pair
from ...repository import ImageSource
from ...types import MIB, Limits
from .. import layout, seccomp
from ..bubblewrap import Bubblewrap
from ..guest.box_wire import IMAGE
from ..slot import INIT, Own
from ..workspace import Workspace
from . import rootfs_host, rootfs_trees
from .box import FOLDERS, SOCKETS, BoxLimits, Image, absolute
from .images import REPOSITORY, FolderImages
from .images.image_folders import ROOT
from .rootfs_box import RootfsBox
from .rootfs_mounts import Shown

_KEEPER = Own(48 * MIB, INIT + 1)
"""What a box needs beside its commands: memory for the keeper, and processes for it and the first of a command's
namespace."""
_SHARED = "/logs"
"""Verifiers write their reward there, and with one uid for all whatever they may write to any command may."""
_NO_PLACES = ("/proc", "/dev", "/sys", SOCKETS, *FOLDERS)
"""Paths that no box can have as its working directory, nor any folder below them."""


class RootfsBoxes(OfOneProcess, Closing):
    """Implements ``Boxes``.

    Without a cgroup the files of a box, which lie in memory, are limited by themselves and not together with what its
    commands hold, and commands may use every CPU.

    Raises:
        SandboxUnavailableError: bubblewrap cannot work on this machine; the message names the command that mends it.
    """

    name = "rootfs"

    def __init__(self) -> None:
        self._sandbox = Bubblewrap()
        self._begin_process()
        in_child(self, RootfsBoxes._begin_process)

    def _begin_process(self) -> None:
        """What every process has of its own; a forked child leaves the parent's boxes alone."""
        self._lock = threading.Lock()
        self._boxes: weakref.WeakSet[RootfsBox] = weakref.WeakSet()

    def find(self, source: ImageSource) -> Image:
        """See ``Boxes``."""
        images = FolderImages()
        if source == ImageSource(REPOSITORY) and not images.has(REPOSITORY):
            _say_host()
        elif source != ImageSource(rootfs_host.NAME):
            return images.find(source)
        return rootfs_host.image(self._sandbox.python)

    def tree(self, image: Image, path: str) -> Workspace:
        """See ``Boxes``."""
        try:
            if image.reference != rootfs_host.NAME:
                return rootfs_trees.read(_root(image), absolute(path))
            with self.open(image, "/tmp") as box:
                return box.tree(path)
        except (OSError, SandboxFailedError) as error:
            raise ImageError(f"the image {image.reference} has no readable folder {path}: {error}") from None

    def open(
        self, image: Image, workdir: str, limits: BoxLimits | None = None, *, sockets: Path | None = None
    ) -> RootfsBox:
        """See ``Boxes``."""
        limits = limits or BoxLimits()
        workdir = absolute(workdir)
        if workdir == "/" or f"{workdir}/".startswith(tuple(f"{place}/" for place in _NO_PLACES)):
            raise SandboxFailedError(f"no box can work in {workdir}")
        bound = Limits(memory_bytes=limits.memory_bytes, processes=limits.processes)
        with ExitStack() as stack:
            ours, theirs = socket_pair()
            invocation = layout.for_keeper(self._sandbox.executable, self._sandbox.python)
            shown = Shown(invocation, self._sandbox.protection.own_uid)
            stack.callback(shown.close)
            stack.enter_context(theirs)
            failed = stack.enter_context(ExitStack())
            failed.callback(ours.close)
            failed.callback(invocation.close)
            self._show(image, shown)
            if sockets is not None:
                shown.show(sockets, SOCKETS)
            control = str(theirs.fileno())
            invocation.add("--", *layout.guest_command(self._sandbox.python.executable, "keeper", [control]))
            passed = [theirs.fileno(), *(held.fileno() for _, held in shown.held)]
            slot, contained = self._sandbox.begin(invocation, bound, _KEEPER, passed, limits.cpus)
            failed.callback(slot.kill)
            theirs.close()
            box = RootfsBox(self._sandbox, ours, slot, contained, image, limits, self._settings(shown, workdir, limits))
            failed.pop_all()
        with self._lock:
            self._boxes.add(box)
        return box

    def close(self) -> None:
        """See ``Boxes``."""
        with self._lock:
            boxes = list(self._boxes)
        for box in boxes:
            box.close()
        self._sandbox.close()

    def _settings(self, shown: Shown, workdir: str, limits: BoxLimits) -> dict[str, object]:
        """The settings that ``guest.keeper`` is started with, as plain values."""
        return {
            "isolated": True,
            "devices": layout.DEVICES,
            "seccomp": seccomp.deny_list().hex() if seccomp.supported() else "",
            "listen": None,
            "rlimits": [],
            "files_bytes": limits.files_bytes,
            "names": None,
            "hidden": layout.hidden(),
            "workdir": workdir,
            "sealed": [folder for folder in FOLDERS if folder != _SHARED],
            "shared": [_SHARED],
            "shown": [(at, held.fileno()) for at, held in shown.held],
        }

    def _show(self, image: Image, shown: Shown) -> None:
        if image.reference == rootfs_host.NAME:
            rootfs_host.show(shown, self._sandbox.python)
            return
        shown.show(_root(image), IMAGE)


def _root(image: Image) -> Path:
    folder = Path(image.reference) / ROOT
    if not folder.is_dir():
        raise ImageError(f"the image {image.reference} is gone: make it again")
    return folder


@cache
def _say_host() -> None:
    # Without a handler of the user's, logging shows the line on stderr as it is.
    logging.getLogger(__name__).warning(
        "rootfs: the image repository was not built (alphadial images build), so this machine's own system serves"
    )
