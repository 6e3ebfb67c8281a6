from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from alphadial.envs.sandbox import SANDBOXES, Sandbox, open_sandbox
from alphadial.envs.sandbox.conformance import BEHAVIOURS, KNOWN_GAPS
from alphadial.envs.sandbox.conformance_channels import CHANNEL_BEHAVIOURS
from alphadial.envs.sandbox.trusted import Trusted

QUICK = ("exit_status", "cpu_limit", "no_host_files", "answers", "files_come_back")
SLOW = (
    *("cold_runs_leave_nothing", "repeated_commands_leave_nothing", "no_counters_left", "limits_of_commands"),
    *("locks_of_a_neighbour", "cold_locks_of_a_neighbour", "locks_of_a_repeated_neighbour", "same_as_fresh"),
)


def cases() -> Iterator[object]:
    for backend in SANDBOXES:
        for name in BEHAVIOURS:
            slow = name in SLOW or (backend != "bubblewrap" and name not in QUICK)
            yield pytest.param(backend, name, id=f"{backend}-{name}", marks=pytest.mark.slow if slow else ())


@pytest.fixture(scope="module")
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    if request.param == "gvisor" and not shutil.which("runsc"):
        pytest.skip("gVisor is not installed")
    with open_sandbox(request.param) as opened:
        yield opened


@pytest.mark.thorough
@pytest.mark.parametrize(("sandbox", "name"), list(cases()), indirect=["sandbox"])
def test_behaviour(sandbox: Sandbox, name: str) -> None:
    try:
        BEHAVIOURS[name](sandbox)
    except AssertionError:
        assert name in KNOWN_GAPS.get(sandbox.name, ())
    else:
        # Later releases of gVisor have fewer gaps.
        assert sandbox.name == "gvisor" or name not in KNOWN_GAPS.get(sandbox.name, ())


@pytest.mark.parametrize("name", CHANNEL_BEHAVIOURS)
def test_what_would_change_the_machine_is_never_run_uncontained(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    began: list[object] = []
    for method in ("run", "run_in", "open", "open_command"):
        monkeypatch.setattr(Trusted, method, lambda *given: began.append(given))
    with Trusted() as sandbox, pytest.raises(AssertionError, match="would change the machine"):
        BEHAVIOURS[name](sandbox)
    assert not began
