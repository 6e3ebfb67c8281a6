"""What this machine offers for repositories in boxes, for ``alphadial doctor``."""

from __future__ import annotations

from ...errors import EnvsError, SandboxUnavailableError
from ...forking import imported
from ...repository import ImageSource
from ...types import Limits
from ..probe import Check, unavailable
from . import open_boxes
from .rootfs_host import NAME

_LIMITS = Limits(cpu_s=10.0, wall_s=30.0)


def checks() -> list[Check]:
    """Opens each provider once. Takes up to a second; builds and pulls nothing."""
    return [_rootfs(), *_docker()]


def _rootfs() -> Check:
    name = "boxes: rootfs"
    try:
        with open_boxes("rootfs") as boxes, boxes.open(boxes.find(ImageSource(NAME)), "/srv/app") as box:
            result = box.exec(["python3", "-c", "import pytest; print(pytest.__version__)"], _LIMITS)
    except SandboxUnavailableError as error:
        return unavailable(name, error)
    except EnvsError as error:
        return Check(name, False, str(error))
    if result.exit_status != 0:
        return Check(name, False, "this machine as an image has no pytest", "pip install 'alphadial[repositories]'")
    return Check(
        name, True, f"repositories without Docker; this machine as an image has pytest {result.stdout.strip()}"
    )


def _docker() -> list[Check]:
    name = "boxes: docker"
    try:
        with open_boxes("docker"):
            daemon = imported("alphadial.envs.sandbox.boxes.docker_daemon")
            facts = daemon.check(daemon.client())
    except SandboxUnavailableError as error:
        return [unavailable(name, error)]
    except EnvsError as error:
        return [Check(name, False, str(error))]
    runtimes = ", ".join(sorted(each for each in facts["Runtimes"] if not each.startswith("io.containerd.")))
    detail = f"Docker {facts['ServerVersion']}, cgroup v{facts.get('CgroupVersion', 1)}, runtimes {runtimes}"
    return [Check(name, True, detail)]
