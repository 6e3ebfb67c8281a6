"""gVisor: a kernel of its own between the program and the host's, inside the namespaces and cgroup of bubblewrap."""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.util import Finalize
from time import monotonic

from ..errors import SandboxFailedError, SandboxUnavailableError
from ..forking import OwnFile, in_child
from ..raw import as_bytes
from ..types import MIB, Limits, RunResult
from .bubblewrap import Bubblewrap
from .channel import channel_ends
from .guest.gvisor import BEGUN
from .gvisor_layout import Outgoing, bundle
from .launch import Contained
from .layout import Invocation, stream
from .protocol import CommandServer, Program, Server
from .slot import INIT, Own, Slot
from .usage import Meter, Usage
from .warm import WarmProgram
from .warm_commands import FreshCommands
from .workspace import Workspace, WorkspaceRun, returned

INSTALL = "apt-get install runsc"
_OWN = Own(48 * MIB, 256)
"""Of runsc and its file server, the guest's kernel, and the guest's first process, with their threads; the guest's own
processes are limited by the guest's kernel."""
_PROGRAM = Own(48 * MIB, INIT + 3)
"""Room around a program whose function is called."""
_BEGINS_S = 30.0
_ENDS_S = 5.0
"""How long it may take from the end of the guest's first process to that of gVisor."""


class Gvisor(Bubblewrap):
    """Implements ``Sandbox``. Every run, and every program of a server, is a sandbox of its own.

    What is measured is gVisor with the command in it: some 30 ms of CPU time and 30 MiB of peak memory are its own, and
    a command may hold up to 20 MiB more than its limit. ``conformance.KNOWN_GAPS`` names what it does not do.

    Raises:
        SandboxUnavailableError: it cannot work on this machine; the message names the command that mends it.
    """

    name = "gvisor"

    def __init__(self) -> None:
        runsc = shutil.which("runsc")
        if runsc is None:
            raise SandboxUnavailableError(f"gVisor is not installed; run: {INSTALL}")
        self._runsc = runsc
        super().__init__()
        self.protection = replace(self.protection, seccomp=True, process_limit="rlimit")

    @property
    def release(self) -> str:
        """The release of runsc, as it calls it."""
        said = subprocess.run([self._runsc, "--version"], capture_output=True, text=True).stdout
        return (said.splitlines() or [""])[0].removeprefix("runsc version ")

    def run(
        self, command: Sequence[str], files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits
    ) -> RunResult:
        """See ``Sandbox``."""
        rlimits = json.dumps([(which, *value) for which, value in self.rlimits(limits).items()])
        incoming = stream(files)
        invocation = self._bundle("command", [rlimits, *command], limits, incoming)
        return self._run(invocation, as_bytes(stdin) if isinstance(stdin, str) else stdin, _beside(limits, incoming))

    def run_in(self, workspace: Workspace, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        """See ``Sandbox``."""
        rlimits = json.dumps([(which, *value) for which, value in self.rlimits(limits).items()])
        with OwnFile(lambda: os.memfd_create("alphadial")) as back:
            outgoing = back.fileno()
            incoming = workspace.stream()
            arguments = [str(workspace.max_bytes), rlimits, *command]
            back_to = Outgoing(outgoing, workspace.longest_stream + 1)
            invocation = self._bundle("workspace", arguments, limits, incoming, back_to)
            result = self._run(invocation, b"", _beside(limits, incoming), pass_fds=[outgoing])
            back.seek(0)
            return returned(back.read(back_to.bytes), workspace, result)

    def _begin(self, slot: Slot, contained: Contained) -> Meter:
        """Waits until the command begins; gVisor's own start is not the command's time."""
        assert contained.process.stderr is not None
        said, deadline = b"", monotonic() + _BEGINS_S
        while not said.endswith(BEGUN):
            ready, _, _ = select.select([contained.process.stderr], [], [], max(0.0, deadline - monotonic()))
            byte = os.read(contained.process.stderr.fileno(), 1) if ready else b""  # not one byte of the command's
            if not byte:
                contained.kill()
                with suppress(subprocess.TimeoutExpired):
                    contained.process.communicate(timeout=_ENDS_S)
                said = said.strip() or b"it did not begin"
                raise SandboxFailedError(f"gVisor failed: {said.decode(errors='replace').splitlines()[-1]}")
            said += byte
        meter = slot.meter(contained.init)
        before = meter()
        return lambda: meter().since(before)

    def open(self, limits: Limits) -> Server:
        """See ``Sandbox``."""
        return self._kept(FreshServer(self, limits))

    def open_command(self, command: Sequence[str], limits: Limits) -> CommandServer:
        """See ``Sandbox``."""
        return FreshCommands(self, command)

    def launch_program(self, limits: Limits, channel: socket.socket) -> tuple[Slot, Contained]:
        """Starts the process of one program, which answers on ``channel``.

        Raises:
            SandboxFailedError: it did not start.
        """
        settings = {
            "memory_bytes": limits.memory_bytes,
            "files_bytes": limits.files_bytes,
            "processes": limits.processes + INIT,
        }
        invocation = self._bundle("program", [json.dumps(settings)], limits)
        slot = self._slot(limits, Own(limits.files_bytes + _PROGRAM.memory_bytes, _PROGRAM.processes))
        try:
            stdio = (channel.fileno(), subprocess.DEVNULL, slot.words.descriptor)
            return slot, slot.launch(invocation, self._spawner, stdio)
        except SandboxFailedError:
            slot.kill()
            raise

    def _bundle(
        self,
        kind: str,
        arguments: Sequence[str],
        limits: Limits,
        incoming: bytes = b"",
        outgoing: Outgoing | None = None,
    ) -> Invocation:
        return bundle(
            self.executable, self._runsc, self.python, kind, arguments, limits.files_bytes, incoming, outgoing
        )

    def rlimits(self, limits: Limits) -> dict[int, tuple[int, int]]:
        """Drops the limit on CPU time: where CPUs are few, the guest's kernel takes waiting for running."""
        rlimits = super().rlimits(limits)
        del rlimits[resource.RLIMIT_CPU]
        return rlimits

    def _slot(self, limits: Limits, own: Own, cpus: float | None = None) -> Slot:
        return super()._slot(limits, Own(own.memory_bytes + _OWN.memory_bytes, own.processes + _OWN.processes), cpus)


class FreshServer:
    """Implements ``Server`` and ``warm.Owner`` without a server: each program is the first process of a sandbox."""

    rlimited = True
    """The group around gVisor is wider than what a program may use."""

    def __init__(self, sandbox: Gvisor, limits: Limits) -> None:
        self.limits = limits
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._alive = True
        self._open: tuple[socket.socket, Slot, Contained, Finalize] | None = None
        self._oom_kills = 0
        in_child(self, FreshServer._forget)

    def start(self, source: str, *, entry: str, tagged: bool = False) -> Program:
        """See ``Server``."""
        if self._open is not None:
            raise SandboxFailedError("the server's last program is still open: close it first")
        if not self._alive:
            raise SandboxFailedError("the server is closed")
        ours, theirs = channel_ends()
        try:
            with theirs:
                slot, contained = self._sandbox.launch_program(self.limits, theirs)
        except SandboxFailedError:
            ours.close()
            raise
        # In this process alone: when the program has ended, or the server is dropped, or the interpreter ends.
        self._open = ours, slot, contained, Finalize(self, slot.kill, exitpriority=0)
        return WarmProgram(self, ours, source, entry, tagged)

    def alive(self) -> bool:
        """See ``Server``."""
        return self._alive

    def close(self) -> None:
        """See ``Server``."""
        self._alive = False
        self.end()

    def end(self) -> RunResult:
        """See ``warm.Owner``."""
        with self._lock:
            opened, self._open = self._open, None
        if opened is None:
            return RunResult(exit_status=None, signal=9)
        ours, slot, contained, end = opened
        try:
            if _hung_up(ours):
                select.select([contained.init_fd], [], [], _ENDS_S)
            contained.kill()
            status = slot.finish()
            cpu_s, peak = slot.meter(contained.init)().cpu_s, slot.peak_bytes()
        finally:
            end()
            self._oom_kills += slot.oom_kills()
        signal = 9 if status is None else status - 128 if 128 < status <= 192 else None
        return RunResult(exit_status=None if signal else status, signal=signal, cpu_s=cpu_s, peak_bytes=peak)

    def _forget(self) -> None:
        """All that a forked child does with the parent's server."""
        self._lock = threading.Lock()
        self._alive = False
        self._open = None

    def meter(self, pid: int) -> Meter:
        """See ``warm.Owner``; ``pid`` is of gVisor's kernel."""
        if self._open is None:
            return Usage
        _, slot, contained, _ = self._open
        return slot.meter(contained.init)

    def oom_kills(self) -> int:
        """See ``warm.Owner``."""
        opened = self._open
        return self._oom_kills + (opened[1].oom_kills() if opened is not None else 0)


def _hung_up(channel: socket.socket) -> bool:
    poll = select.poll()
    poll.register(channel, select.POLLRDHUP)
    return bool(poll.poll(0))


def _beside(limits: Limits, incoming: bytes) -> Limits:
    """Adds room for the files as they came, beside those in the guest."""
    return replace(limits, memory_bytes=limits.memory_bytes + len(incoming))
