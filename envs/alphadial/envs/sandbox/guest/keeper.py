"""The first process of a box: it holds the namespaces and the file system, and does what the owner asks, one at a time.

Every command runs in a pid namespace of its own, whose first process is a child of this one. All that it leaves running
ends with that, and nothing of it can name this process.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import socket
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from .folder import FILE
from .isolation import CLONE_NEWIPC, CLONE_NEWNS, Isolation, close_to_others, unshare
from .keeper_frames import (
    DONE,
    EXEC,
    FAILED,
    HEAD,
    KILL,
    PIECE,
    READ,
    REFUSED,
    RESTORE,
    SNAPSHOT,
    TREE,
    WRITE,
    end,
    entries,
    entry,
    exactly,
    pieces,
)
from .keeper_root import Root, freeze
from .keeper_tree import Found, RefusedError, Tree, contents, lay_out, scan
from .limited import NOT_FOUND, attend

_MOST_DESCRIPTORS = 4
_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FIRST_VICTIM = b"1000"
"""Where memory is short the kernel is to end the command, not this process."""
_Answer = Iterator[bytes]
_Entries = Iterator[tuple[bytes, str, bytes]]


class _Keeper:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._stream = open(control.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
        _, length = HEAD.unpack(exactly(self._stream, HEAD.size))
        settings = json.loads(exactly(self._stream, length))
        self._isolation = Isolation(settings)
        self._root = Root(settings)
        self._tree = Tree(self._root.workdir)
        self._proc = os.stat("/proc").st_dev  # noqa: PTH116

    def run(self) -> None:
        """Until the owner is gone."""
        gc.freeze()
        self._say(DONE, None)
        while True:
            head, descriptors, _, _ = socket.recv_fds(self._control, HEAD.size, _MOST_DESCRIPTORS)
            if not head:
                return
            kind, length = HEAD.unpack(head + exactly(self._stream, HEAD.size - len(head)))
            told = json.loads(exactly(self._stream, length) or b"null")
            if kind == KILL:  # it has ended already
                continue
            try:
                done, answer = self._do(kind, told, descriptors)
            except RefusedError as error:
                self._say(REFUSED, str(error))
                continue
            except OSError as error:
                self._say(FAILED, str(error))
                continue
            self._say(DONE, done)
            for piece in pieces(answer):
                self._control.sendall(piece)

    def _say(self, kind: bytes, told: object) -> None:
        text = json.dumps(told).encode()
        self._control.sendall(HEAD.pack(kind, len(text)) + text)

    def _do(self, kind: bytes, told: Any, descriptors: list[int]) -> tuple[object, _Answer]:
        if kind == EXEC:
            return self._execute(told, descriptors), iter(())
        if kind == SNAPSHOT:
            found, changed = self._tree.changes(tuple(told))
            return len(changed), _told(self._tree.path, found, changed)
        if kind == TREE:
            return self._look(*told)
        if kind == READ:
            return self._read(*told)
        # The owner sends nothing more before it has an answer.
        with open(self._control.fileno(), "rb", buffering=PIECE, closefd=False) as stream:
            given = entries(stream)
            try:
                self._lay_out(kind, told, given)
            finally:
                for _ in given:
                    pass
        return None, iter(())

    def _lay_out(self, kind: bytes, told: Any, given: _Entries) -> None:
        if kind == RESTORE:
            if told:
                self._root.renew()
                self._tree.forget()
            self._tree.restore(given)
        else:
            self._root.check(told)
            lay_out("" if kind == WRITE else told, given)

    def _look(self, path: str, *most: int) -> tuple[object, _Answer]:
        found = scan(path, (most[0], most[1]), without=".git")
        return len(found.kinds), _told(path, found, found.kinds)

    def _read(self, path: str, max_bytes: int) -> tuple[object, _Answer]:
        try:
            descriptor = os.open(path, _READ_FLAGS)
        except OSError:
            return None, iter(())
        status = os.fstat(descriptor)
        # Files of /proc are this process's own, and have no end that is known before.
        if not stat.S_ISREG(status.st_mode) or status.st_dev == self._proc or status.st_size > max_bytes:
            os.close(descriptor)
            return None, iter(())
        with os.fdopen(descriptor, "rb") as file:
            return True, iter((entry(FILE, "", file.read(max_bytes)), end()))

    def _execute(self, told: dict[str, Any], streams: list[int]) -> tuple[int | None, int]:
        """The exit status as shells report it, None where the whole of it was killed; and the memory of all files."""
        self._tree.settle()
        self._isolation.before_fork()
        first = os.fork()
        if first == 0:
            self._begin(told, streams)
        for stream in streams:
            os.close(stream)
        ending = os.pidfd_open(first)
        try:
            self._wait(first, ending)
        finally:
            os.close(ending)
        _, status = os.waitpid(first, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else None, self._root.held()

    def _wait(self, first: int, ending: int) -> None:
        poll = select.poll()
        for descriptor in (ending, self._control.fileno()):
            poll.register(descriptor, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if ending in ready:
                return
            head = self._control.recv(HEAD.size)
            if not head:
                os._exit(0)  # the owner is gone, and everything goes with this process
            os.kill(first, signal.SIGKILL)

    def _begin(self, told: dict[str, Any], streams: list[int]) -> NoReturn:
        """In the first process of the command's namespace."""
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
            for which, soft, hard in told["rlimits"]:
                resource.setrlimit(which, (soft, hard))
            os.chdir(told["cwd"])
            os.environ.clear()
            os.environ.update(told["env"])
            self._isolation.confine()
            close_to_others(True)
            status = attend(told["argv"])
        except BaseException as error:  # this process must never go on as the keeper
            os.write(2, f"{error}\n".encode())
            os._exit(NOT_FOUND)
        os._exit(status)


def _told(path: str, found: Found, paths: Iterable[str]) -> _Answer:
    yield from contents(path, found, paths)
    yield end(found.left_out)


def main() -> None:
    """``argv``: the descriptor of the control socket, on which settings of ``Isolation`` and ``Root`` come first."""
    control = socket.socket(fileno=int(sys.argv[1]))
    close_to_others(True)
    try:
        _Keeper(control).run()
    except (EOFError, ConnectionError):
        os._exit(0)
