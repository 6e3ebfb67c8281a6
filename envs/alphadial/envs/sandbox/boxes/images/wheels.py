"""Wheels for images, fetched or made on this machine: a build may reach no package index, or trust none."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ....errors import ImageError
from .daemon import shortened

_FETCH_S = 900.0


def fetch_wheels(requirements: Sequence[str], python: str) -> dict[str, bytes]:
    """Wheels of these requirements and of all that they need, for a Python of another machine; nothing of them is run.

    Raises:
        ImageError: no index gives them.
    """
    with tempfile.TemporaryDirectory(prefix="alphadial-wheels-") as folder:
        return _fetch(Path(folder), requirements, python)


def install_wheels(requirements: Sequence[str], python: str, folder: Path) -> None:
    """Installs them into a folder of another machine's packages; only wheels, of which nothing is run.

    Raises:
        ImageError: no index gives them.
    """
    _pip("install", "--only-binary", ":all:", "--python-version", python, "--target", str(folder), *requirements)


def project_wheels(project: Path, extra: str, python: str) -> dict[str, bytes]:
    """The wheel of alphadial's sources and of what it needs, in the versions that its tests were run with.

    Args:
        project: the checkout.
        extra: one of its extras that is wanted too; "" for none.
        python: as of ``fetch_wheels``.

    Raises:
        ImageError: it cannot be built, or no index gives the rest.
    """
    with tempfile.TemporaryDirectory(prefix="alphadial-wheels-") as made, tempfile.TemporaryDirectory() as folder:
        _pip("wheel", "--no-deps", "--wheel-dir", made, str(project))
        wheel = next(Path(made).glob("*.whl"))
        wanted = f"{wheel}[{extra}]" if extra else str(wheel)
        return _fetch(Path(folder), ["--constraint", str(project / "constraints.txt"), wanted], python)


def _fetch(folder: Path, arguments: Sequence[str], python: str) -> dict[str, bytes]:
    _pip("download", "--only-binary", ":all:", "--python-version", python, "--dest", str(folder), *arguments)
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.whl"))}


def _pip(verb: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", verb, "--quiet", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    except subprocess.TimeoutExpired:
        raise ImageError(f"pip {verb} does not end within {_FETCH_S / 60:g} minutes: run it again") from None
    if done.returncode:
        # What pip says of configured folders comes first; errors are marked.
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        said = shortened("; ".join(lines[-2:]) or "it said nothing")
        raise ImageError(f"no wheels for the image (pip {verb} {arguments[-1]}): {said}")
