"""The daemon that holds the boxes: reaching it, and what it must be able to do."""

from __future__ import annotations

import platform

import docker
import docker.errors
import docker.utils
import requests

from ...errors import SandboxUnavailableError

INSTALL = "apt-get install docker.io"
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
        said = line(error)
        denied = "Permission denied" in said
        mend = "sudo usermod -aG docker $USER" if denied else f"{INSTALL}, or set DOCKER_HOST"
        raise SandboxUnavailableError(f"no Docker daemon answers ({said}); run: {mend}") from None


def check(reached: docker.APIClient, runtime: str = "") -> dict[str, object]:
    """What the daemon says of itself, where it can hold a box.

    Raises:
        SandboxUnavailableError: it cannot; the message says why.
    """
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
