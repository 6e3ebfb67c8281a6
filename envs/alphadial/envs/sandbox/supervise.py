"""Gives one running command its input, takes its output and bounds it."""

from __future__ import annotations

import fcntl
import os
import selectors
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from ..errors import SandboxFailedError
from ..forking import OwnFile
from ..types import KilledBy, Limits
from .usage import Meter, Usage

TICK_S = 0.005
_END_S = 30.0
"""How long the kernel may take to end what was killed."""
_CHUNK = 65_536
_UNCHANGEABLE = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


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


@contextmanager
def standard_input(content: bytes) -> Iterator[int]:
    """A descriptor of a regular file with this content, as contest systems give one: it can be mapped and sought in.

    The file is in memory, belongs to one run and is sealed: no process can use it to hold anything else.

    Raises:
        SandboxFailedError: the machine has no more descriptors, or no memory.
    """
    try:
        with OwnFile(lambda: os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "w") as written:
            with open(written.fileno(), "wb", closefd=False) as file:
                file.write(content)
            os.fchmod(written.fileno(), 0o444)  # the command may open it again, as /dev/stdin, under another uid
            fcntl.fcntl(written, fcntl.F_ADD_SEALS, _UNCHANGEABLE)
            given = OwnFile(lambda: os.open(f"/proc/self/fd/{written.fileno()}", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise SandboxFailedError(f"cannot hold the input for the sandbox: {error}") from None
    with given:
        yield given.fileno()


def supervise(
    process: subprocess.Popen[bytes],
    limits: Limits,
    meter: Meter,
    kill: Callable[[], None],
) -> Supervised:
    """Until the process has ended; it is not reaped. Pipes are always drained, so no program waits for its reader.

    Args:
        process: with pipes for stdout and stderr, which are closed here.
        limits: CPU time, wall time and output are enforced here.
        meter: of the whole tree; what it finds too much of memory is enforced here too.
        kill: ends the whole tree; called at most once.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    got = Supervised()
    began = killed = monotonic()
    sinks = {process.stdout.fileno(): got.stdout, process.stderr.fileno(): got.stderr}
    selector, ending = selectors.PollSelector(), OwnFile(lambda: os.pidfd_open(process.pid))
    with selector, ending, process.stdout, process.stderr:
        for stream in (ending, process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream.fileno(), selectors.EVENT_READ)
        ended = False
        while not ended:
            for key, _ in selector.select(TICK_S):
                if key.fd in sinks:
                    _drain(selector, key.fd, sinks[key.fd])
                else:
                    ended = True
            limit = None if ended or got.killed_by else _overrun(got, limits, meter(), monotonic() - began)
            if limit is not None:
                got.killed_by, killed = limit, monotonic()
                kill()
            if got.killed_by and monotonic() - killed > _END_S:
                raise SandboxFailedError(f"a command that was killed does not end within {_END_S:g} s")
        for descriptor, sink in sinks.items():
            while got.bytes <= limits.output_bytes and _drain(selector, descriptor, sink):
                pass
    got.wall_s = monotonic() - began
    if got.bytes > limits.output_bytes:
        got.killed_by = got.killed_by or KilledBy.OUTPUT
        del got.stdout[limits.output_bytes :]
        del got.stderr[limits.output_bytes - len(got.stdout) :]
    return got


def _overrun(got: Supervised, limits: Limits, usage: Usage, wall_s: float) -> KilledBy | None:
    if got.bytes > limits.output_bytes:
        return KilledBy.OUTPUT
    return usage.overrun(limits) or (KilledBy.WALL if wall_s > limits.wall_s else None)


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
