"""The judge's side of a warm server whose programs are runs of one command: ``CommandServer`` over ``WarmServer``."""

from __future__ import annotations

import select
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from io import FileIO
from pathlib import Path

from ..errors import NotWarmError, SandboxFailedError
from ..raw import as_bytes
from ..types import KilledBy, Limits, RunResult
from . import layout
from .channel import Channel, Frame, Gone
from .guest import frames
from .protocol import Sandbox
from .slot import Slot
from .supervise import pipe, result_of, sealed, supervise
from .usage import Meter, tree_meter
from .warm import WarmServer

_MORE_CPU_S = 2


class WarmCommands:
    """Implements ``CommandServer``.

    Args:
        server: whose programs are runs of the command.
        slot: that of the server.
    """

    cold = False

    def __init__(self, server: WarmServer, slot: Slot) -> None:
        self._server = server
        self._slot = slot
        self._files: Mapping[str, str | bytes] = {}
        self._stream = sealed(b"")

    def run(self, files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits) -> RunResult:
        """See ``CommandServer``."""
        if files is not self._files:
            self._stream.close()
            self._stream, self._files = sealed(layout.stream(files)), files
        oom_kills = self._slot.oom_kills()
        try:
            return self._run(as_bytes(stdin) if isinstance(stdin, str) else stdin, limits, oom_kills)
        except SandboxFailedError:
            # The kernel may choose the server as the victim for memory that the program took.
            if self._slot.oom_kills() == oom_kills:
                raise
            return RunResult(exit_status=None, signal=9, oom=True, killed_by=KilledBy.MEMORY)

    def alive(self) -> bool:
        """See ``CommandServer``."""
        return self._server.alive()

    def close(self) -> None:
        """See ``CommandServer``."""
        self._server.close()
        self._stream.close()

    def _run(self, stdin: bytes, limits: Limits, oom_kills: int) -> RunResult:
        with ExitStack() as stack:
            stdout, stdout_end = pipe()
            stderr, stderr_end = pipe()
            stack.enter_context(stdout)
            stack.enter_context(stderr)
            channel = Channel(self._server.take(), limits.output_bytes)
            stack.callback(channel.close)
            pid = channel.ready()
            with sealed(stdin) as given, stdout_end, stderr_end:
                meter = self._meter(pid, limits.memory_bytes + len(stdin))
                descriptors = [each.fileno() for each in (self._stream, given, stdout_end, stderr_end)]
                channel.hand_over(frames.CPU.pack(int(limits.cpu_s) + _MORE_CPU_S), descriptors)
            self._server.prepare()
            endings = [channel.descriptor, *([channel.listener.fileno()] if channel.listener else [])]
            got = supervise(stdout, stderr, endings, limits, meter, self._server.kill)
            status = self._status(channel, killed=got.killed_by is not None)
        used, peak, oom = meter(), self._slot.peak_bytes(), self._slot.oom_kills() > oom_kills
        return result_of(got, status, used, peak if peak is not None else used.peak_bytes, oom)

    def _status(self, channel: Channel, *, killed: bool) -> int | None:
        refused = channel.listener is not None and _asks(channel.listener)
        said = Gone() if killed or refused else channel.receive(lambda: None)
        if isinstance(said, Frame) and said.kind == frames.EXIT:
            return said.steps
        if isinstance(said, Frame):
            raise SandboxFailedError(f"the warm server could not begin a program: {said.text}")
        if not killed:
            self._server.kill()
        ended = self._server.ended()
        if refused:
            raise NotWarmError("the program asked for what no program may in a warm server")
        return ended.exit_status

    def _meter(self, pid: int, memory_bytes: int) -> Meter:
        """Counts from now on, and the start that was spared."""
        self._slot.begin()
        meter = self._slot.meter(pid) if self._slot.counts else tree_meter(_parent_of(pid), memory_bytes)
        before = meter()
        before = replace(before, cpu_s=before.cpu_s - self._server.start_s)
        return lambda: meter().since(before)


class FreshCommands:
    """Implements ``CommandServer`` without a server."""

    cold = True

    def __init__(self, sandbox: Sandbox, command: Sequence[str]) -> None:
        self._sandbox = sandbox
        self._command = command
        self._alive = True

    def run(self, files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits) -> RunResult:
        """See ``CommandServer``."""
        return self._sandbox.run(self._command, files, stdin, limits)

    def alive(self) -> bool:
        """See ``CommandServer``."""
        return self._alive

    def close(self) -> None:
        """See ``CommandServer``."""
        self._alive = False


def _asks(listener: FileIO) -> bool:
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return any(event & select.POLLIN for _, event in poll.poll(0))


def _parent_of(pid: int) -> int:
    """The first process of its namespace, from which all others in it descend."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
