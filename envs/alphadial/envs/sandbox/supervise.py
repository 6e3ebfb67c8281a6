"""Feeds, drains and bounds one running command."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import IO

from ..types import KilledBy, Limits
from .cpu import CpuMeter

TICK_S = 0.005
_CHUNK = 65_536


@dataclass(slots=True)
class Supervised:
    """What came out, and which limit ended it, if one did."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    killed_by: KilledBy | None = None
    wall_s: float = 0.0

    @property
    def bytes(self) -> int:
        """Of output, so far."""
        return len(self.stdout) + len(self.stderr)


def supervise(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    limits: Limits,
    cpu_s: CpuMeter,
    kill: Callable[[], None],
) -> Supervised:
    """Until the process has ended; it is not reaped. Pipes are always drained, so no program waits for its reader.

    Args:
        process: with pipes for stdin, stdout and stderr, which are closed here.
        stdin: all that it is given.
        limits: CPU time, wall time and output are enforced here.
        cpu_s: of the whole tree.
        kill: ends the whole tree; called at most once.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    got = Supervised()
    began = monotonic()
    rest = memoryview(stdin)
    sinks = {process.stdout.fileno(): got.stdout, process.stderr.fileno(): got.stderr}
    pidfd = os.pidfd_open(process.pid)
    with selectors.DefaultSelector() as selector, process.stdin, process.stdout, process.stderr:
        selector.register(pidfd, selectors.EVENT_READ)
        for pipe in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe.fileno(), selectors.EVENT_WRITE if pipe is process.stdin else selectors.EVENT_READ)
        ended = False
        while not ended:
            for key, _ in selector.select(TICK_S):
                if key.fd in sinks:
                    _drain(selector, key.fd, sinks[key.fd])
                elif key.fd == pidfd:
                    ended = True
                else:
                    rest = _feed(selector, process.stdin, rest)
            limit = None if ended or got.killed_by else _overrun(got, limits, cpu_s(), monotonic() - began)
            if limit is not None:
                got.killed_by = limit
                kill()
        for descriptor, sink in sinks.items():
            while got.bytes <= limits.output_bytes and _drain(selector, descriptor, sink):
                pass
    os.close(pidfd)
    got.wall_s = monotonic() - began
    if got.bytes > limits.output_bytes:
        got.killed_by = got.killed_by or KilledBy.OUTPUT
        del got.stdout[limits.output_bytes :]
        del got.stderr[limits.output_bytes - len(got.stdout) :]
    return got


def _overrun(got: Supervised, limits: Limits, cpu_s: float, wall_s: float) -> KilledBy | None:
    if got.bytes > limits.output_bytes:
        return KilledBy.OUTPUT
    if cpu_s > limits.cpu_s:
        return KilledBy.CPU
    return KilledBy.WALL if wall_s > limits.wall_s else None


def _feed(selector: selectors.BaseSelector, pipe: IO[bytes], rest: memoryview) -> memoryview:
    try:
        rest = rest[os.write(pipe.fileno(), rest[:_CHUNK]) :] if rest else rest
    except BlockingIOError:
        return rest
    except OSError:  # it does not read
        rest = rest[:0]
    if not rest:
        selector.unregister(pipe.fileno())
        pipe.close()
    return rest


def _drain(selector: selectors.BaseSelector, pipe: int, sink: bytearray) -> bool:
    if pipe not in selector.get_map():
        return False
    try:
        data = os.read(pipe, _CHUNK)
    except BlockingIOError:
        return False
    if not data:
        selector.unregister(pipe)
    sink += data
    return bool(data)
