"""The Docker daemon while images are looked for and built: what its errors come to in one line each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ....errors import ImageError, SandboxUnavailableError

_LONGEST_SAID = 300
_TIMEOUT_S = 600.0
"""So long a step of a build may say nothing."""
_NO_SDK = "Docker is asked by the Python package docker: pip install 'alphadial[repositories]'"
FULL = "no space left on device"
FULL_HINT = "; a disk is full, of Docker's images or of temporary files: alphadial images clean, or docker system prune"


def connect() -> Any:
    """A ``docker.APIClient`` that waits for builds; ``close`` it.

    Raises:
        ImageError: the Python package is missing, or no daemon answers.
    """
    try:
        from ..docker_daemon import client
    except ModuleNotFoundError:
        raise ImageError(_NO_SDK) from None
    try:
        return client(_TIMEOUT_S)
    except SandboxUnavailableError as error:
        raise ImageError(str(error)) from None


@contextmanager
def told(doing: str) -> Iterator[None]:
    """What the daemon, or the way to it, raises in the block becomes an ImageError that says what to do.

    Raises:
        ImageError: in place of every error of Docker's.
    """
    from urllib3.exceptions import HTTPError

    from ..docker_daemon import ERRORS, line

    try:
        yield
    except (*ERRORS, HTTPError) as error:  # the latter of a stream that breaks off
        said = shortened(line(error))
        raise ImageError(f"cannot {doing}: {said}{FULL_HINT if FULL in said.lower() else ''}") from None


def shortened(text: str) -> str:
    """The text on one line, its end left out where it is long."""
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= _LONGEST_SAID else f"{line[:_LONGEST_SAID]}..."
