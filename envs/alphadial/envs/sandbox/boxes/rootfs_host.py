"""The image "host": this machine's own system folders, read-only, with the pytest of this environment."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from ...errors import ImageError
from .. import layout
from ..guest.box_wire import IMAGE
from ..interpreter import Interpreter
from .box import Image
from .rootfs_mounts import Shown

NAME = "host"
_PYTEST = "pytest"
_INSTALL = "pip install 'alphadial[repositories]'"
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ETC = {
    "passwd": "root:x:0:0:root:/:/bin/sh\nagent:x:1000:1000:agent:/tmp:/bin/sh\n",
    "group": "root:x:0:\nagent:x:1000:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def image(interpreter: Interpreter) -> Image:
    """What there is on this machine.

    Raises:
        ImageError: this environment has no pytest.
    """
    said = (interpreter.executable, _version(interpreter), platform.platform(), _pytest_version())
    digest = hashlib.sha256(repr(said).encode()).hexdigest()
    env = layout.environment(interpreter)
    del env["HOME"]
    return Image(f"{NAME}:{digest[:16]}", NAME, env)


def show(shown: Shown, interpreter: Interpreter) -> None:
    """Lays it out for a box."""
    invocation = shown.invocation
    layout.show_host(invocation, interpreter, IMAGE)
    for name, text in _ETC.items():
        invocation.add("--perms", "0444", "--ro-bind-data", invocation.data(text.encode()), f"{IMAGE}/etc/{name}")
    packages = f"{IMAGE}{_packages(interpreter)}"
    # Over the empty folder in place of the host's, which is read-only by now.
    invocation.add("--tmpfs", packages)
    for path in _pytest():
        shown.show(path, f"{packages}/{path.name}")
    invocation.add("--remount-ro", packages)


@cache
def _pytest() -> tuple[Path, ...]:
    """The files and folders of pytest and of all that it needs, as they are installed here."""
    return tuple(sorted({path for name in _needed(_PYTEST, set()) for path in _installed(name)}))


def _needed(name: str, seen: set[str]) -> set[str]:
    if name in seen:
        return seen
    try:
        requirements = metadata.requires(name) or ()
    except metadata.PackageNotFoundError:  # of another platform
        return seen
    seen.add(name)
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement)
        if found is not None and "extra" not in requirement.partition(";")[2]:
            _needed(found.group(), seen)
    return seen


def _installed(name: str) -> Iterator[Path]:
    distribution = metadata.distribution(name)
    for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
        yield Path(str(distribution.locate_file(top)))


def _pytest_version() -> str:
    try:
        return metadata.version(_PYTEST)
    except metadata.PackageNotFoundError:
        raise ImageError(
            f"the image {NAME!r} shows the pytest of this environment, which has none; run: {_INSTALL}"
        ) from None


@cache
def _version(interpreter: Interpreter) -> str:
    return _asked(interpreter, "import sys; print(sys.version)")


@cache
def _packages(interpreter: Interpreter) -> str:
    """A folder for packages on the path of the interpreter under -I."""
    code = "import os, site; print(next(p for p in site.getsitepackages() if os.path.isdir(p)))"
    return _asked(interpreter, code)


def _asked(interpreter: Interpreter, code: str) -> str:
    try:
        command = [str(interpreter.executable), "-I", "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise ImageError(f"{interpreter.executable} cannot be asked about itself: {error}") from None
