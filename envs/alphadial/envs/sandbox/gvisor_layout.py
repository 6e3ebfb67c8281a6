"""The OCI bundle that runsc(1) runs, and the bwrap(1) around it: all that gVisor itself can reach of the host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import layout
from .guest.gvisor import INCOMING, OUTGOING
from .interpreter import Interpreter

_ROOT = "/guest"
_FOLDERS = ("/proc", "/dev", "/sys", "/etc", "/w", "/opt", "/opt/bin", "/opt/alphadial", "/opt/alphadial/guest")
_RETURNED = "/out/stream"
_RUNSC = (
    "/bundle/runsc", "--root", "/run", "--rootless", "--platform", "ptrace", "--network", "none", "--ignore-cgroups",
    "run", "--bundle", "/bundle", "box",
)  # fmt: skip
"""Rootless: under the slot's uid, in bwrap's user namespace. The group around it is ours. On kvm it hangs in virtual
machines."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The file that a stream goes to, and how long it may be."""

    descriptor: int
    bytes: int


def bundle(
    bwrap: str,
    runsc: str,
    interpreter: Interpreter,
    kind: str,
    arguments: Sequence[str],
    files_bytes: int,
    incoming: bytes = b"",
    outgoing: Outgoing | None = None,
) -> layout.Invocation:
    """A sandbox for ``guest.gvisor``.

    Args:
        bwrap: the executable.
        runsc: the executable.
        interpreter: what the guest runs.
        kind: of process, as in ``guest.gvisor``.
        arguments: for a program its settings as JSON, else rlimits and command.
        files_bytes: the size of each tmpfs of the guest.
        incoming: the working directory as a stream.
        outgoing: takes what the guest leaves in its file of that name.
    """
    invocation = layout.Invocation([bwrap, "--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0"])
    invocation.add("--hostname", "sandbox", "--die-with-parent", "--new-session", "--cap-add", "ALL", "--clearenv")
    invocation.add("--setenv", "HOME", layout.BOX)  # by which ``orphans`` knows ours
    # Parents that bwrap makes by itself would be closed to the guest's user.
    for folder in ("", *_FOLDERS, *map(str, reversed(interpreter.prefix.parents[:-1]))):
        invocation.add("--dir", f"{_ROOT}{folder}")
    layout.show_host(invocation, interpreter, _ROOT)
    layout.show_guest(invocation, _ROOT)
    invocation.add("--dir", f"{_ROOT}/tmp")
    invocation.add("--perms", "0444", "--file", invocation.data(incoming), f"{_ROOT}{INCOMING}")
    process = layout.guest_command(interpreter.executable, "gvisor", [kind, *arguments])
    config = json.dumps(_config(process, layout.environment(interpreter), files_bytes, outgoing is not None))
    invocation.add("--ro-bind-data", invocation.data(config.encode()), "/bundle/config.json")
    invocation.add("--ro-bind", runsc, _RUNSC[0], "--proc", "/proc", "--dev", "/dev")
    for folder in ("/run", "/tmp"):
        invocation.add("--tmpfs", folder)
    command: tuple[str, ...] = _RUNSC
    if outgoing is not None:
        layout.show_host(invocation, interpreter)
        invocation.add("--perms", "0666", "--file", invocation.data(b""), f"{_ROOT}{OUTGOING}")
        invocation.add("--size", str(outgoing.bytes), "--tmpfs", "/out")
        invocation.add("--perms", "0666", "--file", invocation.data(b""), _RETURNED)
        code = f'"$@"; s=$?; cat {_RETURNED} >/proc/self/fd/{outgoing.descriptor}; exit $s'
        command = ("/bin/sh", "-c", code, "sh", *_RUNSC)
    invocation.add("--remount-ro", "/", "--chdir", "/", "--", *command)
    return invocation


def _config(process: list[str], environment: dict[str, str], files_bytes: int, returns: bool) -> dict[str, Any]:
    """See the OCI runtime specification, config.md."""
    tmpfs = {"type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", f"size={files_bytes}", "mode=0777"]}
    mounts: list[dict[str, Any]] = [{"destination": "/proc", "type": "proc", "source": "proc"}]
    # A /tmp that is not named here gVisor makes itself, without a size.
    mounts += [{"destination": folder, **tmpfs} for folder in ("/w", "/tmp", "/dev/shm")]
    if returns:
        mounts.append({"destination": OUTGOING, "type": "bind", "source": _RETURNED, "options": ["rw"]})
    return {
        "ociVersion": "1.0.0",
        "hostname": "sandbox",
        "root": {"path": _ROOT, "readonly": True},
        "process": {
            "user": {"uid": 1000, "gid": 1000},
            "args": process,
            "env": [f"{name}={value}" for name, value in environment.items()],
            "cwd": "/w",
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]},
    }
