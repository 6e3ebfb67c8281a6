"""Every attack of ``box_attacks`` is contained in every provider's boxes, and harms nobody afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from alphadial.envs import SandboxFailedError
from alphadial.envs.errors import WorkspaceError
from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox import Workspace
from alphadial.envs.sandbox.boxes import BOXES, BoxLimits, User, open_boxes
from alphadial.envs.sandbox.boxes.box_conformance import Yard
from alphadial.envs.types import Limits, RunResult
from alphadial.envs.units import MIB

from .box_attacks import AS_ROOT, ATTACKS, TRY
from .tempting import Host, tempting_host
from .test_box_conformance import IMAGES

LIMITS = Limits(cpu_s=2.0, wall_s=4.0, output_bytes=256 * 1024)
ROOMY = Limits(cpu_s=20.0, wall_s=60.0, output_bytes=256 * 1024)
"""Of what is honest, whatever else the machine does."""
BOX = BoxLimits(memory_bytes=160 * MIB, processes=24, files_bytes=16 * MIB)
TREE = Workspace({"a/b": File(b"1\n"), "run": File(b"#!/bin/sh\necho ran\n", executable=True)})
QUICK = ("io_uring", "vsock", "network", "files_of_the_host", "powers", "daemons", "sealed", "forged_answers")


@dataclass
class Arena:
    yard: Yard
    host: Host


def cases() -> Iterator[object]:
    for provider in BOXES:
        for name in ATTACKS:
            mark = pytest.mark.docker if provider == "docker" else () if name in QUICK else pytest.mark.slow
            yield pytest.param(provider, name, id=f"{provider}-{name}", marks=mark)


@pytest.fixture(scope="module")
def arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    with tempting_host() as host, open_boxes(request.param) as boxes:
        image = boxes.find(ImageSource(IMAGES[request.param]))
        with Yard(boxes, image, limits=BOX) as yard:
            yield Arena(yard, host)


@pytest.mark.thorough
@pytest.mark.parametrize(("arena", "name"), list(cases()), indirect=["arena"])
def test_contained(arena: Arena, name: str) -> None:
    attacked(arena, ATTACKS[name], User.AGENT)


@pytest.mark.docker
@pytest.mark.parametrize("arena", ["docker"], indirect=True)
@pytest.mark.parametrize("name", AS_ROOT)
def test_root_of_a_container_has_no_power_outside(arena: Arena, name: str) -> None:
    attacked(arena, AS_ROOT[name], User.ROOT)


def attacked(arena: Arena, attack: str, user: User) -> None:
    yard, host = arena.yard, arena.host
    box = yard.box
    box.restore(TREE)
    for folder in ("/grade", "/guest"):
        box.seal({"secret": File(b"sealed")}, folder)
    facts = {"port": str(host.port), "abstract": host.abstract, "secret": str(host.secret), "folder": str(host.folder)}
    for fact, value in facts.items():
        attack = attack.replace(f"{{{fact}}}", value)
    result = box.exec(["python3", "-c", TRY + attack], LIMITS, user=user)
    assert "REACHED" not in result.stdout, result
    assert len(result.stdout) + len(result.stderr) <= LIMITS.output_bytes
    unharmed(yard, result)


def unharmed(yard: Yard, result: RunResult) -> None:
    """What comes next, in the same box where it lives, finds everything as an attack never was."""
    box = yard.left
    if box.alive:
        try:
            box.snapshot()
        except WorkspaceError:
            assert result is not None
        assert box.read("/grade/secret", 9) in (b"sealed", None)
    try:
        box.restore(TREE)
    except SandboxFailedError:
        assert not box.alive
        box = yard.box
        box.restore(TREE)
    honest = box.exec(["sh", "-c", "cat a/b; ./run; ls -A; ls -d /proc/[0-9]* | wc -l"], ROOMY)
    assert honest.stdout.split()[:4] == ["1", "ran", "a", "run"], honest
    assert int(honest.stdout.split()[4]) <= 5
    assert honest.cpu_s < 1.0
    large = box.exec(["python3", "-c", "x = bytearray(b'x') * (100 << 20); print(len(x))"], ROOMY)
    assert large.stdout == f"{100 << 20}\n", large
    box.exec(["sh", "-c", "rm -rf /tmp/* /logs/* /dev/shm/*"], ROOMY)
    assert box.snapshot() == TREE
