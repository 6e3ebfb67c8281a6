"""The first process inside gVisor, which hands no descriptors in but the first three: the rest comes as files."""

from __future__ import annotations

import json
import os
import resource
import sys

from . import workspace
from .folder import unpack
from .limited import attend, limit
from .program import serve, warm_up

INCOMING, OUTGOING = "/opt/alphadial/in", "/opt/alphadial/out"
"""Files with the streams that ``guest.workspace`` reads and writes."""
BEGUN = b"\x06"
"""Written to stderr when all of ours is done and the command is about to begin: nothing of it has run before."""


def main() -> None:
    """``argv``: "command" or "workspace", then as for that module; or "program" and its settings as JSON."""
    kind, *arguments = sys.argv[1:]
    os.chdir("/w")
    for folder in ("box", "tmp"):
        os.mkdir(folder)  # noqa: PTH102 - pathlib would double the start
    os.chdir("box")
    if kind == "program":
        _program(json.loads(arguments[0]))
    with os.fdopen(os.open(INCOMING, os.O_RDONLY), "rb") as file:
        unpack(file.read())
    if kind == "workspace":
        _workspace(arguments)
    limit(arguments[0])
    os.write(2, BEGUN)
    os._exit(attend(arguments[1:]))


def _workspace(arguments: list[str]) -> None:
    """As elsewhere, but the stream in is already laid out."""
    empty = os.open(os.devnull, os.O_RDONLY)
    outgoing = os.open(OUTGOING, os.O_RDWR)
    sys.argv[1:] = [str(empty), str(outgoing), *arguments]
    os.write(2, BEGUN)
    workspace.main()


def _program(settings: dict[str, int]) -> None:
    channel = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    warm_up()
    limits = {
        resource.RLIMIT_AS: settings["memory_bytes"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: settings["files_bytes"],
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_NPROC: settings["processes"],
    }
    for which, value in limits.items():
        resource.setrlimit(which, (value, value))
    serve(channel)
