"""The first process of a container: starts its commands, looks after its files, and does what the box's owner says.

It is the first process of a pid namespace, so nothing inside can end or stop it, and all else ends with it. It runs as
root without most of root's powers; commands of the policy run under another uid and can neither look into it nor reach
what it reads and writes. Where its owner has gone, it goes.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from typing import Any

from . import meters
from .box_keeper import Answer, BoxKeeper, Orders, write_all
from .box_tree import Tree, exactly
from .box_wire import BY_TIMES
from .container_command import Order, input_file, run, seal

_ORDERS, _ANSWERS = 0, 1


class _Keeper(BoxKeeper):
    """Runs commands in a container.

    Args:
        workdir: an absolute path.
        agent: the uid of the policy's commands.
        by_times: see ``Tree``.
        apart: other folders on file systems in memory.
    """

    def __init__(self, workdir: str, agent: int, *, by_times: bool, apart: list[str]) -> None:
        super().__init__(Orders(partial(os.read, _ORDERS)), _ANSWERS, Tree(workdir, agent, by_times=by_times))
        self._workdir = workdir
        self._meter = meters.find((workdir, *apart))

    def _run(self, order: dict[str, Any]) -> Answer:
        stdin = input_file()
        try:
            for chunk in exactly(self._orders.left, self._orders.take):
                write_all(stdin, chunk)
            stdin = seal(stdin)
            self._tree.settle()
            given = {name: order[name] for name in ("argv", "env", "cpu_s", "wall_s", "output_bytes", "memory_bytes")}
            ended = run(Order(**given, cwd=order["cwd"] or self._workdir, uid=order["uid"], stdin=stdin), self._meter)
        finally:
            os.close(stdin)
        facts = {
            "status": ended.status,
            "killed_by": ended.killed_by,
            "cpu_s": ended.cpu_s,
            "wall_s": ended.wall_s,
            "peak_bytes": ended.peak_bytes,
            "oom": ended.oom,
            "stdout": len(ended.stdout),
        }
        return facts, len(ended.stdout) + len(ended.stderr), (bytes(ended.stdout), bytes(ended.stderr))

    def _writing(self, paths: list[str], uid: int) -> _Becoming:
        return _Becoming(uid)


class _Becoming:
    """Another user for the files that are made meanwhile. No command runs then that could make use of it."""

    def __init__(self, uid: int) -> None:
        self._uid = uid

    def __enter__(self) -> None:
        os.setegid(self._uid)
        os.seteuid(self._uid)

    def __exit__(self, *error: object) -> None:
        os.seteuid(0)
        os.setegid(0)


def main() -> None:
    """``argv``: the working directory, the agent's uid, BY_TIMES or not, and other folders in memory."""
    if os.getpid() != 1:
        print("the keeper is not the first process of a pid namespace of its own", file=sys.stderr, flush=True)
        os._exit(1)
    os.setgroups([])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # from inside, only a signal with a handler reaches a first process
    os.umask(0o022)
    for descriptor in (_ORDERS, _ANSWERS, 2):
        os.set_inheritable(descriptor, False)
    agent = int(sys.argv[2])
    with _Becoming(agent):
        pass  # from now on the kernel lets nobody without further powers look into this process
    began = time.process_time()
    keeper = _Keeper(sys.argv[1], agent, by_times=sys.argv[3] == BY_TIMES, apart=sys.argv[4:])
    keeper.say({"ready": began})
    keeper.serve()
