"""Why bubblewrap may be refused its namespaces, and the command that mends it."""

from __future__ import annotations

from pathlib import Path

_SWITCHES = (
    # sysctl, the value that refuses, the value that allows
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "15000"),
)
_IN_CONTAINER = (
    "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined ..."
)


def mend(root: Path = Path("/")) -> str:
    """The command, judged by what the kernel says under ``root``; "" if nothing there explains a refusal."""
    wrong = []
    for name, refuses, allows in _SWITCHES:
        switch = root / "proc/sys" / name.replace(".", "/")
        if switch.exists() and switch.read_text().strip() == refuses:
            wrong.append(f"{name}={allows}")
    if wrong:
        return f"sudo sysctl -w {' '.join(wrong)}"
    contained = (root / ".dockerenv").exists() or (root / "run/.containerenv").exists()
    return _IN_CONTAINER if contained else ""
