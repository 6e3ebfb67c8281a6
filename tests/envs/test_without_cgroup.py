"""Verdicts where no cgroup can be made, as for most ordinary users: right, or none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.languages import find_language
from alphadial.envs.sandbox import Sandbox, cgroups, open_sandbox
from alphadial.envs.types import MIB, FailureKind, Interface, Limits, Problem, Test, Verdict

from .labelled import Found, judged_at, labelled

LIMITS = Limits(wall_s=10.0, memory_bytes=64 * MIB, processes=8)
PROBLEM = Problem("p", "", "", "", "", "", (Test(1, "21\n", "42\n"),), LIMITS, interface=Interface.STDIO)
LIMIT_S = 0.4
UNWAITED = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def burn(total, each):
    until = time.monotonic() + 20
    done = 0.0
    while done < total and time.monotonic() < until:
        ours, theirs = os.pipe()
        if os.fork() == 0:
            while time.process_time() < each: pass
            os.write(theirs, b"x")
            os._exit(0)
        os.close(theirs)
        os.read(ours, 1)
        os.close(ours)
        done += each
"""
DAEMON = """
import os, time
def daemon(seconds):
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            until = time.process_time() + seconds
            while time.process_time() < until: pass
        os._exit(0)
    os.wait()
    os.close(theirs)
    os.read(ours, 1)
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cgroups, "find", lambda: None)
        with open_sandbox() as opened:
            assert opened.protection.counted_by == "polling"
            yield opened


@pytest.fixture(scope="module")
def judge(sandbox: Sandbox) -> Judge:
    return Judge(sandbox, workers=1)


def judged(judge: Judge, source: str, language: str = "python3", limit_s: float = LIMIT_S) -> Found:
    known = find_language(language)
    found = judged_at(judge, PROBLEM, labelled("s", language, {f"{known.main}{known.extensions[0]}": source}), limit_s)
    assert found.record.counted_by == "polling"
    return found


STATIC_ARRAY = """
#include <stdio.h>
static char table[1 << 30];
int main(void) { table[9] = 42; printf("%d", table[9]); }
"""
DEEP = """
#include <stdio.h>
int deep(int n) { volatile char here[1008]; here[0] = 1; return n ? deep(n - 1) + here[0] : 0; }
int main(void) { printf("%d", deep(46000) / 46000 * 42); }
"""
ENDLESS = """
int deep(volatile int *above) { volatile int here[64]; here[0] = *above + 1; return deep(here) + here[0]; }
int main(void) { volatile int first = 0; return deep(&first); }
"""
THREADS = """
import threading
threads = [threading.Thread(target=lambda: None) for _ in range(6)]
for thread in threads: thread.start()
print(2 * int(input()))
"""
SHARED_PAGES = """
import os
held = bytearray(b"x") * (40 << 20)
for _ in range(4): os.fork() or os._exit(0)
for _ in range(4): os.wait()
print(42)
"""
HELD_BY_CHILDREN = """
import os, time
for _ in range(4):
    if not os.fork():
        held = bytearray(b"x") * (30 << 20)
        time.sleep(1)
        os._exit(0)
for _ in range(4): os.wait()
print(42)
"""


@pytest.mark.parametrize(
    ("language", "source"),
    [("c", STATIC_ARRAY), ("c", DEEP), ("python3", THREADS), ("python3", SHARED_PAGES)],
    ids=["static_array", "deep_recursion", "threads", "shared_pages"],
)
def test_honest_programs_are_accepted(judge: Judge, language: str, source: str) -> None:
    found = judged(judge, source, language, 5.0)
    assert (found.verdict, found.error) == (Verdict.AC, "")


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python3", "held = bytearray(b'x') * (200 << 20)\nprint(42)\n"),
        ("python3", HELD_BY_CHILDREN),
        ("c", ENDLESS),
    ],
    ids=["held", "children", "endless_recursion"],
)
def test_too_much_memory_is_the_memory_limit(judge: Judge, language: str, source: str) -> None:
    assert judged(judge, source, language, 5.0).verdict is Verdict.MLE


@pytest.mark.thorough
def test_children_that_nobody_waits_for_are_in_the_time(judge: Judge) -> None:
    assert judged(judge, f"{UNWAITED}burn(1.5, 0.1)\nprint(42)\n").verdict is Verdict.TLE


@pytest.mark.slow
def test_children_too_short_to_be_seen_leave_no_verdict(judge: Judge) -> None:
    found = judged(judge, f"{UNWAITED}burn(1.5, 0.0005)\nprint(42)\n", limit_s=1.0)
    assert found.verdict in (None, Verdict.TLE)
    if found.verdict is None:
        assert "in processes that only a cgroup can count" in found.error


@pytest.mark.thorough
def test_a_warm_server_counts_children_and_daemons(sandbox: Sandbox) -> None:
    limits = Limits(cpu_s=0.3, wall_s=20.0, processes=8)
    problem = Problem("p", "", "", "", "", "f", (Test(1, "[]", "42"),), limits)
    with Judge(sandbox, workers=1) as judge:
        for source in (f"{UNWAITED}def f():\n    burn(1.2, 0.1)\n", f"{DAEMON}def f():\n    daemon(1.0)\n"):
            assert judge.judge(problem, f"{source}    return 42\n").verdict is Verdict.TLE


@pytest.mark.slow
def test_a_warm_server_gives_no_verdict_on_what_it_cannot_count(sandbox: Sandbox) -> None:
    limits = Limits(cpu_s=1.0, wall_s=8.0, processes=8)
    problem = Problem("p", "", "", "", "", "f", (Test(1, "[]", "42"),), limits)
    with Judge(sandbox, workers=1) as judge:
        found = judge.judge(problem, f"{UNWAITED}def f():\n    burn(1.5, 0.0005)\n    return 42\n")
        assert found.failure_kind is FailureKind.UNMEASURABLE or found.verdict is Verdict.TLE
        assert judge.judge(problem, "def f():\n    return 42\n").verdict is Verdict.AC


@pytest.mark.slow
def test_java_runs(judge: Judge) -> None:
    code = (
        "public static void main(String[] a) { System.out.println(2 * new java.util.Scanner(System.in).nextLong()); }"
    )
    found = judged(judge, f"public class Main {{ {code} }}", "java", 10.0)
    assert found.solved, found
