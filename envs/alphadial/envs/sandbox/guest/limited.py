"""Becomes a command under rlimits: they must be set inside, where the processes of the host's user are not counted."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from contextlib import suppress
from typing import NoReturn

NOT_FOUND = 127


def main() -> None:
    """``argv``: a JSON list of [limit, soft, hard], then the command."""
    limit(sys.argv[1])
    become(sys.argv[2:])


def limit(rlimits: str) -> None:
    """Sets the limits of this process and of all that it starts, where there is still someone to enforce the others."""
    if _abandoned():
        os._exit(NOT_FOUND)
    for which, soft, hard in json.loads(rlimits):
        resource.setrlimit(which, (soft, hard))


def _abandoned() -> bool:
    """Whether nobody reads what we say: the judge was killed before bwrap had tied this process to it."""
    stdout = select.poll()
    stdout.register(1, 0)
    return any(event & select.POLLERR for _, event in stdout.poll(0))


def become(command: list[str]) -> NoReturn:
    """Replaces this process; exits with 127 where the command does not exist."""
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except (OSError, ValueError) as error:
        print(f"{command[0]}: {error}", file=sys.stderr, flush=True)
    os._exit(NOT_FOUND)


def attend(command: list[str]) -> int:
    """Runs the command as a child of the first process of a pid namespace; see ``status_of``."""
    leader = os.fork()
    if leader == 0:
        become(command)
    return status_of(leader)


def status_of(leader: int) -> int:
    """Reaps whatever becomes a child of ours until the leader ends; its exit status, as shells report it."""
    while True:
        pid, status = os.wait()
        if pid == leader:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def end_the_others() -> None:
    """Ends every other process of our pid namespace: one signal reaches them all, and none can fork with it pending."""
    assert os.getpid() == 1
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.wait()
