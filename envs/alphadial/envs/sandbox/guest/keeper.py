"""The first process of a box without Docker: it holds its namespaces and its file system, and does what the owner asks.

Every command runs in a pid namespace of its own, whose first process is a child of this one. All that it leaves running
ends with that, and nothing of it can name this process.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import socket
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NoReturn

from .box_keeper import Answer, BoxKeeper, Orders
from .box_tree import Tree
from .isolation import CLONE_NEWIPC, CLONE_NEWNS, Isolation, close_to_others, unshare
from .keeper_root import Root, freeze
from .limited import NOT_FOUND, attend

_MOST_DESCRIPTORS = 4
_FIRST_VICTIM = b"1000"
"""The kernel is to end the command, and not this process, where memory is short."""


class _Control:
    """The owner's end, from which descriptors come as well: stdin, stdout and stderr of the next command."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.descriptors: list[int] = []

    def receive(self, size: int) -> bytes:
        """See ``Orders``. What has descriptors never comes together with what is sent after it."""
        data, descriptors, _, _ = socket.recv_fds(self._socket, size, _MOST_DESCRIPTORS)
        self.descriptors += descriptors
        return data

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()


class _Keeper(BoxKeeper):
    def __init__(self, control: _Control) -> None:
        orders = Orders(control.receive)
        settings = orders.next()
        self._control = control
        self._isolation = Isolation(settings)
        self._root = Root(settings)
        super().__init__(orders, control.fileno(), Tree(self._root.workdir, os.geteuid()))

    def _writing(self, paths: list[str], uid: int) -> AbstractContextManager[object]:
        """There is one user."""
        for path in paths:
            self._root.check(path)
        return nullcontext()

    def _run(self, order: dict[str, Any]) -> Answer:
        """Tells the exit status as shells report it, None where all was killed; and the memory of all files."""
        streams, self._control.descriptors = self._control.descriptors, []
        try:
            self._tree.settle()
            self._isolation.before_fork()
            first = os.fork()
            if first == 0:
                self._begin(order, streams)
        finally:
            for stream in streams:
                os.close(stream)
        ending = os.pidfd_open(first)
        try:
            self._wait(first, ending)
        finally:
            os.close(ending)
        _, status = os.waitpid(first, 0)
        code = os.waitstatus_to_exitcode(status)
        return {"status": code if code >= 0 else None, "held": self._root.held()}, 0, ()

    def _wait(self, first: int, ending: int) -> None:
        poll = select.poll()
        for descriptor in (ending, self._control.fileno()):
            poll.register(descriptor, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(0 if self._orders.waiting else None)}
            if ending in ready:
                return
            if ready or self._orders.waiting:  # nothing but the one order comes meanwhile: to kill it
                self._orders.next()
                os.kill(first, signal.SIGKILL)

    def _begin(self, order: dict[str, Any], streams: list[int]) -> NoReturn:
        """Becomes the first process of the command's namespace."""
        try:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            os.closerange(3, 65_536)
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            unshare(CLONE_NEWNS | CLONE_NEWIPC)
            freeze()
            self._isolation.mount_proc()
            close_to_others(False)
            with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:  # noqa: PTH123
                file.write(_FIRST_VICTIM)
            for which, soft, hard in order["rlimits"]:
                resource.setrlimit(which, (soft, hard))
            os.chdir(order["cwd"])
            os.environ.clear()
            os.environ.update(order["env"])
            self._isolation.confine()
            close_to_others(True)
            status = attend(order["argv"])
        except BaseException as error:  # this process must never go on as the keeper
            os.write(2, f"{error}\n".encode())
            os._exit(NOT_FOUND)
        os._exit(status)


def main() -> None:
    """``argv``: the descriptor of the control socket, on which settings of ``Isolation`` and ``Root`` come first."""
    control = _Control(socket.socket(fileno=int(sys.argv[1])))
    close_to_others(True)
    os.umask(0o022)
    with suppress(ConnectionError):  # the owner has gone
        keeper = _Keeper(control)
        gc.freeze()
        keeper.say({})
        keeper.serve()
    os._exit(0)
