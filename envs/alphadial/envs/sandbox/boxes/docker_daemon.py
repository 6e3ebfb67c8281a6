"""The daemon that holds the boxes: reaching it, and what it must be able to do."""

from __future__ import annotations

import os
import platform
import shutil

import docker
import docker.errors
import docker.utils
import requests

from ...errors import SandboxUnavailableError

INSTALL, START = "apt-get install docker.io", "sudo systemctl start docker"
_SOCKET = "unix:///var/run/docker.sock"
ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)
"""All that a call of the daemon can raise."""
_TIMEOUT_S = 60
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_ABLE = {"MemoryLimit": "memory", "CpuCfsQuota": "CPU time", "PidsLimit": "processes"}
"""What the daemon says of itself to what it limits."""


def client(timeout_s: float = _TIMEOUT_S) -> docker.APIClient:
    """A connection to the daemon of this environment (DOCKER_HOST).

    Args:
        timeout_s: how long it may take to say the next word.

    Raises:
        SandboxUnavailableError: none answers.
    """
    try:
        return docker.APIClient(version="auto", timeout=timeout_s, **docker.utils.kwargs_from_env())
    except ERRORS as error:
        where = os.environ.get("DOCKER_HOST") or _SOCKET
        if "Permission denied" in str(error):
            what, mend = f"the Docker daemon at {where} is not for this user", "sudo usermod -aG docker $USER"
        else:
            what = f"no Docker daemon answers at {where}"
            mend = START if shutil.which("dockerd") else INSTALL
        raise SandboxUnavailableError(f"{what} (DOCKER_HOST names another); run: {mend}") from None


def check_answers(reached: docker.APIClient) -> None:
    """Sees to it that the daemon is still there.

    Raises:
        SandboxUnavailableError: it is not.
    """
    try:
        reached.ping()
    except ERRORS as error:
        raise SandboxUnavailableError(
            f"the Docker daemon does not answer any more ({line(error)}): start it, and run the same command again"
        ) from None


def check(reached: docker.APIClient, runtime: str = "") -> dict[str, object]:
    """What the daemon says of itself, where it can hold a box.

    Raises:
        SandboxUnavailableError: it cannot; the message says why.
    """
    if reached.base_url.startswith(("https://", "http+docker://ssh")):
        raise SandboxUnavailableError("boxes need a Docker daemon behind a unix socket or plain TCP, not TLS or SSH")
    try:
        facts: dict[str, object] = reached.info()
    except ERRORS as error:
        raise SandboxUnavailableError(f"the Docker daemon does not tell of itself: {line(error)}") from None
    unlimited = [what for name, what in _ABLE.items() if facts.get(name) is False]
    if facts.get("CgroupDriver") == "none":
        # Rootless Docker under cgroup v1 says that it limits, and does not.
        raise SandboxUnavailableError(
            "this Docker daemon limits nothing (cgroup driver none: rootless under cgroup v1)"
        )
    if unlimited:
        raise SandboxUnavailableError(f"this Docker daemon does not limit {', '.join(unlimited)}")
    machine = _MACHINES.get(str(facts.get("Architecture")), facts.get("Architecture"))
    if facts.get("OSType") != "linux" or machine != platform.machine():
        raise SandboxUnavailableError(
            f"the Docker daemon is of another machine ({facts.get('OSType')}, {machine}): boxes need one like this"
        )
    runtimes = facts.get("Runtimes")
    if runtime and (not isinstance(runtimes, dict) or runtime not in runtimes):
        raise SandboxUnavailableError(f"the Docker daemon has no runtime {runtime!r}: name it in its daemon.json")
    return facts


def line(error: Exception) -> str:
    """The last line of what went wrong, without what the HTTP client tells of itself."""
    said = error.explanation if isinstance(error, docker.errors.APIError) and error.explanation else str(error)
    return (str(said).strip().splitlines() or [type(error).__name__])[-1][:500]
