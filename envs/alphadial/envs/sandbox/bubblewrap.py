"""The default sandbox: bubblewrap under a cgroup where there is one, with a host uid per slot where we are root."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import threading
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

from ..closing import Closing
from ..errors import SandboxFailedError, SandboxUnavailableError
from ..forking import OfOneProcess, OwnFile, OwnSocket, in_child, socket_pair
from ..raw import as_bytes
from ..types import MIB, Limits, RunResult
from . import cgroups, interpreter, layout, namespaces, orphans, seccomp
from .guest.workspace import UNFIT
from .launch import Contained
from .protocol import CommandServer, Protection, Server
from .slot import COLD, INIT, Own, Slot
from .supervise import ending_of, result_of, sealed, supervise
from .usage import Meter
from .warm import WarmServer
from .warm_commands import WarmCommands
from .workspace import Workspace, WorkspaceRun, returned

AServer = TypeVar("AServer", Server, CommandServer)
INSTALL = "apt-get install bubblewrap"
DOCTOR = "alphadial doctor"
_SUPPORTED = "0.7"
"""The first release of bubblewrap with --size for a tmpfs."""
_KERNEL_COUNTS_PER_NAMESPACE = (5, 14)
"""Since then RLIMIT_NPROC counts a user namespace's processes; before, all of the host uid's."""
_OPEN_FILES = 256
_OPEN_FILES_OF_CALLS, _FILES_OF_CALLS = 64, 4096
_CALLS = Own(48 * MIB, INIT + 3)
"""The server, the process that waits for the next program, and one that is being reaped."""
_COMMANDS = Own(24 * MIB, INIT + 4)
"""The server, the process that waits for the next program, and the first ones of the namespaces of that and of the one
that runs."""
_STACKS = 4
"""How many times the memory limit a stack may be where no cgroup counts memory."""
_PROVEN: set[tuple[str, interpreter.Interpreter, Protection]] = set()
"""What a run of this process has shown to work."""


class Bubblewrap(OfOneProcess, Closing):
    """Implements ``Sandbox``.

    Raises:
        SandboxUnavailableError: it cannot work on this machine; the message names the command that mends it.
    """

    name = "bubblewrap"

    def __init__(self) -> None:
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise SandboxUnavailableError(f"bubblewrap is not installed; run: {INSTALL}")
        root = os.geteuid() == 0
        python = interpreter.choose(another_uid=root)
        if python is None:
            raise SandboxUnavailableError("no Python 3.11 within reach of the sandbox; run: apt-get install python3")
        self.executable, self.python = bwrap, python
        orphans.sweep()
        self._cgroups = cgroups.find()
        if self._cgroups is not None:
            orphans.sweep_groups(self._cgroups)
        self._seccomp = seccomp.deny_list() if seccomp.supported() else None
        self._begin_process()
        in_child(self, Bubblewrap._begin_process)
        self.protection = Protection(
            network=True,
            filesystem=True,
            processes=True,
            own_uid=root,
            capabilities=True,
            seccomp=self._seccomp is not None,
            cgroup=self._cgroups.version if self._cgroups else None,
            process_limit="cgroup" if self._cgroups else "rlimit" if root or _counts_per_namespace() else "none",
            interpreter=str(python.executable),
        )
        self._prove()

    def _begin_process(self) -> None:
        """What every process has of its own; a forked child leaves the parent's servers alone."""
        self._spawner = ThreadPoolExecutor(1, "alphadial-spawner")
        self._lock = threading.Lock()
        self._servers: weakref.WeakSet[Server | CommandServer] = weakref.WeakSet()

    def run(
        self, command: Sequence[str], files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits
    ) -> RunResult:
        """See ``Sandbox``."""
        invocation = layout.for_command(self.executable, self.python, files, limits.files_bytes, self._seccomp)
        invocation.add("--", *layout.limited(self.python, self.rlimits(limits), command))
        return self._run(invocation, as_bytes(stdin) if isinstance(stdin, str) else stdin, limits)

    def run_in(self, workspace: Workspace, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        """See ``Sandbox``."""
        invocation = layout.for_workspace(self.executable, self.python, limits.files_bytes, self._seccomp)
        rlimits = json.dumps([(which, *value) for which, value in self.rlimits(limits).items()])
        with OwnFile(lambda: os.memfd_create("alphadial")) as back:
            outgoing = back.fileno()
            incoming = invocation.data(workspace.stream())
            arguments = [incoming, str(outgoing), str(workspace.max_bytes), rlimits, *command]
            invocation.add("--", *layout.guest_command(self.python.executable, "workspace", arguments))
            result = self._run(invocation, b"", limits, pass_fds=[outgoing])
            back.seek(0)
            stream = back.read(workspace.longest_stream + 1)
        if result.exit_status == UNFIT and not stream:
            raise SandboxFailedError(f"the workspace could not be laid out: {result.stderr.strip()}")
        return returned(stream, workspace, result)

    def _run(
        self, invocation: layout.Invocation, stdin: bytes, limits: Limits, pass_fds: Sequence[int] = ()
    ) -> RunResult:
        with ExitStack() as stack:
            try:
                given = stack.enter_context(sealed(stdin))
                slot = self._slot(self._beside_input(limits, stdin), COLD)
            except SandboxFailedError:
                invocation.close()
                raise
            stack.callback(slot.kill)
            contained = slot.launch(
                invocation, self._spawner, (given.fileno(), subprocess.PIPE, subprocess.PIPE), pass_fds
            )
            meter = self._begin(slot, contained)
            process = contained.process
            assert process.stdout is not None
            assert process.stderr is not None
            ending = stack.enter_context(ending_of(process))
            got = supervise(process.stdout, process.stderr, [ending], limits, meter, contained.kill)
            status = slot.finish()
            used, peak, oom = meter(), slot.peak_bytes(), slot.oom_kills() > 0
        return result_of(got, status, used, peak if peak is not None else used.peak_bytes, oom)

    def _beside_input(self, limits: Limits, stdin: bytes) -> Limits:
        """A cgroup charges the input to us, who wrote it; polling finds it in a program that maps it."""
        return limits if self._cgroups else replace(limits, memory_bytes=limits.memory_bytes + len(stdin))

    def _begin(self, slot: Slot, contained: Contained) -> Meter:
        """What is read from now on counts as the command's."""
        return slot.meter(contained.init)

    def open(self, limits: Limits) -> Server:
        """See ``Sandbox``."""
        rlimits = {
            resource.RLIMIT_CORE: (0, 0),
            resource.RLIMIT_FSIZE: (limits.files_bytes, limits.files_bytes),
            resource.RLIMIT_NOFILE: (_OPEN_FILES_OF_CALLS, _OPEN_FILES_OF_CALLS),
        }
        # Step-counted programs have no threads, whose stacks are address space that they only reserve.
        rlimited = self._cgroups is None and limits.steps is not None
        if rlimited:
            rlimits[resource.RLIMIT_AS] = (limits.memory_bytes, limits.memory_bytes)
        own = Own(limits.files_bytes + _CALLS.memory_bytes, _CALLS.processes)
        rlimits |= self._process_rlimit(limits, own)
        settings = json.dumps(self._isolation(limits, rlimits))
        ours, theirs = socket_pair(socket.SOCK_SEQPACKET)
        invocation = layout.for_server(self.executable, self.python)
        arguments = [str(theirs.fileno()), settings]
        invocation.add("--", *layout.guest_command(self.python.executable, "server", arguments))
        return self._kept(self._serve(invocation, limits, own, ours, theirs, rlimited=rlimited)[0])

    def open_command(self, command: Sequence[str], limits: Limits) -> CommandServer:
        """See ``Sandbox``."""
        rlimits = self.rlimits(limits) | self._process_rlimit(limits, _COMMANDS)
        del rlimits[resource.RLIMIT_CPU]
        # The stack's limit decides on the address space at the start of an interpreter.
        stack = {resource.RLIMIT_STACK: rlimits.pop(resource.RLIMIT_STACK)}
        settings = json.dumps(self._isolation(limits, rlimits, told=True) | {"hidden": layout.hidden(), "names": None})
        ours, theirs = socket_pair(socket.SOCK_SEQPACKET)
        control = str(theirs.fileno())
        if layout.can_be_held(command):
            variables = {"PYTHONPATH": layout.GUEST_MODULES, "ALPHADIAL_CONTROL": control}
            invocation = layout.for_server(self.executable, self.python, variables)
            invocation.add("--", *layout.limited(self.python, stack, command))
            ours.send(settings.encode())
        else:
            invocation = layout.for_server(self.executable, self.python)
            arguments = [control, settings, *command]
            launcher = layout.guest_command(self.python.executable, "commands", arguments)
            invocation.add("--", *layout.limited(self.python, stack, launcher))
        server, slot = self._serve(invocation, limits, _COMMANDS, ours, theirs, rlimited=False)
        return self._kept(WarmCommands(server, slot))

    def _isolation(
        self, limits: Limits, rlimits: Mapping[int, tuple[int, int]], *, told: bool = False
    ) -> dict[str, object]:
        """Settings of ``guest.isolation``; see ``seccomp.deny_list`` for ``told``."""
        filtered = seccomp.supported()
        return {
            "isolated": True,
            "devices": layout.DEVICES,
            "seccomp": seccomp.deny_list(warm=True, told=told).hex() if filtered else "",
            "listen": seccomp.listening_call() if filtered and told else None,
            "rlimits": [(which, *values) for which, values in rlimits.items()],
            "files_bytes": limits.files_bytes,
            "names": _FILES_OF_CALLS,
            "hidden": None,
        }

    def _serve(
        self,
        invocation: layout.Invocation,
        limits: Limits,
        own: Own,
        ours: OwnSocket,
        theirs: OwnSocket,
        *,
        rlimited: bool,
    ) -> tuple[WarmServer, Slot]:
        with theirs, ExitStack() as stack:
            stack.callback(ours.close)
            slot, _ = self.begin(invocation, limits, own, [theirs.fileno()])
            stack.pop_all()
        return WarmServer(ours, limits, slot, rlimited=rlimited), slot

    def begin(
        self,
        invocation: layout.Invocation,
        limits: Limits,
        own: Own,
        pass_fds: Sequence[int],
        cpus: float | None = None,
    ) -> tuple[Slot, Contained]:
        """Starts a process of ours that lasts, in a slot of its own.

        Args:
            invocation: closed here, whatever happens.
            limits: memory and processes of all that will run beside it.
            own: what the process itself needs.
            pass_fds: descriptors for it.
            cpus: see ``cgroups.Parent.create``.

        Raises:
            SandboxFailedError: it did not start.
        """
        with ExitStack() as stack:
            try:
                empty = stack.enter_context(sealed(b""))
                slot = self._slot(limits, own, cpus)
            except SandboxFailedError:
                invocation.close()
                raise
            failed = stack.enter_context(ExitStack())
            failed.callback(slot.kill)
            # As those of a program are: an interpreter makes its streams before it is held.
            stdio = (empty.fileno(), slot.words.descriptor, slot.words.descriptor)
            try:
                contained = slot.launch(invocation, self._spawner, stdio, pass_fds)
            except SandboxFailedError as error:
                raise SandboxFailedError(slot.last_words() or str(error)) from None
            failed.pop_all()
        return slot, contained

    def close(self) -> None:
        """See ``Sandbox``."""
        with self._lock:
            servers = list(self._servers)
        for server in servers:
            server.close()
        self._spawner.shutdown()
        if self._cgroups is not None:
            orphans.sweep_groups(self._cgroups)  # of children that were killed

    def _kept(self, server: AServer) -> AServer:
        with self._lock:
            self._servers.add(server)
        return server

    def _slot(self, limits: Limits, own: Own, cpus: float | None = None) -> Slot:
        return Slot(self._cgroups, limits, own, own_uid=self.protection.own_uid, cpus=cpus)

    def rlimits(self, limits: Limits) -> dict[int, tuple[int, int]]:
        """The soft and the hard limit of a command on each resource, by its number (RLIMIT_CPU and so on)."""
        cpu_s = int(limits.cpu_s) + 2  # whole seconds; the meter is sooner
        rlimits = {
            resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
            resource.RLIMIT_FSIZE: (limits.files_bytes, limits.files_bytes),
            resource.RLIMIT_NOFILE: (_OPEN_FILES, _OPEN_FILES),
            resource.RLIMIT_CORE: (0, 0),
            resource.RLIMIT_STACK: layout.stack_limit(limits.memory_bytes),
        } | self._process_rlimit(limits, COLD)
        if self._cgroups is None:
            # What is held decides, not what is reserved. It is looked at too rarely to stop a stack right at its end.
            rlimits[resource.RLIMIT_STACK] = layout.stack_limit(_STACKS * limits.memory_bytes)
        return rlimits

    def _process_rlimit(self, limits: Limits, own: Own) -> dict[int, tuple[int, int]]:
        if self.protection.process_limit != "rlimit":
            return {}
        return {resource.RLIMIT_NPROC: (limits.processes + own.processes, limits.processes + own.processes)}

    def _prove(self) -> None:
        """One real run: what bwrap refuses depends on kernel, distribution and container in ways no file tells."""
        setup = (self.executable, self.python, self.protection)
        if setup in _PROVEN:
            return
        try:
            result = self.run(["python3", "-I", "-S", "-c", "print('ready')"], {}, "", Limits(cpu_s=10, wall_s=30))
        except SandboxFailedError as error:
            self._spawner.shutdown()
            if "Unknown option" in str(error):
                reason = f"bubblewrap is older than {_SUPPORTED}; run: {INSTALL}"
            else:
                reason = f"{self.name} does not work here ({error}); run: {namespaces.mend() or DOCTOR}"
            raise SandboxUnavailableError(reason) from None
        if result.stdout != "ready\n":
            self._spawner.shutdown()
            said = result.stderr.strip().splitlines()[-1:] or [str(result)]
            raise SandboxUnavailableError(f"Python does not run in the sandbox ({said[0]}); run: {DOCTOR}")
        _PROVEN.add(setup)


def _counts_per_namespace() -> bool:
    return tuple(int(part) for part in os.uname().release.split(".")[:2]) >= _KERNEL_COUNTS_PER_NAMESPACE
