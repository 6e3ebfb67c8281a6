"""What is asked of a Docker daemon before a box is opened, and what it is told about each: without a daemon."""

from __future__ import annotations

import errno
import json
import os
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs import SandboxUnavailableError
from alphadial.envs.files import File
from alphadial.envs.sandbox import seccomp
from alphadial.envs.sandbox.boxes import container_kit, container_options, docker_daemon, leases, open_boxes
from alphadial.envs.sandbox.boxes.box import AGENT_UID, FOLDERS, BoxLimits
from alphadial.envs.sandbox.boxes.seccomp_profile import profile
from alphadial.envs.sandbox.boxes.tar_trees import read_folder
from alphadial.envs.sandbox.guest.meters import GroupMeter, ProcessMeter
from alphadial.envs.units import MIB

FACTS = {
    "CgroupDriver": "cgroupfs",
    "MemoryLimit": True,
    "CpuCfsQuota": True,
    "PidsLimit": True,
    "OSType": "linux",
    "Architecture": os.uname().machine,
    "Runtimes": {"runc": {}},
}


class Daemon:
    """As much of ``docker.APIClient`` as is asked."""

    def __init__(self, base_url: str = "http+docker://localhost", **facts: object) -> None:
        self.base_url = base_url
        self.facts = {**FACTS, **facts}
        self.containers_: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.made: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def info(self) -> dict[str, object]:
        return self.facts

    def containers(self, **_: object) -> list[dict[str, Any]]:
        return self.containers_

    def remove_container(self, container: str, **_: object) -> None:
        self.removed.append(container)

    def inspect_image(self, _: str) -> dict[str, Any]:
        return {"Config": {"Volumes": {"/data": {}, "/app": {}}}}

    def create_container(self, *arguments: Any, **named: Any) -> dict[str, str]:
        self.made = arguments, named
        return {"Id": "made"}

    def create_host_config(self, **named: Any) -> dict[str, Any]:
        return named


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"CgroupDriver": "none"}, "limits nothing .*rootless under cgroup v1"),
        ({"PidsLimit": False, "MemoryLimit": False}, "does not limit memory, processes"),
        ({"Architecture": "s390x"}, "another machine"),
        ({"OSType": "windows"}, "another machine"),
    ],
)
def test_a_daemon_that_cannot_hold_a_box_is_refused(facts: dict[str, Any], words: str) -> None:
    with pytest.raises(SandboxUnavailableError, match=words) as caught:
        docker_daemon.check(Daemon(**facts))
    assert "\n" not in str(caught.value)
    docker_daemon.check(Daemon())


@pytest.mark.parametrize("base_url", ["https://host:2376", "http+docker://ssh"])
def test_a_connection_that_cannot_be_handed_over_is_refused(base_url: str) -> None:
    with pytest.raises(SandboxUnavailableError, match="not TLS or SSH"):
        docker_daemon.check(Daemon(base_url))


def test_a_runtime_must_be_known_to_the_daemon() -> None:
    with pytest.raises(SandboxUnavailableError, match="no runtime 'runsc'"):
        docker_daemon.check(Daemon(), "runsc")
    docker_daemon.check(Daemon(Runtimes={"runc": {}, "runsc": {}}), "runsc")


def test_names_of_providers_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    for name in ("podman", "rootfs:runsc", "", "docker:"):
        with pytest.raises(
            SandboxUnavailableError, match=r"no boxes are named|no Docker daemon answers at unix:///nowhere"
        ):
            open_boxes(name)


def test_a_container_is_made_without_anything_it_does_not_need(tmp_path: Path) -> None:
    daemon = Daemon()
    limits = BoxLimits(memory_bytes=100 * MIB, processes=20, files_bytes=32 * MIB, cpus=1.5)
    container_options.create(daemon, "sha256:x", "/app", limits, tmp_path, "")
    _, named = daemon.made
    host = named["host_config"]
    assert (host["network_mode"], host["read_only"], host["cap_drop"], host["auto_remove"]) == (
        "none",
        True,
        ["ALL"],
        True,
    )
    assert "no-new-privileges:true" in host["security_opt"]
    assert any(option.startswith("seccomp={") for option in host["security_opt"])
    assert (host["pids_limit"], host["nano_cpus"]) == (21, 1_500_000_000)
    assert 164 * MIB < host["mem_limit"] == host["memswap_limit"] < 300 * MIB
    assert set(host["tmpfs"]) == {"/app", "/tmp", "/data", *FOLDERS}
    assert f"size={32 * MIB}" in host["tmpfs"]["/app"]
    assert f"uid={AGENT_UID}" in host["tmpfs"]["/app"]
    assert all("nosuid,nodev" in options for options in host["tmpfs"].values())
    assert [(mount["Target"], mount["ReadOnly"]) for mount in host["mounts"]] == [
        ("/.alphadial", True),
        ("/sockets", True),
    ]
    assert set(named["environment"].values()) == {""}
    assert leases.LABEL in named["labels"]
    assert named["healthcheck"] == {"Test": ["NONE"]}


def test_trees_of_images_hold_what_can_be_kept() -> None:
    packed = BytesIO()
    entries: dict[str, dict[str, Any]] = {
        "app/a": {},
        "app/same": {"type": tarfile.LNKTYPE, "linkname": "app/a"},
        "app/link": {"type": tarfile.SYMTYPE, "linkname": "/etc/x"},
        "app/.git/HEAD": {},
        "app/of_history": {"type": tarfile.LNKTYPE, "linkname": "app/.git/HEAD"},
        "app/empty": {"type": tarfile.DIRTYPE},
        "app/disk": {"type": tarfile.BLKTYPE},
        "app/\udcff": {},
    }
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, facts in entries.items():
            entry = tarfile.TarInfo(name)
            for fact, value in facts.items():
                setattr(entry, fact, value)
            entry.size, entry.mode = (1, 0o755) if entry.isreg() else (0, 0o644)
            tar.addfile(entry, BytesIO(b"1"))
    packed.seek(0)
    with tarfile.open(fileobj=packed, mode="r|") as tar:
        tree = read_folder(tar)
    held = File(b"1", executable=True)
    assert dict(tree.files) == {"a": held, "same": held, "link": File(b"/etc/x", link=True)}
    assert tree.folders == {"empty"}


def test_the_profile_denies_what_the_sandbox_denies() -> None:
    rules = json.loads(profile())["syscalls"]
    plain = {name: rule["errnoRet"] for rule in rules if not rule["args"] for name in rule["names"]}
    assert {*seccomp.DENIED, "clone3"} <= plain.keys()
    assert {"io_uring_setup", "io_uring_enter", "ptrace", "mount", "unshare", "keyctl", "bpf"} <= plain.keys()
    assert plain["clone3"] == errno.ENOSYS
    families = {
        argument["value"]
        for rule in rules
        if "socket" in rule["names"]
        for argument in rule["args"]
        if argument["op"] == "SCMP_CMP_EQ"
    }
    assert families == set(range(16)) - set(seccomp.SOCKET_FAMILIES)
    (above,) = [rule for rule in rules if "socket" in rule["names"] and rule["args"][0]["op"] == "SCMP_CMP_GT"]
    assert above["args"][0]["value"] == max(seccomp.SOCKET_FAMILIES)  # AF_VSOCK is 40
    flags = [rule["args"][0]["value"] for rule in rules if rule["names"] == ["clone"]]
    assert sum(flags) == seccomp.NEW_NAMESPACES


def test_only_containers_of_owners_that_are_gone_are_reaped() -> None:
    boot, namespace, pid, start = leases.owner().split("/")
    daemon = Daemon()
    marks = {
        "ours": leases.owner(),
        "gone": f"{boot}/{namespace}/{pid}/1",
        "long gone": f"{boot}/{namespace}/4194303/{start}",
        "of another boot": f"0-0/{namespace}/{pid}/1",
        "of another namespace": f"{boot}/1/{pid}/1",
        "nonsense": "x",
    }
    daemon.containers_ = [{"Id": name, "Labels": {leases.LABEL: mark}} for name, mark in marks.items()]
    assert leases.reap(daemon) == 2
    assert daemon.removed == ["gone", "long gone"]


@pytest.mark.thorough
def test_the_kit_holds_an_interpreter_its_libraries_and_the_keeper() -> None:
    with tarfile.open(fileobj=BytesIO(container_kit.archive())) as kit:
        names = set(kit.getnames())
    assert {"loader", "bin/python3", "guest/container_keeper.pyc"} <= names
    assert any(name.startswith("lib/libc.so") for name in names)
    assert not [name for name in names if name.startswith("/") or "alphadial" in name]
    assert container_kit.name() == container_kit.name()


V1 = {
    "cpuacct/cpuacct.usage": "2500000000\n",
    "memory/memory.stat": "cache 5\nrss 1\ntotal_rss 1000\ntotal_shmem 500\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
}
V2 = {
    "cgroup.controllers": "cpu memory pids\n",
    "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
    "memory.stat": "anon 1000\nfile 9\nshmem 500\n",
    "memory.events": "low 0\noom 4\noom_kill 3\noom_group_kill 0\n",
}


@pytest.mark.parametrize("files", [V1, V2], ids=["v1", "v2"])
def test_meters_of_both_versions(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    meter = GroupMeter(str(tmp_path))
    assert (meter.cpu_s(), meter.oom_kills(), meter.held_bytes(2000), meter.held_bytes(1000)) == (2.5, 3, 1500, 1500)
    apart = GroupMeter(str(tmp_path), (str(tmp_path),))
    assert (apart.held_bytes(2000), apart.held_bytes(1000)) == (1500, 1000)


def test_processes_are_metered_where_there_is_no_group(tmp_path: Path) -> None:
    meter = ProcessMeter(str(tmp_path))
    before_s = meter.cpu_s()
    for pid, name in ((1, "keeper"), (7, "a"), (8, "b) R 1")):
        (tmp_path / str(pid)).mkdir()
        fields = ["R", *["0"] * 10, "100", "50", "25", "25", *["0"] * 6, "3", *["0"] * 20]
        (tmp_path / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")
    assert meter.cpu_s() - before_s == pytest.approx(400 / os.sysconf("SC_CLK_TCK"), abs=0.5)
    assert (meter.held_bytes(0), meter.oom_kills()) == (2 * 3 * 4096, 0)
