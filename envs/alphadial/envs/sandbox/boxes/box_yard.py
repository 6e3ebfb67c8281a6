"""The boxes that conformance checks work in: one that most checks share, and others where one is not enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ...closing import Closing
from ...types import MIB, Limits, RunResult
from ..workspace import Workspace
from .box import Box, Boxes, BoxLimits, Image, User

LIMITS = Limits(cpu_s=10.0, wall_s=30.0)
SMALL = BoxLimits(memory_bytes=160 * MIB, processes=24, files_bytes=16 * MIB)


class Yard(Closing):
    """Opens boxes of one provider.

    Args:
        boxes: the provider.
        image: what all boxes are made from.
        workdir: where all of them work.
        limits: of each.
    """

    def __init__(self, boxes: Boxes, image: Image, workdir: str = "/srv/app", limits: BoxLimits = SMALL) -> None:
        self.boxes, self.image, self.workdir, self._limits = boxes, image, workdir, limits
        self._shared: Box | None = None

    @property
    def box(self) -> Box:
        """The shared box, open, with an empty working directory; a new one where an earlier check has broken it."""
        if self._shared is None or not self._shared.alive:
            if self._shared is not None:
                self._shared.close()
            self._shared = self.open()
        self._shared.restore(Workspace())
        return self._shared

    def open(self, limits: BoxLimits | None = None, sockets: Path | None = None) -> Box:
        """Opens another box, which the caller closes."""
        return self.boxes.open(self.image, self.workdir, limits or self._limits, sockets=sockets)

    def sh(
        self,
        command: str,
        limits: Limits = LIMITS,
        *,
        user: User = User.AGENT,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
    ) -> RunResult:
        """Runs a shell command in the shared box, as the last command has left it."""
        return self.left.exec(["sh", "-c", command], limits, user=user, cwd=cwd, env=env)

    def python(self, code: str, limits: Limits = LIMITS, *, stdin: bytes = b"") -> RunResult:
        """Runs Python in the shared box, as the last command has left it."""
        return self.left.exec(["python3", "-c", code], limits, stdin=stdin)

    @property
    def left(self) -> Box:
        """The shared box as it was left; an empty one, where that is gone."""
        shared = self._shared
        return shared if shared is not None and shared.alive else self.box

    def close(self) -> None:
        """Closes the shared box."""
        if self._shared is not None:
            self._shared.close()


def raised(kind: type[Exception], act: Callable[[], object]) -> str:
    """What the exception says that something must raise.

    Raises:
        AssertionError: it raises none.
    """
    try:
        act()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")
