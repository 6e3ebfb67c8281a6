"""No isolation at all: for programs that you would run by hand. Chosen by its name alone."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..closing import Closing
from ..errors import SandboxFailedError
from ..forking import OfOneProcess, in_child, socket_pair, starting
from ..raw import as_bytes, as_text
from ..types import KilledBy, Limits, RunResult
from . import layout
from .guest.folder import pack, unpack
from .last_words import LastWords
from .protocol import CommandServer, Protection, Server
from .supervise import ending_of, sealed, supervise
from .usage import Meter, tree_meter
from .warm import WarmServer
from .warm_commands import FreshCommands
from .workspace import Workspace, WorkspaceRun, returned

_PYTHON = Path(sys.executable).resolve()
_END_S = 30.0
"""How long the kernel may take to end what was killed."""


class _Process:
    """A process group in a folder of its own. Implements ``warm.Host``."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        with starting:  # tempfile has a lock of its own, which a child forked meanwhile would never get
            self.folder = Path(tempfile.mkdtemp(prefix="alphadial-trusted-"))
        self.words = LastWords()
        self.process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        in_child(self, _Process._forget)

    def start(self, command: Sequence[str], stdio: tuple[int, int, int], pass_fds: Sequence[int] = ()) -> None:
        path = f"{_PYTHON.parent}:{os.environ.get('PATH', os.defpath)}"
        with starting:
            self.process = subprocess.Popen(
                command,
                bufsize=0,
                env={**layout.ENVIRONMENT, "PATH": path, "HOME": str(self.folder)},
                cwd=self.folder,
                stdin=stdio[0],
                stdout=stdio[1],
                stderr=stdio[2],
                pass_fds=pass_fds,
                start_new_session=True,
            )
            for stream in (self.process.stdout, self.process.stderr):
                if stream is not None:
                    in_child(stream, lambda each: each.close())

    def stop(self) -> None:
        """Ends the process group; what has left it lives on."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def kill(self) -> None:
        with self._lock:
            self.stop()
            if self.process is not None:
                self.process.wait(_END_S)
            self.words.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _forget(self) -> None:
        """In a forked child: process and folder are the parent's."""
        self._lock = threading.Lock()
        if self.process is not None:
            self.process.poll()  # is told that it has no such child, and asks no more
        self.process = None

    def oom_kills(self) -> int:
        return 0

    def last_words(self) -> str:
        return self.words.read()

    def meter(self, pid: int) -> Meter:
        return tree_meter(pid, self._memory_bytes)


class Trusted(OfOneProcess, Closing):
    """Implements ``Sandbox``: the protocol and its limits on time and output, without protection."""

    name = "trusted"
    protection = Protection(
        network=False,
        filesystem=False,
        processes=False,
        own_uid=False,
        capabilities=False,
        seccomp=False,
        cgroup=None,
        process_limit="none",
        interpreter=str(_PYTHON),
    )

    def __init__(self) -> None:
        self._begin_process()
        in_child(self, Trusted._begin_process)

    def _begin_process(self) -> None:
        """What every process has of its own; a forked child leaves the parent's servers alone."""
        self._lock = threading.Lock()
        self._servers: weakref.WeakSet[WarmServer] = weakref.WeakSet()

    def run(
        self, command: Sequence[str], files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits
    ) -> RunResult:
        """See ``Sandbox``."""
        names = {name: layout.checked(name) for name in files}
        host = _Process(limits.memory_bytes)
        try:
            for name, content in files.items():
                path = host.folder / names[name]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(as_bytes(content) if isinstance(content, str) else content)
                path.chmod(0o755)
            return _run(host, command, as_bytes(stdin) if isinstance(stdin, str) else stdin, limits)
        finally:
            host.kill()

    def run_in(self, workspace: Workspace, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        """See ``Sandbox``."""
        host = _Process(limits.memory_bytes)
        try:
            unpack(workspace.stream(), str(host.folder))
            folder = os.open(host.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                result = _run(host, command, b"", limits)
                return returned(pack(folder, workspace.max_bytes), workspace, result)
            finally:
                os.close(folder)
        except OSError as error:
            raise SandboxFailedError(f"the working directory: {error}") from None
        finally:
            host.kill()

    def open(self, limits: Limits) -> Server:
        """See ``Sandbox``."""
        ours, theirs = socket_pair(socket.SOCK_SEQPACKET)
        rlimits = [(resource.RLIMIT_CORE, 0, 0), (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes)]
        settings = json.dumps({"isolated": False, "rlimits": rlimits})
        arguments = [str(theirs.fileno()), settings]
        command = layout.guest_command(_PYTHON, "server", arguments, str(Path(__file__).parent))
        host = _Process(limits.memory_bytes)
        try:
            with theirs:
                stdio = (subprocess.DEVNULL, subprocess.DEVNULL, host.words.descriptor)
                host.start(command, stdio, pass_fds=[theirs.fileno()])
        except OSError as error:
            ours.close()
            host.kill()
            raise SandboxFailedError(f"cannot start {_PYTHON}: {error}") from None
        server = WarmServer(ours, limits, host, rlimited=True)
        with self._lock:
            self._servers.add(server)
        return server

    def open_command(self, command: Sequence[str], limits: Limits) -> CommandServer:
        """See ``Sandbox``."""
        return FreshCommands(self, command)

    def close(self) -> None:
        """See ``Sandbox``."""
        with self._lock:
            servers = list(self._servers)
        for server in servers:
            server.close()


def _run(host: _Process, command: Sequence[str], stdin: bytes, limits: Limits) -> RunResult:
    try:
        with sealed(stdin) as given:
            host.start(command, (given.fileno(), subprocess.PIPE, subprocess.PIPE))
    except OSError as error:
        return RunResult(exit_status=127, stderr=f"{command[0]}: {error}\n")
    process = host.process
    assert process is not None
    assert process.stdout is not None
    assert process.stderr is not None
    meter = host.meter(process.pid)
    with ending_of(process) as ending:
        got = supervise(process.stdout, process.stderr, [ending], limits, meter, host.stop)
    host.stop()  # before the leader is reaped: its number names the group until then
    _, status, usage = os.wait4(process.pid, 0)
    code = process.returncode = os.waitstatus_to_exitcode(status)
    used = meter()
    return RunResult(
        exit_status=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        stdout=as_text(got.stdout),
        stderr=got.stderr.decode(errors="replace"),
        cpu_s=max(used.cpu_s, usage.ru_utime + usage.ru_stime),
        uncounted_s=used.uncounted_s,
        wall_s=got.wall_s,
        peak_bytes=used.peak_bytes,
        oom=got.killed_by is KilledBy.MEMORY,
        killed_by=got.killed_by,
    )
