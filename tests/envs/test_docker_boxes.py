"""Boxes that are containers of Docker's: what only they do. The rest is in the conformance suite of boxes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes import Box, Boxes, open_boxes
from alphadial.envs.sandbox.workspace import Workspace
from alphadial.envs.types import Limits

pytestmark = pytest.mark.docker
IMAGE = ImageSource(os.environ.get("ALPHADIAL_TEST_IMAGE", "alphadial/base:bookworm"))
LIMITS = Limits(cpu_s=10.0, wall_s=30.0)


@pytest.fixture(scope="module")
def boxes() -> Iterator[Boxes]:
    with open_boxes("docker") as opened:
        yield opened


@pytest.fixture
def box(boxes: Boxes) -> Iterator[Box]:
    with boxes.open(boxes.find(IMAGE), "/app") as opened:
        yield opened


def test_a_box_runs_commands_and_keeps_its_files(box: Box) -> None:
    before = Workspace({"a/b": File(b"1"), "run": File(b"#!/bin/sh\n", executable=True), "l": File(b"run", link=True)})
    box.restore(before)
    assert box.exec(["sh", "-c", "cat a/b; pwd; cat"], LIMITS, stdin=b"given").stdout == "1/app\ngiven"
    assert box.snapshot() == before
    box.exec(["sh", "-c", "echo 2 > a/b; rm run; mkdir empty"], LIMITS)
    after = box.snapshot()
    assert (after.files["a/b"].data, set(after.files), after.folders) == (b"2\n", {"a/b", "l"}, frozenset({"empty"}))
    assert after.files["l"] is before.files["l"]
    box.restore(before)
    assert box.snapshot() == before


OWNER = f"""
import time
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes import open_boxes
boxes = open_boxes("docker")
box = boxes.open(boxes.find(ImageSource({IMAGE.name!r})), "/app")
print("open", flush=True)
time.sleep(60)
"""


def test_a_box_ends_with_its_owner(boxes: Boxes) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        assert owner.stdout.readline() == "open\n"
        mark = f"/{owner.pid}/"
        assert _containers(boxes, mark) == 1
        owner.kill()
        owner.wait()
    began = time.monotonic()
    while _containers(boxes, mark) and time.monotonic() < began + 20:
        time.sleep(0.02)
    assert time.monotonic() - began < (1.0 if os.environ.get("CI") else 5.0)


def _containers(boxes: Boxes, mark: str) -> int:
    import docker

    found = docker.from_env().api.containers(all=True, filters={"label": "alphadial.owner"})
    return sum(mark in each["Labels"]["alphadial.owner"] for each in found)
