"""Every program of ``hostile_stdio/`` is contained, gets its verdict, and leaves nothing behind, on every backend.

Bubblewrap runs them in warm servers, and again without (``fresh``). Each file's first lines say what is expected:
``expect: VERDICT``, or ``BACKEND: VERDICT WHAT IT REACHES`` where that one differs; ``needs:`` what the machine must
offer, ``twice: yes`` to judge it two times, ``wall: yes`` where only the wall clock can end it. A program that probes
prints what it reached, or "nothing": AC means that it reached nothing.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import Sandbox, open_sandbox
from alphadial.envs.types import Interface, Limits, Problem, Test, Verdict

from .fresh import Fresh
from .labelled import judged_at, labelled
from .tempting import NOTHING, Host, Traces, added, tempting_host, traces

MIB = 1024 * 1024
LIMITS = Limits(wall_s=1.0, memory_bytes=96 * MIB, output_bytes=64 * 1024, files_bytes=4 * MIB, processes=12)
LIMIT_S = 3.0
"""Far more than any program needs that is not about time, on a busy machine and with gVisor's own time added."""
OVERRUN_S = 0.4
"""Programs that are meant to run into the limit take as long as it is."""
WALL_S = 0.2
"""What the wall clock allows is a multiple of the limit."""
PROGRAMS = sorted(path for path in (Path(__file__).parent / "hostile_stdio").iterdir() if path.is_file())
QUICK = {
    "forge_status.py", "status_of_a_signal.py", "linger.py", "read_tests.py", "environment.py", "shared_memory.py",
    "proc_neighbour.py", "network.py", "kill_everything.py", "fork_bomb.py", "memory_in_children.cpp",
    "output_flood.cpp", "compile_incbin.cpp", "poison_interpreter.py", "left_spy.py", "forge_frames.py",
    "rewrite_itself.py", "lose_the_buffer.py", "becomes_another.py",
}  # fmt: skip
"""Run by default; the others by the marker."""
LANGUAGES = {".py": "python3", ".cpp": "cpp"}


def directives(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^(?:#|//) (\w+): (.+)$", path.read_text(), re.MULTILINE))


@dataclass
class Arena:
    name: str
    sandbox: Sandbox
    host: Host
    before: Traces

    def problem(self) -> Problem:
        host = self.host
        told = f"{host.folder} {host.secret} {host.port} {host.abstract} {os.getpid()}\n"
        tests = (Test(1, told, "nothing\n", public=True), Test(2, told, "nothing\n"))
        return Problem("hostile", "hostile", "", "", "", "", tests, LIMITS, interface=Interface.STDIO)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("fresh", "gvisor")]


@pytest.fixture(scope="module", params=["bubblewrap", *SLOW])
def arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    if request.param == "gvisor" and not shutil.which("runsc"):
        pytest.skip("gVisor is not installed")
    bare = traces()
    with tempting_host() as host, Fresh() if request.param == "fresh" else open_sandbox(request.param) as sandbox:
        sandbox.run(["true"], {}, "", LIMITS)  # with its first run begins a thread of its own
        yield Arena(request.param, sandbox, host, traces())
    assert added(bare) == NOTHING


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.name, marks=() if path.name in QUICK else pytest.mark.slow) for path in PROGRAMS],
)
def test_contained(arena: Arena, path: Path) -> None:
    said = directives(path)
    if said.get("needs") == "x86_64" and platform.machine() != "x86_64":
        pytest.skip("system calls by their numbers on x86_64")
    solution = labelled(path.name, LANGUAGES[path.suffix], {f"main{path.suffix}": path.read_text()})
    with Judge(arena.sandbox, workers=1) as judge:
        for _ in range(2 if "twice" in said else 1):
            verdict, *reached = said.get(arena.name, said["expect"]).split()
            limit_s = WALL_S if "wall" in said else OVERRUN_S if verdict == Verdict.TLE else LIMIT_S
            report = judged_at(judge, arena.problem(), solution, limit_s)
            assert report.verdict == verdict, report
            assert not reached or (report.record.tests[0].output or "").split() == reached
            assert not report.error
        honest = labelled("honest", "python3", {"main.py": "input()\nprint('nothing')\n"})
        assert judged_at(judge, arena.problem(), honest, LIMIT_S).verdict is Verdict.AC
    assert added(arena.before) == NOTHING
    assert arena.host.secret.read_text() == "secret"
