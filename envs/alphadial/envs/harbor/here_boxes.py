"""Boxes within a container that is thrown away afterwards: they take turns at the same folders.

What keeps a candidate from the grader is its user, who can write nowhere but in its working directory and in temporary
folders, and whose processes all end with its command. Nothing here keeps it from a network: the container has none.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from alphadial.envs.errors import ImageError, SandboxFailedError
from alphadial.envs.files import File
from alphadial.envs.harbor.here_commands import UID, adopt_orphans, run_here
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes.box import BoxLimits, Image, User
from alphadial.envs.sandbox.boxes.tar_trees import read_folder
from alphadial.envs.sandbox.workspace import Workspace
from alphadial.envs.types import Limits, RunResult

HERE = Image("here", "this machine")


class HereBoxes:
    """Boxes of this machine, which one thread uses."""

    name = "here"

    def __init__(self) -> None:
        self._shown: HereBox | None = None
        self._places: set[str] = set()
        """Folders that boxes have had."""
        adopt_orphans()

    def find(self, source: ImageSource) -> Image:
        """Gives the machine that it runs on, whatever is asked for."""
        return HERE

    def tree(self, image: Image, path: str) -> Workspace:
        """See ``Boxes.tree``."""
        packed = subprocess.run(["tar", "-C", path, "-cf", "-", "."], capture_output=True, check=False)
        if packed.returncode:
            raise ImageError(f"there is no folder {path}")
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
            return read_folder(tar)

    def open(
        self, image: Image, workdir: str, limits: BoxLimits | None = None, *, sockets: Path | None = None
    ) -> HereBox:
        """See ``Boxes.open``. The container has limits of its own."""
        return HereBox(self, workdir)

    def show(self, box: HereBox) -> None:
        """Lays a box's folders out in their places; those of the one before are gone, but for what was put in them."""
        if self._shown is box:
            return
        self._places |= box.places.keys()
        self.hide()  # what the container has there of its own, too
        for place, (workspace, uid) in box.places.items():
            _lay_out(Path(place), workspace, uid)
        self._shown = box

    def hide(self) -> None:
        """Takes the folders of the box that is shown away."""
        for place in self._places:
            shutil.rmtree(place, ignore_errors=True)
        self._shown = None

    def close(self) -> None:
        """See ``Boxes.close``."""
        self.hide()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HereBox:
    """A box; see ``Box``. What commands change lasts until a command of another box runs."""

    def __init__(self, boxes: HereBoxes, workdir: str) -> None:
        self.alive = True
        self.places: dict[str, tuple[Workspace, int]] = {workdir: (Workspace(), UID)}
        """Each folder that is its own, what was put there, and whose it is."""
        self._boxes = boxes
        self._workdir = workdir

    def exec(
        self,
        argv: Sequence[str],
        limits: Limits,
        *,
        stdin: bytes = b"",
        user: User = User.AGENT,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
    ) -> RunResult:
        """See ``Box.exec``. There are no commands of root's: what needs some is not exported."""
        if user is User.ROOT:
            raise SandboxFailedError("there are no commands of root's here")
        self._boxes.show(self)
        return run_here(argv, limits, stdin, cwd or self._workdir, env or {})

    def snapshot(self) -> Workspace:
        """See ``Box.snapshot``."""
        self._boxes.show(self)
        return self._boxes.tree(HERE, self._workdir)

    def restore(self, workspace: Workspace) -> None:
        """See ``Box.restore``."""
        self._put(self._workdir, workspace, UID)

    def seal(self, files: Mapping[str, File], at: str) -> None:
        """See ``Box.seal``."""
        self._put(at, Workspace(files, max_bytes=2**40, max_files=2**31), 0)

    def read(self, path: str, max_bytes: int) -> bytes | None:
        """See ``Box.read``."""
        self._boxes.show(self)
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                data = file.read(max_bytes + 1)
        except OSError:
            return None
        return data if len(data) <= max_bytes else None

    def write(self, path: str, file: File, user: User = User.AGENT) -> None:
        """See ``Box.write``."""
        self._boxes.show(self)
        _lay_out(Path(path).parent, Workspace({Path(path).name: file}), UID if user is User.AGENT else 0)

    def close(self) -> None:
        """See ``Box.close``."""
        if self.alive:
            self._boxes.hide()
        self.alive = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, place: str, workspace: Workspace, uid: int) -> None:
        self.places[place] = (workspace, uid)
        self._boxes.hide()


def _lay_out(root: Path, workspace: Workspace, uid: int) -> None:
    """Writes files and folders. Nothing is there that a candidate made, so no link can lead elsewhere."""
    for folder in (root, *(root / path for path in workspace.folders)):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for path, file in workspace.files.items():
        full = root / path
        full.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if file.link:
            full.symlink_to(os.fsdecode(file.data))
        else:
            full.write_bytes(file.data)
            full.chmod(0o755 if file.executable else 0o644)
    _own(root, uid, ("", *workspace.files, *workspace.folders))


def _own(root: Path, uid: int, paths: Iterable[str]) -> None:
    owned = {root / path for path in paths}
    owned |= {root / parent for path in paths for parent in Path(path).parents}
    for path in owned:
        os.chown(path, uid, uid, follow_symlinks=False)
