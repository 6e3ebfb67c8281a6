"""What is counted of processes where no cgroup counts them."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from alphadial.envs.sandbox.usage import Usage, process_meter, tree_meter
from alphadial.envs.types import MIB

_CHILDREN = """
import os, signal, sys, time
count, each, ignored = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "ignored"
if ignored:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(count):
    ours, theirs = os.pipe()
    if os.fork() == 0:
        while time.process_time() < each: pass
        os.write(theirs, b"x")
        os._exit(0)
    os.read(ours, 1)
    os.close(ours)
    os.close(theirs)
    if not ignored:
        os.wait()
print(sum(os.times()[:4]), flush=True)
sys.stdin.read()
"""
_SHARED = """
import mmap, os, sys
private, shared = bytearray(b"x") * (40 << 20), mmap.mmap(-1, 20 << 20)
shared.write(b"x" * (20 << 20))
for _ in range(3):
    if os.fork() == 0:
        sys.stdin.read()
        os._exit(0)
print(0, flush=True)
sys.stdin.read()
"""
_NAMELESS = """
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(15, b") \\xff\\xfe R 1", 0, 0, 0)
while time.process_time() < 0.1: pass
print(0, flush=True)
sys.stdin.read()
"""


@contextmanager
def running(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def polled(process: subprocess.Popen[str], memory_bytes: int = 64 * MIB) -> tuple[Usage, float]:
    """What a meter says that is read every few milliseconds until the process says its own figure, and that figure."""
    assert process.stdout is not None
    meter = tree_meter(process.pid, memory_bytes)
    while not select.select([process.stdout], [], [], 0.003)[0]:
        meter()
    return meter(), float(process.stdout.readline())


@pytest.mark.thorough
def test_children_that_nobody_waits_for_count() -> None:
    with running(_CHILDREN, 4, 0.2, "ignored") as process:
        used, told_s = polled(process)
    assert told_s < 0.4 <= used.cpu_s


@pytest.mark.thorough
def test_what_children_too_short_to_be_seen_may_have_used_is_told() -> None:
    for _ in range(4):  # a meter that is kept from reading for long sees too little to tell
        began = time.monotonic()
        with running(_CHILDREN, 300, 0.001, "ignored") as process:
            used, _ = polled(process)
        assert used.uncounted_s <= time.monotonic() - began
        if used.cpu_s + used.uncounted_s >= 0.3:
            return
    pytest.fail(f"only {used.cpu_s + used.uncounted_s} s of 0.3 s are told")


@pytest.mark.parametrize(("count", "each_s"), [(6, 0.05), (100, 0.001)])
def test_children_that_are_waited_for_are_counted_once_and_whole(count: int, each_s: float) -> None:
    with running(_CHILDREN, count, each_s, "waited") as process:
        used, told_s = polled(process)
    assert used.cpu_s == pytest.approx(told_s, abs=0.05)
    assert used.uncounted_s <= 0.05


def test_a_process_whose_name_is_no_text_counts() -> None:
    with running(_NAMELESS) as process:
        used, _ = polled(process)
    assert used.cpu_s >= 0.1


def test_pages_that_processes_share_count_once_where_they_matter() -> None:
    with running(_SHARED) as process:
        used, _ = polled(process, 100 * MIB)
        assert used.peak_bytes is not None
        assert (60 * MIB < used.peak_bytes <= 100 * MIB, used.full) == (True, False)
        assert tree_meter(process.pid, 50 * MIB)().full


def test_a_meter_repeats_the_last_figures_of_what_has_gone() -> None:
    with running(_CHILDREN, 1, 0.05, "waited") as process:
        polled(process)
        meters = [process_meter(process.pid), tree_meter(process.pid, MIB)]
        before = [meter() for meter in meters]
    assert [meter() for meter in meters] == before
    assert before[0].cpu_s > 0
