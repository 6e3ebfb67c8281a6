"""What this machine offers for isolation, for ``alphadial doctor``."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..errors import SandboxUnavailableError
from .bubblewrap import INSTALL, Bubblewrap
from .gvisor import Gvisor
from .protocol import Protection

_DELEGATE, _AS_ROOT = "systemd-run --user --scope -p Delegate=yes alphadial ...", "sudo alphadial ..."
_DIFFER = (
    "none where children that nobody waits for may have used more than the time limit, a few milliseconds each; no MLE "
    "for memory held only for that long, or in System V segments"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One fact about the machine."""

    name: str
    ok: bool
    detail: str
    """What was found, in one line."""
    mend: str = ""
    """The command that would mend it; "" when ok, or when nothing on this machine would."""


def checks() -> list[Check]:
    """Opens the sandboxes once and reports what they reached. Takes up to a second."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return [Check("bubblewrap", False, "not installed", INSTALL)]
    version = subprocess.run([bwrap, "--version"], capture_output=True, text=True).stdout.strip()
    found = [Check("bubblewrap", True, version)]
    try:
        with Bubblewrap() as sandbox:
            return [*found, *_reached(sandbox.protection), _gvisor()]
    except SandboxUnavailableError as error:
        return [*found, unavailable("sandbox", error)]


def _gvisor() -> Check:
    try:
        with Gvisor() as sandbox:
            return Check("gvisor", True, f"release {sandbox.release}: --sandbox gvisor has a kernel of its own")
    except SandboxUnavailableError as error:
        return unavailable("gvisor", error)


def unavailable(name: str, error: SandboxUnavailableError) -> Check:
    """What an error says, with the command that mends it apart."""
    what, _, mend = str(error).rpartition("; run: ")
    return Check(name, False, what, mend)


def _reached(protection: Protection) -> list[Check]:
    found = [
        Check("sandbox", True, "no network, host files out of sight, own processes, no capabilities"),
        Check("sandbox interpreter", True, protection.interpreter),
        Check(
            "seccomp",
            protection.seccomp,
            "deny list in force"
            if protection.seccomp
            else "no table for this processor: system calls are not filtered",
        ),
    ]
    if protection.own_uid:
        found.append(Check("own host uid", True, "each slot runs under a uid of its own"))
    else:
        found.append(Check("own host uid", False, "programs run under your uid, in namespaces", _AS_ROOT))
    if protection.cgroup is not None:
        found.append(Check("cgroup", True, f"{protection.cgroup}: memory, processes and CPU time of the whole tree"))
    else:
        managed = Path(f"/run/user/{os.getuid()}/systemd").exists()  # else systemd-run --user finds no one to ask
        mend = _DELEGATE if managed else _AS_ROOT
        detail = "no writable cgroup: CPU time and memory of the whole tree are looked at every few milliseconds"
        found += [Check("cgroup", False, detail, mend), Check("verdicts", False, _DIFFER, mend)]
    counted = {"cgroup": "by the cgroup", "rlimit": "by RLIMIT_NPROC"}.get(protection.process_limit, "not limited")
    found.append(Check("process limit", protection.process_limit != "none", counted))
    return found
