"""Programs that read stdin run in warm servers, and what those cannot tell is run in a fresh sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import CommandServer, Sandbox, open_sandbox
from alphadial.envs.types import MIB, Interface, Limits, Problem, Submission, Test, Verdict

TESTS = tuple(Test(1, f"{number}\n", f"{2 * number}\n", name=str(number)) for number in range(4))
DOUBLE = Problem("d", "d", "", "", "", "", TESTS, Limits(), interface=Interface.STDIO, time_limit_s=10.0)


class Counting:
    """A sandbox that counts what runs in a fresh one."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.fresh: list[str] = []
        self.servers: list[CommandServer] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    def open_command(self, command: Sequence[str], limits: Limits) -> CommandServer:
        self.servers.append(self._sandbox.open_command(command, limits))
        return self.servers[-1]

    def run(self, command: Sequence[str], *arguments: Any) -> Any:
        self.fresh.append(command[0])
        return self._sandbox.run(command, *arguments)

    def run_in(self, workspace: Any, command: Sequence[str], *arguments: Any) -> Any:
        self.fresh.append(command[0])
        return self._sandbox.run_in(workspace, command, *arguments)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as opened:
        yield opened


def judged(sandbox: Sandbox, program: Submission | str, problem: Problem = DOUBLE) -> tuple[Verdict | None, list[str]]:
    counting = Counting(sandbox)
    with Judge(cast(Sandbox, counting)) as judge:
        report = judge.judge(problem, program)
    assert not report.error, report
    return report.verdict, counting.fresh


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("print(2 * int(input()))", Verdict.AC),
        ("print(3 * int(input()))", Verdict.WA),
        ("print([][int(input())])", Verdict.RTE),
        ("raise SystemExit(3)", Verdict.RTE),
        ("import os\nos.abort()", Verdict.RTE),
        ("import socket\nfor end in socket.socketpair(): end.close()\nprint(2 * int(input()))", Verdict.AC),
        ("print(", Verdict.CE),
        ("while True: print('x' * 10_000)", Verdict.OLE),
    ],
)
def test_python_needs_no_fresh_sandbox(sandbox: Sandbox, source: str, verdict: Verdict) -> None:
    assert judged(sandbox, source) == (verdict, [])


def test_compiled_programs_need_one_for_the_compiler_alone(sandbox: Sandbox) -> None:
    source = '#include <stdio.h>\nint main(void) { int n; scanf("%d", &n); printf("%d\\n", 2 * n); return 0; }'
    assert judged(sandbox, Submission("c", {"main.c": source}, "main.c")) == (Verdict.AC, ["gcc"])


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("import socket\nsocket.create_server(('127.0.0.1', 0))\nprint(2 * int(input()))", Verdict.AC),
        ("x = bytearray(b'x') * (200 << 20)\nprint(2 * int(input()))", Verdict.MLE),
        ("import os, sys\nos.kill(os.getpid(), 9)", Verdict.RTE),
        ("import fcntl\nfcntl.flock(0, fcntl.LOCK_SH)\nprint(2 * int(input()))", Verdict.AC),
        ("import fcntl\nfcntl.lockf(open('x', 'w'), fcntl.LOCK_EX)\nprint(2 * int(input()))", Verdict.AC),
        (
            "import os\nif os.fork() == 0: import socket; socket.socket()\nprint(2 * int(input()), os.wait()[1])",
            Verdict.WA,
        ),
    ],
)
def test_what_a_warm_server_may_be_to_blame_for_runs_in_a_fresh_sandbox(
    sandbox: Sandbox, source: str, verdict: Verdict
) -> None:
    small = replace(DOUBLE, tests=TESTS[:1], limits=Limits(memory_bytes=128 * MIB))
    found, fresh = judged(sandbox, source, small)
    assert found == verdict
    assert fresh


@pytest.mark.thorough
def test_a_time_near_the_limit_is_taken_again_in_a_fresh_sandbox(sandbox: Sandbox) -> None:
    source = "import time\nn = int(input())\nwhile time.process_time() < 0.36: pass\nprint(2 * n)"
    _, fresh = judged(sandbox, source, replace(DOUBLE, tests=TESTS[:1], time_limit_s=0.4))
    assert fresh


@pytest.mark.thorough
def test_a_server_that_is_gone_is_replaced(sandbox: Sandbox) -> None:
    counting = Counting(sandbox)
    with Judge(cast(Sandbox, counting)) as judge:
        for _ in range(2):
            assert judge.judge(DOUBLE, "print(2 * int(input()))").solved
            for server in counting.servers:
                server.close()
    assert (len(counting.servers), counting.fresh) == (4, [])
