"""A Docker daemon of a test's own, with nothing in it: what is broken or emptied is nobody else's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

_SCRIPT = Path(__file__).parents[2] / ".ci" / "dockerd"


@contextmanager
def own_daemon(*options: str, dies: bool = False) -> Iterator[Path]:
    """Its folder, with ``docker.sock`` and ``docker.pid``; it ends with the block, and must leave nothing then.

    Args:
        options: of dockerd, beside those of ``.ci/dockerd``.
        dies: the test kills it, so that it may leave something, which is removed all the same.
    """
    folder = Path(mkdtemp(prefix="alphadial-own-daemon-"))
    try:
        subprocess.run(["bash", str(_SCRIPT), "start", str(folder), *options], check=True, timeout=300)
        yield folder
    finally:
        subprocess.run(["bash", str(_SCRIPT), "end", str(folder)], check=not dies, timeout=300)
