"""How a container is made to hold what nobody has read: the options of its creation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
from docker.types import LogConfig, Mount, Ulimit

from ...types import MIB
from ..guest.box_wire import BY_TIMES
from . import container_kit, leases, seccomp_profile
from .box import AGENT_UID, FOLDERS, LOGS, SOCKETS, BoxLimits

_OWN_BYTES, _OWN_PROCESSES = 96 * MIB, 1
"""The bytes of memory and the processes that the keeper itself needs, beside what commands may use."""
_POWERS = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"]
"""The keeper looks after files of another user, ends that user's processes, and becomes that user for each command,
which keeps none of them."""
_OPEN_FILES, _NAMES = 4096, 100_000
_LOADERS = dict.fromkeys(("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GLIBC_TUNABLES"), "")
"""An image has no say in what the keeper loads."""
_SHARED_PART = 8
"""One part in so many of the bytes for temporary files is /dev/shm's; the rest is /tmp's."""


def create(
    client: docker.APIClient,
    image: str,
    workdir: str,
    limits: BoxLimits,
    sockets: Path | None,
    runtime: str,
) -> str:
    """Makes a container that waits to be started, and returns its id."""
    shared = limits.files_bytes // _SHARED_PART
    # A volume would be a folder of the host's disk, of any size.
    volumes = (client.inspect_image(image)["Config"] or {}).get("Volumes") or {}
    sizes = {
        **dict.fromkeys(volumes, shared),
        workdir: limits.files_bytes,
        "/tmp": limits.files_bytes - shared,
        **dict.fromkeys(FOLDERS, limits.files_bytes),
    }
    memory = limits.memory_bytes + 2 * limits.files_bytes + _OWN_BYTES
    host = client.create_host_config(
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        cap_add=_POWERS,
        security_opt=["no-new-privileges:true", f"seccomp={seccomp_profile.profile()}"],
        auto_remove=True,
        mem_limit=memory,
        memswap_limit=memory,
        nano_cpus=int(limits.cpus * 1e9),
        pids_limit=limits.processes + _OWN_PROCESSES,
        tmpfs={folder: _tmpfs(folder, size, workdir) for folder, size in sizes.items()},
        mounts=_mounts(sockets),
        ulimits=[Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=_OPEN_FILES, hard=_OPEN_FILES)],
        log_config=LogConfig(type="none"),
        shm_size=shared,
        sysctls=None if runtime else {"kernel.shmall": str(shared // 4096)},
        cgroupns="private",
        runtime=runtime or None,
    )
    # Another kernel's times of files may mean something else.
    times = "" if runtime else BY_TIMES
    created = client.create_container(
        image,
        entrypoint=container_kit.command(workdir, str(AGENT_UID), times, "/dev/shm", *(sizes.keys() - {workdir})),
        stdin_open=True,
        user="0:0",
        working_dir="/",
        hostname="box",
        environment=_LOADERS,
        labels={leases.LABEL: leases.owner()},
        healthcheck={"Test": ["NONE"]},
        host_config=host,
    )
    return str(created["Id"])


def _tmpfs(folder: str, size: int, workdir: str) -> str:
    agents = f"mode=0755,uid={AGENT_UID},gid={AGENT_UID}"
    owner = {workdir: agents, "/tmp": "mode=1777", LOGS: "mode=1777"}.get(folder, "mode=0755")
    return f"rw,exec,nosuid,nodev,size={size},nr_inodes={_NAMES},strictatime,{owner}"


def _mounts(sockets: Path | None) -> list[Any]:
    kit = Mount(container_kit.PLACE, container_kit.name(), type="volume", read_only=True)
    if sockets is None:
        return [kit]
    return [kit, Mount(SOCKETS, str(sockets.resolve()), type="bind", read_only=True)]
