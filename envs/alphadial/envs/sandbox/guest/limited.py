"""Becomes a command under rlimits: they must be set inside, where the processes of the host's user are not counted."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

NOT_FOUND = 127


def main() -> None:
    """``argv``: a JSON list of [limit, soft, hard], then the command."""
    for which, soft, hard in json.loads(sys.argv[1]):
        resource.setrlimit(which, (soft, hard))
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    command = sys.argv[2:]
    try:
        os.execvp(command[0], command)
    except (OSError, ValueError) as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
        sys.exit(NOT_FOUND)
