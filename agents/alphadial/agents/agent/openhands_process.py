"""The Python that has the OpenHands SDK, and the process in which it drives attempts."""

from __future__ import annotations

import json
import os
import select
import subprocess
import threading
import time
from functools import cache
from pathlib import Path
from socket import send_fds

from alphadial.agents.errors import MissingExtraError
from alphadial.envs.forking import OfOneProcess, OwnSocket, in_child, socket_pair, starting
from alphadial.envs.sandbox.probe import Check

PYTHON_VARIABLE = "ALPHADIAL_OPENHANDS_PYTHON"
"""Names the Python that has the SDK."""
_WORKER = Path(__file__).with_name("openhands_worker.py")
"""A script, which is imported nowhere: it sets the environment that the SDK reads as it is imported."""
_START_S = 180.0
"""The longest that importing the SDK may take."""
_LONGEST = 10_000
"""Bytes in which the process says what it is."""


def how_to_get() -> str:
    """The commands that install the SDK where ``find_python`` looks."""
    home = _cache() / "openhands"
    return f"python3.12 -m venv {home} && {home}/bin/pip install 'openhands-sdk>=1.58'"


def find_python() -> str:
    """A Python that should have the SDK: the one that is named, else the newest in alphadial's cache.

    Raises:
        MissingExtraError: there is none; the message says how to get it.
    """
    if named := os.environ.get(PYTHON_VARIABLE):
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise MissingExtraError(f"{named} is no Python to run OpenHands with: correct {PYTHON_VARIABLE}")
        return named
    found = sorted(_cache().glob("openhands*/bin/python"), key=lambda python: python.parent.parent.stat().st_mtime)
    if not found:
        raise MissingExtraError(
            f"the agent openhands needs the OpenHands SDK, on a Python from 3.12: {how_to_get()}, or name a Python "
            f"that has it in {PYTHON_VARIABLE}"
        )
    return str(found[-1])


def check_openhands() -> Check:
    """Whether this machine has the SDK, and how to get it."""
    mend = f"{how_to_get()}; pip install 'alphadial[openhands]'"
    try:
        python = find_python()
    except MissingExtraError:
        return Check("OpenHands", False, "attempts by the OpenHands SDK: no Python with it is known", mend)
    asked = "from importlib.metadata import version; print(version('openhands-sdk'))"
    done = subprocess.run([python, "-I", "-c", asked], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        return Check("OpenHands", False, f"attempts by the OpenHands SDK: {python} does not have it", mend)
    return Check("OpenHands", True, f"attempts by the OpenHands SDK: {done.stdout.strip()} of {python}", "")


class OpenHandsProcess(OfOneProcess):
    """The process that has imported the SDK and forks one for every attempt; it begins with the first attempt.

    It ends with this process, however that ends.
    """

    def __init__(self, python: str) -> None:
        self._python = python
        self._begin_process()
        in_child(self, OpenHandsProcess._begin_process)

    def _begin_process(self) -> None:
        self._lock = threading.Lock()
        self._control: OwnSocket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.version = ""
        """The SDK's, once it is known."""

    def begin(self) -> OwnSocket:
        """Begins an attempt: our end of its channel.

        Raises:
            MissingExtraError: this Python cannot import the SDK.
        """
        ours, theirs = socket_pair()
        with self._lock, theirs:
            if self._control is None or self._process is None or self._process.poll() is not None:
                self._start()
            assert self._control is not None
            send_fds(self._control, [b"+"], [theirs.fileno()])
        return ours

    def check(self) -> str:
        """The version of the SDK; starts the process where it does not run.

        Raises:
            MissingExtraError: as ``begin``.
        """
        self.begin().close()
        return self.version

    def _start(self) -> None:
        control, theirs = socket_pair()
        # Nothing of ours goes with it: no key of a server, and no proxy between it and the loopback.
        env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        with starting, theirs:
            self._process = subprocess.Popen(
                [self._python, "-I", str(_WORKER)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=env,
                start_new_session=True,  # an interrupt from the keyboard is for the run, which ends this
            )
        told = _first_line(control)
        if "version" not in told:
            control.close()
            raise MissingExtraError(
                f"{self._python} cannot import the OpenHands SDK ({told.get('error', 'it ended without a word')}): "
                f"{how_to_get()}, or correct {PYTHON_VARIABLE}"
            )
        self._control, self.version = control, told["version"]


@cache
def process_of(python: str) -> OpenHandsProcess:
    """The one process of this Python: importing the SDK takes seconds, so all runs of this process share it."""
    return OpenHandsProcess(python)


def _first_line(control: OwnSocket) -> dict[str, str]:
    """What the process says once it has imported the SDK, or has not; nothing where it ended or takes too long."""
    said, ends = b"", time.monotonic() + _START_S
    while not said.endswith(b"\n") and len(said) < _LONGEST:
        readable, _, _ = select.select([control], [], [], max(0.0, ends - time.monotonic()))
        part = control.recv(_LONGEST) if readable else b""
        if not part:
            return {"error": "it took too long"} if not readable else {}
        said += part
    try:
        told: dict[str, str] = json.loads(said)
    except ValueError:
        return {"error": f"it said {said[:80]!r}"}
    return told


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alphadial"
