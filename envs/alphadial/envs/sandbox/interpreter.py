"""The Python that runs the programs, and what of the host must be seen for it to start."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import alphadial

MINIMUM = (3, 11)
_SYSTEM = ("/usr/bin/python3", "/usr/local/bin/python3", *(f"/usr/bin/python3.{minor}" for minor in range(14, 10, -1)))


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An executable and the folder tree that it lives in."""

    executable: Path
    prefix: Path

    def hidden(self) -> tuple[Path, ...]:
        """Folders that are covered although their parents are shown: installed packages, this one above all.

        Hidden tests can be made from the package that holds the problems, so no program may import it.
        """
        packages = [
            found
            for top in {self.prefix, Path("/usr"), Path("/usr/local")}
            for library in ("lib", "lib64")
            for python in ("python3*", "pypy3*")
            for pattern in (f"{python}/site-packages", f"{python}/dist-packages")
            for found in (top / library).glob(pattern)
        ]
        own = [Path(portion).resolve() for portion in alphadial.__path__]
        shown = (Path("/usr"), self.prefix)
        found = {path for path in (*packages, *own) if path.is_dir() and any(map(path.is_relative_to, shown))}
        # What covers a folder is read-only, and takes no cover for a folder within.
        return tuple(sorted(path for path in found if found.isdisjoint(path.parents)))


def choose(another_uid: bool) -> Interpreter | None:
    """The running interpreter's base, else the system's; None if neither is recent enough and within reach.

    Args:
        another_uid: programs run under a uid other than ours, so every folder on the way must be open to all.
    """
    running = Path(sys.executable).resolve()
    prefix = Path(sys.base_prefix).resolve()
    reachable = open_to_all if another_uid else _open_to_us
    if running.is_relative_to(prefix) and reachable(running) and reachable(prefix):
        return Interpreter(running, prefix)
    for name in _SYSTEM:
        path = Path(name)
        if path.exists() and reachable(path.resolve()) and _version(path) >= MINIMUM:
            return Interpreter(path.resolve(), path.parent.parent)
    return None


def _open_to_us(path: Path) -> bool:
    return os.access(path, os.R_OK | os.X_OK)


def open_to_all(path: Path) -> bool:
    """Whether any uid can get there and read it."""
    needed = stat.S_IROTH | stat.S_IXOTH
    return path.stat().st_mode & needed == needed and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in path.parents
    )


def _version(path: Path) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([path, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(map(int, answer.stdout.split())) if answer.returncode == 0 else ()
