"""Images while they are built, and as a table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.table import Table

from alphadial.cli.errors import CliError
from alphadial.cli.output import cell, notices, say

if TYPE_CHECKING:
    from alphadial.envs.sandbox.boxes.images import ImageRow

BOXES = ("rootfs", "docker")


class Steps:
    """A context manager: the step that goes on, in place on a terminal, else a line each."""

    def __init__(self) -> None:
        self._status = notices().status("") if notices().is_terminal else None
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, step: str) -> None:
        """A step begins."""
        line = f"{time.monotonic() - self._began:4.0f} s  {step}"
        if self._status is None:
            say(line)
        else:
            self._status.update(cell(line))


def there(box: str | None) -> Sequence[str]:
    """The kinds of boxes that are asked for; of both, Docker only where its daemon answers.

    Raises:
        CliError: there are no boxes of that name.
    """
    from alphadial.envs.errors import ImageError
    from alphadial.envs.sandbox.boxes.images import connect

    if box is not None:
        if box not in BOXES:
            raise CliError(f"--box {box}: choose from {', '.join(BOXES)}")
        return [box]
    try:
        connect().close()
    except ImageError as error:
        say(f"images in Docker are left out: {error}")
        return BOXES[:1]
    return BOXES


def image_table(rows: Sequence[ImageRow]) -> Table:
    """A line for each image."""
    table = Table(box=None, pad_edge=False)
    for title in ("box", "image", "tag or folder", "MB", "built", ""):
        table.add_column(title, justify="right" if title == "MB" else "left", overflow="fold")
    for row in rows:
        built = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created))
        state = "" if row.current else "of another make"
        table.add_row(row.box, cell(row.name), cell(row.reference), f"{row.bytes / 1e6:,.0f}", built, state)
    return table
