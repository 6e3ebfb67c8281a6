"""Containers have owners: each ends with the process that opened it, or else the next owner removes it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import docker
import docker.errors

from ..cgroups import pid_namespace, started

LABEL = "alphadial.owner"
_REMOVAL_S, _PAUSE_S = 10.0, 0.02


def owner() -> str:
    """A text that tells this process from all others, also from those before the machine started anew."""
    return f"{_boot()}/{pid_namespace()}/{os.getpid()}/{started(os.getpid())}"


def orphaned(mark: str) -> bool:
    """Whether an owner is known to be gone. Those of other machines and namespaces are not known."""
    parts = mark.split("/")
    if len(parts) != 4 or parts[:2] != [_boot(), str(pid_namespace())] or not parts[2].isdigit():
        return False
    try:
        return started(int(parts[2])) != parts[3]
    except OSError:
        return True


def reap(client: docker.APIClient) -> int:
    """Removes the containers of owners that are gone, and returns how many there were."""
    found = client.containers(all=True, filters={"label": LABEL})
    left = [each["Id"] for each in found if orphaned(each["Labels"][LABEL])]
    for container in left:
        remove(client, container)
    return len(left)


def remove(client: docker.APIClient, container: str) -> None:
    """Ends and removes a container, or finds that it is being removed."""
    with suppress(docker.errors.NotFound):
        try:
            client.remove_container(container, force=True, v=True)
        except docker.errors.APIError as error:
            if error.status_code != 409:
                raise


def await_removal(client: docker.APIClient, containers: Sequence[str]) -> None:
    """Waits until none of these is there any more; after ten seconds it removes those that are left."""
    deadline = time.monotonic() + _REMOVAL_S
    while left := _living(client, containers):
        if time.monotonic() > deadline:
            for container in left:
                remove(client, container)
            return
        time.sleep(_PAUSE_S)


def _living(client: docker.APIClient, containers: Sequence[str]) -> list[str]:
    if not containers:
        return []
    found = client.containers(all=True, filters={"label": f"{LABEL}={owner()}"})
    return [each["Id"] for each in found if each["Id"] in containers]


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
