"""A small Debian from its own packages, without a registry of images: mmdebstrap puts it together."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ....errors import ImageError
from .daemon import shortened
from .image_folders import remove_tree
from .own_images import SUITE, packages

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""The environment of every command in it."""
_LEFT_OUT = ("man", "doc", "locale", "info", "lintian")
"""Folders of /usr/share that no program needs."""
_WORK = "alphadial-debian-"
"""A temporary folder of ours is called so, with the process that has it."""
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_AS_ROOT = (
    "run it as root, or let this user have a range of uids: apt-get install uidmap, and a line for it in /etc/subuid "
    "and /etc/subgid"
)


@contextmanager
def debian(folder: Path, say: Callable[[str], None]) -> Iterator[IO[bytes]]:
    """The files of a new Debian as a whole tar, open for reading.

    Args:
        folder: where it lies meanwhile; some 250 MB.
        say: gets a line for each step.

    Raises:
        ImageError: mmdebstrap is not here, may not do it as this user, or reaches no mirror.
        OSError: the folder cannot be written.
    """
    remove_leftovers()
    with tempfile.TemporaryFile(dir=folder) as tar:
        with tempfile.TemporaryDirectory(prefix=f"{_WORK}{os.getpid()}-", ignore_cleanup_errors=True) as work:
            # As an ordinary user, mmdebstrap works under uids that may not look into a folder of this one's.
            Path(work).chmod(0o711)
            _run(_command(), tar, work, say)
        tar.seek(0)
        yield tar


def remove_leftovers() -> None:
    """Removes what bootstraps left that were killed; those that run are left alone."""
    for work in Path(tempfile.gettempdir()).glob(f"{_WORK}*-*"):
        owner = work.name.removeprefix(_WORK).partition("-")[0]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists() and work.lstat().st_uid == os.geteuid():
            remove_tree(work)


def _command() -> list[str]:
    program = shutil.which("mmdebstrap")
    if program is None:
        raise ImageError(
            "where no official image is named (--base IMAGE), ours are put together by mmdebstrap, which is not here: "
            "apt-get install mmdebstrap, or, where Docker reaches a registry, --base debian:bookworm"
        )
    if not _KEYRING.is_file():
        raise ImageError(
            "mmdebstrap has no keys of Debian's to check packages with: apt-get install debian-archive-keyring"
        )
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _LEFT_OUT]
    # It ends with us, even where we are killed, and removes then what it has made so far.
    return [
        "setpriv",
        "--pdeathsig",
        "TERM",
        program,
        "--variant=minbase",
        f"--include={','.join(packages())}",
        *left_out,
        SUITE,
        "-",
    ]


def _run(command: list[str], tar: IO[bytes], work: str, say: Callable[[str], None]) -> None:
    # A PATH without sbin, as ordinary users have it, hides what dpkg needs.
    environment = {
        **os.environ,
        "TMPDIR": work,
        "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin",
    }
    said = deque[str](maxlen=8)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=tar,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        errors="replace",
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line.strip())
                if line.startswith("I: "):
                    say(f"mmdebstrap: {line[3:].strip()}")
            status = process.wait()
        except BaseException:
            process.terminate()
            raise
    if status:
        raise ImageError(explained(list(said)))


def explained(said: list[str]) -> str:
    """One line for what mmdebstrap said last."""
    faults = [line for line in said if line.startswith(("E: ", "W: Failed", "dpkg: error"))] or said[-1:]
    text = shortened("; ".join(faults) or "it said nothing")
    if any("newuidmap" in line or "subuid" in line or "unshare" in line or "chroot" in line for line in said):
        return f"mmdebstrap may not make a Debian as this user ({text}): {_AS_ROOT}"
    if "No space left on device" in " ".join(said):
        return f"the disk is full, of temporary files or of images: make room and run it again ({text})"
    return f"mmdebstrap cannot put a Debian together: {text}"
