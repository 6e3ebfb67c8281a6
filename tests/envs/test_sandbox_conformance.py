from __future__ import annotations

from collections.abc import Iterator

import pytest

from alphadial.envs.sandbox import Sandbox, open_sandbox
from alphadial.envs.sandbox.conformance import BEHAVIOURS, KNOWN_GAPS


@pytest.fixture(scope="module", params=["bubblewrap", "trusted"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with open_sandbox(request.param) as opened:
        yield opened


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_behaviour(sandbox: Sandbox, name: str) -> None:
    if name in KNOWN_GAPS.get(sandbox.name, ()):
        with pytest.raises(AssertionError):
            BEHAVIOURS[name](sandbox)
    else:
        BEHAVIOURS[name](sandbox)
