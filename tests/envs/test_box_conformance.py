from __future__ import annotations

from collections.abc import Iterator

import pytest

from alphadial.envs import SandboxFailedError
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes import BOXES, open_boxes
from alphadial.envs.sandbox.boxes.box_conformance import BEHAVIOURS, KNOWN_GAPS, Yard

IMAGES = {"rootfs": "host", "docker": "repository"}
QUICK = (
    *("exit_status", "streams", "no_network", "nothing_of_the_host", "system_calls_are_filtered", "background_ends"),
    *("the_keeper_is_out_of_reach", "trees_come_back", "every_change_is_seen", "sealed_files_stay"),
)


def cases() -> Iterator[object]:
    for provider in BOXES:
        for name in BEHAVIOURS:
            mark = pytest.mark.docker if provider == "docker" else () if name in QUICK else pytest.mark.slow
            yield pytest.param(provider, name, id=f"{provider}-{name}", marks=mark)


@pytest.fixture(scope="module")
def yard(request: pytest.FixtureRequest) -> Iterator[Yard]:
    with open_boxes(request.param) as boxes, Yard(boxes, boxes.find(ImageSource(IMAGES[request.param]))) as opened:
        yield opened


@pytest.mark.parametrize(("yard", "name"), list(cases()), indirect=["yard"])
def test_behaviour(yard: Yard, name: str) -> None:
    try:
        BEHAVIOURS[name](yard)
    except (AssertionError, SandboxFailedError):
        if name not in KNOWN_GAPS[yard.boxes.name]:
            raise
    else:
        assert name not in KNOWN_GAPS[yard.boxes.name], f"{name} is no gap any more"
