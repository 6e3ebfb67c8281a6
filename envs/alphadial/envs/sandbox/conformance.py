"""What every sandbox must do, as checks over the protocol: run them over any backend.

``for name, check in BEHAVIOURS.items(): check(sandbox)``; each raises AssertionError. What a backend does not promise
is listed in ``KNOWN_GAPS`` and must fail there.
"""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..errors import SandboxFailedError
from ..types import MIB, KilledBy, Limits, RunResult
from .conformance_workspace import WORKSPACE_BEHAVIOURS
from .protocol import Sandbox

LIMITS = Limits(cpu_s=0.3, wall_s=5.0, memory_bytes=192 * MIB, output_bytes=64 * 1024, files_bytes=4 * MIB, processes=8)
"""Small, so that hitting each takes a fraction of a second."""


def _python(
    sandbox: Sandbox, code: str, *arguments: str, stdin: str | bytes = "", limits: Limits = LIMITS
) -> RunResult:
    return sandbox.run(["python3", "-I", "-S", "main.py", *arguments], {"main.py": code}, stdin, limits)


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


def exit_status(sandbox: Sandbox) -> None:
    """The status of the command is reported, and so is a command that does not exist."""
    assert _python(sandbox, "raise SystemExit(3)").exit_status == 3
    assert sandbox.run(["no-such-command"], {}, "", LIMITS).exit_status == 127


def ended_by_signal(sandbox: Sandbox) -> None:
    """A signal is told apart from a status."""
    result = _python(sandbox, "import os; os.kill(os.getpid(), 11)")
    assert (result.exit_status, result.signal, result.killed_by) == (None, 11, None)


def files_and_pipes(sandbox: Sandbox) -> None:
    """Files lie in the working directory, stdin arrives whole, bytes that are no text are replaced."""
    code = """
import sys
data = sys.stdin.read()
sys.stdout.buffer.write(b'\\xff' + str(len(data)).encode())
print(open('a/b').read(), file=sys.stderr)
"""
    files: dict[str, str | bytes] = {"main.py": code, "a/b": b"data"}
    result = sandbox.run(["python3", "main.py"], files, "x" * 300_000, LIMITS)
    assert (result.stdout, result.stderr) == ("\ufffd300000", "data\n")


def paths_stay_inside(sandbox: Sandbox) -> None:
    """A file cannot be laid outside the working directory."""
    for name in ("/etc/x", "../x", "a/../../x", ""):
        try:
            sandbox.run(["true"], {name: "x"}, "", LIMITS)
        except ValueError:
            continue
        raise AssertionError(f"{name!r} was accepted")


def cpu_limit(sandbox: Sandbox) -> None:
    """CPU time ends a run, whatever signals it ignores."""
    code = "import signal\nfor s in (24, 14, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: pass"
    assert _python(sandbox, code).killed_by is KilledBy.CPU


def cpu_of_the_tree(sandbox: Sandbox) -> None:
    """Children count: none of the three uses the limit up alone."""
    code = "import os\nfor _ in range(2): os.fork()\nimport time\nwhile time.process_time() < 0.25: pass\nos.wait()"
    assert _python(sandbox, code).killed_by is KilledBy.CPU


def wall_limit(sandbox: Sandbox) -> None:
    """Sleeping ends by the wall clock."""
    result = _python(sandbox, "import time; time.sleep(60)", limits=replace(LIMITS, wall_s=0.3))
    assert (result.killed_by, result.cpu_s < 0.3) == (KilledBy.WALL, True)


def output_limit(sandbox: Sandbox) -> None:
    """Output is cut at the limit, stdout and stderr together."""
    result = _python(sandbox, "import os\nwhile True: os.write(1, b'x' * 4096); os.write(2, b'y' * 4096)")
    assert result.killed_by is KilledBy.OUTPUT
    assert len(result.stdout) + len(result.stderr) <= LIMITS.output_bytes


def no_network(sandbox: Sandbox) -> None:
    """Not even the host's loopback can be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 1)"
        assert _python(sandbox, code, str(server.getsockname()[1])).exit_status != 0


def no_host_files(sandbox: Sandbox) -> None:
    """The host's files can neither be read nor written."""
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text("secret")
        for path in (Path(folder), secret):
            path.chmod(0o777)
        result = _python(sandbox, "import sys; print(open(sys.argv[1]).read())", str(secret))
        assert "secret" not in result.stdout
        _python(sandbox, "import sys; open(sys.argv[1], 'w').write('changed')", str(secret))
        assert secret.read_text() == "secret"


def no_foreign_processes(sandbox: Sandbox) -> None:
    """Only the sandbox's own processes can be seen, and no environment but its own."""
    code = "import os; print(len([p for p in os.listdir('/proc') if p.isdigit()]))"
    assert int(_python(sandbox, code).stdout or 99) <= 3
    shown = _python(sandbox, "print(open('/proc/1/environ').read())")
    assert shown.exit_status != 0 or not shown.stdout.strip()


def memory_limit(sandbox: Sandbox) -> None:
    """A run cannot hold more memory than its limit."""
    result = _python(sandbox, "x = bytearray(512 << 20); print(len(x))", limits=replace(LIMITS, cpu_s=2.0))
    assert (result.stdout, result.exit_status == 0) == ("", False)


def process_limit(sandbox: Sandbox) -> None:
    """Forking ends at the limit."""
    code = """
import os, signal
children = []
try:
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            signal.alarm(5)
            signal.pause()
            os._exit(0)
        children.append(pid)
except OSError:
    pass
print(len(children), flush=True)
for pid in children:
    os.kill(pid, 9)
"""
    assert int(_python(sandbox, code).stdout) <= LIMITS.processes


def file_limit(sandbox: Sandbox) -> None:
    """Files together cannot outgrow their limit."""
    code = "import os\nfor i in range(8):\n  with open(str(i), 'wb') as f: f.write(bytes(1 << 20))"
    assert _python(sandbox, code).exit_status != 0


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
    assert _calls(sandbox, "def f(x):\n    while True: pass\n", "[1]")[0].killed_by is KilledBy.CPU
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


BEHAVIOURS: dict[str, Callable[[Sandbox], None]] = {
    check.__name__: check
    for check in (
        exit_status, ended_by_signal, files_and_pipes, paths_stay_inside, cpu_limit, cpu_of_the_tree, wall_limit,
        output_limit, no_network, no_host_files, no_foreign_processes, memory_limit, process_limit, file_limit,
        answers, large_inputs, errors, step_limit, warm_limits, warm_endings, one_program_at_a_time,
    )
} | WORKSPACE_BEHAVIOURS  # fmt: skip

KNOWN_GAPS = {
    "trusted": frozenset((
        "no_network", "no_host_files", "no_foreign_processes", "memory_limit", "process_limit", "file_limit",
        "only_the_folder_comes_back", "background_ends",
    ))
}  # fmt: skip
"""Backend name to the behaviours that it does not promise."""
