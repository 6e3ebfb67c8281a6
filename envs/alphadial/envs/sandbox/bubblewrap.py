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

from ..closing import Closing
from ..errors import SandboxFailedError, SandboxUnavailableError
from ..forking import OfOneProcess, OwnFile, in_child, socket_pair
from ..raw import as_bytes, as_text
from ..types import KilledBy, Limits, RunResult
from . import cgroups, interpreter, layout, namespaces, orphans, seccomp
from .guest.workspace import UNFIT
from .launch import Contained
from .protocol import Protection, Server
from .slot import INIT, Slot
from .supervise import Supervised, standard_input, supervise
from .usage import Meter, Usage
from .warm import WarmServer
from .workspace import Workspace, WorkspaceRun, returned

INSTALL = "apt-get install bubblewrap"
DOCTOR = "alphadial doctor"
_SUPPORTED = "0.7"
"""The first release with --size for a tmpfs."""
_KERNEL_COUNTS_PER_NAMESPACE = (5, 14)
"""Since then RLIMIT_NPROC counts a user namespace's processes; before, all of the host uid's."""
_OPEN_FILES = 256
_STACKS = 4
"""Times the limit on memory."""


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
        self._bwrap, self._python = bwrap, python
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
        self._servers: weakref.WeakSet[Server] = weakref.WeakSet()

    def run(
        self, command: Sequence[str], files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits
    ) -> RunResult:
        """See ``Sandbox``."""
        invocation = layout.for_command(self._bwrap, self._python, files, limits.files_bytes, self._seccomp)
        invocation.add("--", *layout.limited(self._python, self._rlimits(limits), command))
        return self._run(invocation, as_bytes(stdin) if isinstance(stdin, str) else stdin, limits)

    def run_in(self, workspace: Workspace, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        """See ``Sandbox``."""
        invocation = layout.for_workspace(self._bwrap, self._python, limits.files_bytes, self._seccomp)
        rlimits = json.dumps([(which, *value) for which, value in self._rlimits(limits).items()])
        with OwnFile(lambda: os.memfd_create("alphadial")) as back:
            outgoing = back.fileno()
            incoming = invocation.data(workspace.stream())
            arguments = [incoming, str(outgoing), str(workspace.max_bytes), rlimits, *command]
            invocation.add("--", *layout.guest_command(self._python.executable, "workspace", arguments))
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
                given = stack.enter_context(standard_input(stdin))
                slot = self._slot(self._beside_input(limits, stdin), warm=False)
            except SandboxFailedError:
                invocation.close()
                raise
            stack.callback(slot.kill)
            contained = slot.launch(invocation, self._spawner, (given, subprocess.PIPE, subprocess.PIPE), pass_fds)
            meter = self._begin(slot, contained)
            got = supervise(contained.process, limits, meter, contained.kill)
            status = slot.finish()
            used, peak, oom = meter(), slot.peak_bytes(), slot.oom_kills() > 0
        return _result(got, status, used, peak if peak is not None else used.peak_bytes, oom)

    def _beside_input(self, limits: Limits, stdin: bytes) -> Limits:
        """A cgroup charges the input to us, who wrote it; polling finds it in a program that maps it."""
        return limits if self._cgroups else replace(limits, memory_bytes=limits.memory_bytes + len(stdin))

    def _begin(self, slot: Slot, contained: Contained) -> Meter:
        """What is read from now on counts as the command's."""
        return slot.meter(contained.init)

    def open(self, limits: Limits) -> Server:
        """See ``Sandbox``."""
        ours, theirs = socket_pair(socket.SOCK_SEQPACKET)
        # Step-counted programs have no threads, whose stacks are address space that they only reserve.
        rlimited = self._cgroups is None and limits.steps is not None
        settings = {
            "isolated": True,
            "devices": layout.DEVICES,
            "seccomp": seccomp.deny_list(warm=True).hex() if seccomp.supported() else "",
            "memory_bytes": limits.memory_bytes if rlimited else None,
            "files_bytes": limits.files_bytes,
            "processes": None if self.protection.process_limit == "none" else limits.processes,
        }
        invocation = layout.for_server(self._bwrap, self._python)
        arguments = [str(theirs.fileno()), json.dumps(settings)]
        invocation.add("--", *layout.guest_command(self._python.executable, "server", arguments))
        with theirs:
            try:
                slot = self._slot(limits, warm=True)
            except SandboxFailedError:
                invocation.close()
                ours.close()
                raise
            stdio = (subprocess.DEVNULL, subprocess.DEVNULL, slot.words.descriptor)
            try:
                slot.launch(invocation, self._spawner, stdio, pass_fds=[theirs.fileno()])
            except SandboxFailedError:
                ours.close()
                slot.kill()
                raise
        return self._kept(WarmServer(ours, limits, slot, rlimited=rlimited))

    def close(self) -> None:
        """See ``Sandbox``."""
        with self._lock:
            servers = list(self._servers)
        for server in servers:
            server.close()
        self._spawner.shutdown()
        if self._cgroups is not None:
            orphans.sweep_groups(self._cgroups)  # of children that were killed

    def _kept(self, server: Server) -> Server:
        with self._lock:
            self._servers.add(server)
        return server

    def _slot(self, limits: Limits, *, warm: bool) -> Slot:
        return Slot(self._cgroups, limits, own_uid=self.protection.own_uid, warm=warm)

    def _rlimits(self, limits: Limits) -> dict[int, tuple[int, int]]:
        cpu_s = int(limits.cpu_s) + 2  # whole seconds; the meter is sooner
        rlimits = {
            resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
            resource.RLIMIT_FSIZE: (limits.files_bytes, limits.files_bytes),
            resource.RLIMIT_NOFILE: (_OPEN_FILES, _OPEN_FILES),
            resource.RLIMIT_CORE: (0, 0),
            resource.RLIMIT_STACK: layout.stack_limit(limits.memory_bytes),
        }
        if self._cgroups is None:
            # What is held decides, not what is reserved. It is looked at too rarely to stop a stack right at its end.
            rlimits[resource.RLIMIT_STACK] = layout.stack_limit(_STACKS * limits.memory_bytes)
        if self.protection.process_limit == "rlimit":
            rlimits[resource.RLIMIT_NPROC] = (limits.processes + INIT, limits.processes + INIT)
        return rlimits

    def _prove(self) -> None:
        """One real run: what bwrap refuses depends on kernel, distribution and container in ways no file tells."""
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


def _counts_per_namespace() -> bool:
    return tuple(int(part) for part in os.uname().release.split(".")[:2]) >= _KERNEL_COUNTS_PER_NAMESPACE


def _result(got: Supervised, status: int | None, used: Usage, peak: int | None, oom: bool) -> RunResult:
    stdout, stderr = as_text(got.stdout), got.stderr.decode(errors="replace")
    if status is None and got.killed_by is None and not oom:
        raise SandboxFailedError(f"bubblewrap failed: {(stderr.strip().splitlines() or ['no message'])[-1]}")
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
