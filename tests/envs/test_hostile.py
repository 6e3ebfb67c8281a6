"""Every program of ``hostile/`` is contained, gets its verdict, and harms no program after it.

Each file's first lines say what is expected: ``# expect: VERDICT [or VERDICT]``; ``# mode: steps`` (else full Python),
``# needs:`` what the machine must offer, ``# twice: yes`` to judge it two times in the same server, ``# calls:`` how
often it is called, ``# wall: short`` where only the wall clock can end it, ``# BACKEND: VERDICT`` where that one
differs. A program that reports what it reached returns a list: AC means that it reached nothing.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs import FailureKind, Limits, Problem, Test, Verdict
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import Sandbox, open_sandbox

from .tempting import NOTHING, added, tempting_host, traces

MIB = 1024 * 1024
LIMITS = Limits(cpu_s=3.0, wall_s=20.0, memory_bytes=96 * MIB, output_bytes=64 * 1024, files_bytes=4 * MIB, processes=8)
PROGRAMS = sorted((Path(__file__).parent / "hostile").glob("*.py"))


def directives(source: str) -> dict[str, str]:
    return dict(re.findall(r"^# (\w+): (\w+(?: or \w+)*)$", source, re.MULTILINE))


@dataclass
class Arena:
    sandbox: Sandbox
    judge: Judge
    host: dict[str, Any]

    def problem(self, limits: Limits, calls: int = 1) -> Problem:
        tests = tuple(Test(1, json.dumps([self.host]), "[]", public=True) for _ in range(calls))
        return Problem("hostile", "hostile", "", "", "", "f", tests, limits)


@pytest.fixture(scope="module", params=["bubblewrap", pytest.param("gvisor", marks=pytest.mark.slow)])
def arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    """A judge, beside a host that has something to steal: files, a loopback port, sockets."""
    if request.param == "gvisor" and not shutil.which("runsc"):
        pytest.skip("gVisor is not installed")
    with tempting_host() as host:
        told = {
            "folder": str(host.folder),
            "secret": str(host.secret),
            "port": host.port,
            "abstract": host.abstract,
            "pid": os.getpid(),
            "files_bytes": LIMITS.files_bytes,
        }
        with open_sandbox(request.param) as sandbox, Judge(sandbox, workers=1) as judge:
            yield Arena(sandbox, judge, told)


def honest(arena: Arena, limits: Limits) -> None:
    report = arena.judge.judge(arena.problem(limits), "def f(host):\n    return []\n")
    assert report.verdict is Verdict.AC, report


@pytest.mark.thorough
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_contained(arena: Arena, path: Path) -> None:
    source = path.read_text()
    said = directives(source)
    if said.get("needs") == "x86_64" and platform.machine() != "x86_64":
        pytest.skip("a system call gate of x86_64")
    limits = replace(LIMITS, steps=20_000 if said.get("mode") == "steps" else None)
    expected = said.get(arena.sandbox.name, said["expect"]).split(" or ")
    if "TLE" in expected:  # these take as long as the limits are
        limits = replace(limits, cpu_s=0.3, wall_s=0.3 if said.get("wall") == "short" else 2.0)
    problem = arena.problem(limits, int(said.get("calls", 1)))
    for _ in range(2 if said.get("twice") else 1):
        report = arena.judge.judge(problem, source)
        assert report.verdict in expected, report
        assert report.failure_kind is (None if expected == ["AC"] else FailureKind.CORRECTNESS)
    honest(arena, LIMITS)


@pytest.mark.parametrize("steps", [None, 20_000], ids=["full", "steps"])
@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("(" * 100_000, Verdict.CE),
        ("x = " + "-" * 100_000 + "1", Verdict.CE),
        ("x = " + "[" * 300 + "]" * 300, Verdict.CE),
        ("def f(host):\n    return []\n\0", Verdict.CE),
        ("\ud800", Verdict.CE),
        ("x = '" + "y" * 5_000_000 + "'\n", None),
        ("f = " + "lambda host: " * 3000 + "[]", Verdict.CE),
    ],
    ids=["parentheses", "signs", "brackets", "null", "surrogate", "long", "lambdas"],
)
def test_hostile_source(arena: Arena, source: str, verdict: Verdict | None, steps: int | None) -> None:
    limits = replace(LIMITS, steps=steps)
    report = arena.judge.judge(arena.problem(limits), source)
    assert report.failure_kind is FailureKind.CORRECTNESS
    assert verdict in (None, report.verdict), report
    honest(arena, limits)


@pytest.mark.thorough
def test_nothing_is_left_behind() -> None:
    bare = traces()
    with open_sandbox() as sandbox, Judge(sandbox, workers=1) as judge:
        arena = Arena(sandbox, judge, {"folder": "/", "files_bytes": 0})
        for name in ("segfault", "close_descriptors", "leave_traces"):
            judge.judge(arena.problem(LIMITS), (Path(__file__).parent / "hostile" / f"{name}.py").read_text())
        held = traces()
        assert bool(held.groups - bare.groups) is (sandbox.protection.cgroup is not None)
        assert len(held.processes - bare.processes) >= 3  # bwrap, its init, the server
    assert added(bare) == NOTHING


@pytest.mark.parametrize("name", ["network", "read_host", "signal"])
def test_the_probes_see_what_is_there(arena: Arena, name: str) -> None:
    """Without isolation the same programs do find something: their AC elsewhere means what it says."""
    if name == "signal":  # kill_everything would
        source = "import os\ndef f(host):\n    os.kill(host['pid'], 0)\n    return ['the judge']\n"
    else:
        source = (Path(__file__).parent / "hostile" / f"{name}.py").read_text()
    with open_sandbox("trusted") as trusted, Judge(trusted, workers=1) as judge:
        assert judge.judge(arena.problem(LIMITS), source).verdict is Verdict.WA
