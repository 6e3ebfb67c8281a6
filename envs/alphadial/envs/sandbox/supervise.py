"""Gives one running command its input, takes its output and bounds it."""

from __future__ import annotations

import fcntl
import os
import selectors
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from time import monotonic
from typing import IO

from ..errors import SandboxFailedError
from ..forking import OwnFile, starting
from ..raw import as_text
from ..types import KilledBy, Limits, RunResult
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


def sealed(content: bytes) -> OwnFile:
    """A regular file with this content that can be mapped and sought in, as contest systems give one for stdin.

    It is in memory and nobody can change it: no process can use it to hold anything else.

    Raises:
        SandboxFailedError: the machine has no more descriptors, or no memory.
    """
    try:
        with OwnFile(lambda: os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "w") as written:
            with open(written.fileno(), "wb", closefd=False) as file:
                file.write(content)
            os.fchmod(written.fileno(), 0o444)  # the command may open it again, as /dev/stdin, under another uid
            fcntl.fcntl(written, fcntl.F_ADD_SEALS, _UNCHANGEABLE)
            return OwnFile(lambda: os.open(f"/proc/self/fd/{written.fileno()}", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise SandboxFailedError(f"cannot hold the input for the sandbox: {error}") from None


def pipe() -> tuple[OwnFile, OwnFile]:
    """Our end and a program's, which it may open again, as /dev/stdout: the right way round."""
    with starting:
        read, written = os.pipe()
        ours, theirs = OwnFile(lambda: read), OwnFile(lambda: written, "w")
    os.fchmod(read, 0o222)
    return ours, theirs


@contextmanager
def ending_of(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """A descriptor that can be read once the process has ended; it is not reaped."""
    with OwnFile(lambda: os.pidfd_open(process.pid)) as ending:
        yield ending.fileno()


def supervise(
    stdout: FileIO | IO[bytes],
    stderr: FileIO | IO[bytes],
    endings: Sequence[int],
    limits: Limits,
    meter: Meter,
    kill: Callable[[], None],
) -> Supervised:
    """Waits until a command has ended. Pipes are always drained, so no program waits for its reader.

    Args:
        stdout: our end of the pipe, which is closed here.
        stderr: likewise.
        endings: descriptors, of which one can be read once the command has ended, or is to be.
        limits: CPU time, wall time and output are enforced here.
        meter: of the whole tree; what it finds too much of memory is enforced here too.
        kill: ends the whole tree; called at most once.
    """
    got = Supervised()
    began = killed = monotonic()
    sinks = {stdout.fileno(): got.stdout, stderr.fileno(): got.stderr}
    with selectors.PollSelector() as selector, stdout, stderr:
        for pipe in sinks:
            os.set_blocking(pipe, False)
            selector.register(pipe, selectors.EVENT_READ)
        for ending in endings:
            selector.register(ending, selectors.EVENT_READ)
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


def result_of(got: Supervised, status: int | None, used: Usage, peak: int | None, oom: bool) -> RunResult:
    """What a run of a command came to.

    Args:
        got: what came out.
        status: its exit status, as shells report it; None where it has none.
        used: of the whole tree.
        peak: the most memory it held, where that is known.
        oom: the kernel killed it, or a part of it, for memory.

    Raises:
        SandboxFailedError: something else ended it.
    """
    stdout, stderr = as_text(got.stdout), got.stderr.decode(errors="replace")
    if status is None and got.killed_by is None and not oom:
        raise SandboxFailedError(f"the sandbox broke: {(stderr.strip().splitlines() or ['no message'])[-1]}")
    signal = 9 if status is None else status - 128 if 128 < status <= 192 else None
    return RunResult(
        exit_status=None if signal else status,
        signal=signal,
        stdout=stdout,
        stderr=stderr,
        cpu_s=used.cpu_s,
        uncounted_s=used.uncounted_s,
        wall_s=got.wall_s,
        peak_bytes=peak,
        oom=oom or got.killed_by is KilledBy.MEMORY,
        killed_by=got.killed_by or (KilledBy.MEMORY if oom else None),
    )
