"""What ``Sandbox.open`` must do, as checks over the protocol; part of ``conformance.BEHAVIOURS``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from ..errors import SandboxFailedError
from ..types import MIB, KilledBy, Limits, RunResult
from .protocol import Sandbox

LIMITS = Limits(
    cpu_s=5.0, wall_s=60.0, memory_bytes=192 * MIB, output_bytes=64 * 1024, files_bytes=4 * MIB, processes=8
)
"""Times that a busy machine keeps; all else is small, so that hitting it takes a fraction of a second."""
HASTY = replace(LIMITS, cpu_s=0.3, wall_s=5.0)
"""The limits of what is meant to run into the one on CPU time."""


def _calls(sandbox: Sandbox, source: str, *inputs: str, limits: Limits = LIMITS) -> list[RunResult]:
    server = sandbox.open(limits)
    try:
        program = server.start(source, entry="f")
        results = [program.call(input) for input in inputs]
        program.close()
        # Whatever the program was, the next one finds the server as new.
        canary = server.start("def f(x):\n    return [x]\n", entry="f")
        assert canary.call("[7]").stdout == "[7]", "the next program was harmed"
        canary.close()
    finally:
        server.close()
    return results


def answers(sandbox: Sandbox) -> None:
    """A warm program answers call after call, and keeps its state between them."""
    source = "seen = []\ndef f(a, k):\n    seen.append(k)\n    return [sum(a) * k, len(seen)]\n"
    results = _calls(sandbox, source, "[[1, 2], 2]", "[[3], 3]")
    assert [json.loads(result.stdout) for result in results] == [[6, 1], [9, 2]]
    assert all(result.answered for result in results)


def large_inputs(sandbox: Sandbox) -> None:
    """Sources and inputs larger than any pipe's buffer arrive whole."""
    source = f"x = '{'y' * 500_000}'\ndef f(a):\n    return [len(x), len(a)]\n"
    results = _calls(sandbox, source, json.dumps(["z" * 1_000_000]), json.dumps([[0] * 400_000]))
    assert [result.stdout for result in results] == ["[500000, 1000000]", "[500000, 400000]"]


def ordinary_means(sandbox: Sandbox) -> None:
    """Programs may lock files, keep a database in one, give functions to processes and define dataclasses."""
    source = """
from __future__ import annotations
import dataclasses, fcntl, multiprocessing, sqlite3

@dataclasses.dataclass
class Pair:
    left: int

def double(x):
    return 2 * x

def f(x):
    with multiprocessing.Pool(1) as pool, open("lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = sqlite3.connect("kept.sqlite")
        kept.execute("CREATE TABLE kept (value)")
        kept.execute("INSERT INTO kept VALUES (?)", pool.map(double, [x]))
        kept.commit()
        return [Pair(row[0]).left for row in kept.execute("SELECT value FROM kept")]
"""
    (result,) = _calls(sandbox, source, "[21]")
    assert result.stdout == "[42]", result


def errors(sandbox: Sandbox) -> None:
    """Exceptions and compile errors come in one line; later calls repeat the end."""
    first, again = _calls(sandbox, "def f(x):\n    return [][x]\n", "[1]", "[0]")
    assert first.error == again.error == "IndexError: list index out of range"
    assert _calls(sandbox, "def f(:\n", "[1]")[0].compile_error is not None
    assert _calls(sandbox, "x = 1\n", "[1]")[0].error == "NameError: no function named f"


def step_limit(sandbox: Sandbox) -> None:
    """Steps are counted exactly, afresh for every call, and their end cannot be caught."""
    limits = replace(LIMITS, steps=100)
    source = "def f(n):\n    for i in range(n):\n        pass\n    return n\n"
    twice = [[r.steps for r in _calls(sandbox, source, "[20]", "[20]", limits=limits)] for _ in range(2)]
    assert twice[0] == twice[1]
    assert len(set(twice[0])) == 1
    assert _calls(sandbox, source, "[200]", limits=limits)[0].killed_by is KilledBy.STEPS
    assert _calls(sandbox, "import os\ndef f(n): return n\n", "[1]", limits=limits)[0].compile_error is not None


def warm_limits(sandbox: Sandbox) -> None:
    """Memory, CPU, wall and output limits hold for a warm call."""
    assert _calls(sandbox, "def f(x):\n    return len([0] * 10**9)\n", "[1]")[0].oom
    assert _calls(sandbox, "def f(x):\n    while True: pass\n", "[1]", limits=HASTY)[0].killed_by is KilledBy.CPU
    slow = replace(LIMITS, wall_s=0.3)
    assert _calls(sandbox, "import time\ndef f(x): time.sleep(60)\n", "[1]", limits=slow)[0].killed_by is KilledBy.WALL
    assert _calls(sandbox, "def f(x):\n    return 'x' * 10**6\n", "[1]")[0].killed_by is KilledBy.OUTPUT


def warm_endings(sandbox: Sandbox) -> None:
    """Leaving and crashing in a call are the program's end, not the server's."""
    assert _calls(sandbox, "import os\ndef f(x): os._exit(5)\n", "[1]")[0].exit_status == 5
    crash = "import ctypes\ndef f(x): ctypes.string_at(0)\n"
    assert _calls(sandbox, crash, "[1]")[0].signal == 11


def one_program_at_a_time(sandbox: Sandbox) -> None:
    """A server refuses a second program while one is open, and any after its close."""
    server = sandbox.open(LIMITS)
    server.start("def f(x): return x", entry="f")
    for _ in range(2):
        try:
            server.start("def f(x): return x", entry="f")
        except SandboxFailedError:
            server.close()
            continue
        raise AssertionError("a program was started")
    assert not server.alive()


WARM_BEHAVIOURS: dict[str, Callable[[Sandbox], None]] = {
    check.__name__: check
    for check in (
        answers, large_inputs, ordinary_means, errors, step_limit, warm_limits, warm_endings, one_program_at_a_time,
    )
}  # fmt: skip
