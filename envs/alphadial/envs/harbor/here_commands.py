"""One command of a candidate's, within a container that is thrown away afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.raw import as_text
from alphadial.envs.types import MIB, KilledBy, Limits, RunResult

UID = 1000
"""Whom the commands run as, and who owns the working directory."""
_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER: what a command leaves running becomes ours, and its CPU time is counted."""
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")
_LARGEST_FILE = 256 * MIB
_LONGEST_CLEANUP_S = 30.0


def adopt_orphans() -> None:
    """Makes this process the parent of whatever its children leave behind."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def run_here(argv: Sequence[str], limits: Limits, stdin: bytes, cwd: str, env: Mapping[str, str]) -> RunResult:
    """Runs a command as a user of its own, and ends whatever it left running.

    Raises:
        SandboxFailedError: it cannot be run, or its processes do not end.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        before, began = _children_s(), time.monotonic()
        status, killed_by = _run(argv, limits, (given, out, err), cwd, env)
        wall_s = time.monotonic() - began
        _end_all()
        cpu_s = _children_s() - before
        size = os.fstat(out.fileno()).st_size + os.fstat(err.fileno()).st_size
        printed, said = (os.pread(file.fileno(), limits.output_bytes, 0) for file in (out, err))
    if cpu_s > limits.cpu_s:
        killed_by = KilledBy.CPU
    elif size > limits.output_bytes:
        killed_by = killed_by or KilledBy.OUTPUT
    return RunResult(
        exit_status=status if status >= 0 else None,
        signal=-status if status < 0 else None,
        stdout=as_text(printed),
        stderr=said.decode(errors="replace"),
        cpu_s=cpu_s,
        wall_s=wall_s,
        killed_by=killed_by,
    )


def _run(
    argv: Sequence[str],
    limits: Limits,
    streams: tuple[IO[bytes], IO[bytes], IO[bytes]],
    cwd: str,
    env: Mapping[str, str],
) -> tuple[int, KilledBy | None]:
    def bound() -> None:
        cpu_s = int(limits.cpu_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    variables = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/tmp", "LANG": "C.UTF-8", **env}
    try:
        process = subprocess.Popen(
            [*argv],
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            cwd=cwd,
            env=variables,
            preexec_fn=bound,
            start_new_session=True,
            user=UID,
            group=UID,
            extra_groups=[],
            umask=0o022,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxFailedError(f"cannot run {argv[0]}: {error}") from error
    try:
        return process.wait(limits.wall_s), None
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(), KilledBy.WALL


def _children_s() -> float:
    """CPU seconds of all processes that ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _end_all() -> None:
    """Ends every process of the candidate's user, and removes what it left in temporary folders."""
    deadline = time.monotonic() + _LONGEST_CLEANUP_S
    while _lives():
        _kill_all()
        if time.monotonic() > deadline:
            raise SandboxFailedError("processes of the candidate do not end")
    for folder in map(Path, _TEMPORARY):
        for entry in folder.iterdir() if folder.is_dir() else ():
            if entry.lstat().st_uid == UID:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _lives() -> bool:
    """Whether a process of the user is there. Those that ended are waited for first."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):  # it ended meanwhile
                if entry.stat().st_uid == UID and "\nState:\tZ" not in (entry / "status").read_text():
                    return True
    return False


def _kill_all() -> None:
    """Kills every process of the user at once, so that none can begin another in the meantime."""
    killer = os.fork()
    if killer == 0:
        try:
            os.setuid(UID)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(killer, 0)
