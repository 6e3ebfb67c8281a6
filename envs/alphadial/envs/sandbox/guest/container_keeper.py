"""The first process of a box: starts its commands, looks after its files, and does what the box's owner says.

It is the first process of a pid namespace, so nothing inside can end or stop it, and all else ends with it. It runs as
root without most of root's powers; commands of the policy run under another uid and can neither look into it nor reach
what it reads and writes. Where its owner has gone, it goes.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from . import meters
from .container_command import Order, input_file, run, seal
from .container_tree import RefusedError, Tree, exactly, write
from .container_wire import BY_TIMES, CHUNK, HEAD

_ORDERS, _ANSWERS = 0, 1
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

Answer = tuple[dict[str, Any], int, Iterable[bytes]]
"""Facts, and how many bytes follow in the pieces."""


class Keeper:
    """Answers orders, one after the other.

    Args:
        workdir: an absolute path.
        agent: the uid of the policy's commands.
        by_times: see ``Tree``.
        apart: other folders on file systems in memory.
    """

    def __init__(self, workdir: str, agent: int, *, by_times: bool, apart: list[str]) -> None:
        self._workdir = workdir
        self._tree = Tree(workdir, agent, by_times=by_times)
        self._meter = meters.find((workdir, *apart))
        self._proc = os.stat("/proc").st_dev  # noqa: PTH116
        self._orders = _Orders()
        self._left = 0

    def serve(self) -> None:
        """Until the owner has gone."""
        while True:
            length, self._left = HEAD.unpack(b"".join(exactly(HEAD.size, self._orders.take)))
            order = json.loads(b"".join(exactly(length, self._orders.take)))
            try:
                answer = self._answer(order)
            except RefusedError as error:
                answer = {"refused": str(error)}, 0, ()
            except (OSError, ValueError) as error:
                answer = {"failed": str(error)}, 0, ()
            for _ in exactly(self._left, self._take):  # of an order that failed in the middle
                pass
            _send(*answer)

    def _take(self, size: int) -> bytes:
        """The next bytes beside the order."""
        data = self._orders.take(min(size, self._left))
        self._left -= len(data)
        return data

    def _answer(self, order: dict[str, Any]) -> Answer:
        do = order["do"]
        if do == "run":
            return self._run(order)
        if do == "look":
            return self._look(order)
        if do == "change":
            files = [(path, kind, size) for path, kind, size in order["files"]]
            self._tree.change(order["gone"], files, order["folders"], self._take)
        elif do == "clear":
            self._tree.clear()
        elif do == "write":
            self._write(order)
        elif do == "read":
            return self._read(order)
        return {}, 0, ()

    def _run(self, order: dict[str, Any]) -> Answer:
        stdin = input_file()
        try:
            for chunk in exactly(self._left, self._take):
                _write(stdin, chunk)
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

    def _look(self, order: dict[str, Any]) -> Answer:
        if order["anew"]:
            self._tree.forget_all()
        seen = self._tree.look(order["max_files"], order["max_bytes"], exactly=not order["contents"])
        changed = [(path, seen.files[path].kind, seen.files[path].size) for path in seen.changed]
        facts = {"changed": changed, "gone": seen.gone, "empty": seen.empty}
        if order["contents"]:
            return facts, sum(size for _, _, size in changed), self._tree.contents(seen)
        self._tree.forget([*seen.changed, *seen.gone])
        return facts, 0, ()

    def _write(self, order: dict[str, Any]) -> None:
        """Files at absolute paths, as their owner would write them."""
        with _Becoming(order["uid"]):
            for path, kind, size in order["files"]:
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
                write(path, kind, list(exactly(size, self._take)), order["uid"])

    def _read(self, order: dict[str, Any]) -> Answer:
        try:
            descriptor = os.open(order["path"], _READ)
        except OSError:
            return {"found": False}, 0, ()
        try:
            status = os.fstat(descriptor)
            # What /proc says of this process is nobody else's.
            regular = stat.S_ISREG(status.st_mode) and status.st_dev != self._proc
            data = b"".join(_content(descriptor, order["max_bytes"] + 1)) if regular else b""
        finally:
            os.close(descriptor)
        if not regular or len(data) > order["max_bytes"]:
            return {"found": False}, 0, ()
        return {"found": True}, len(data), (data,)


def _content(descriptor: int, most: int) -> Iterator[bytes]:
    while most and (chunk := os.read(descriptor, min(most, CHUNK))):
        most -= len(chunk)
        yield chunk


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


class _Orders:
    """What the owner sends, read in large pieces: each read waits for three others on the way."""

    def __init__(self) -> None:
        self._data, self._at = b"", 0

    def take(self, size: int) -> bytes:
        """So many bytes, or fewer but some."""
        if self._at == len(self._data):
            self._data, self._at = os.read(_ORDERS, CHUNK), 0
            if not self._data:
                os._exit(0)  # the owner has gone
        taken = self._data[self._at : self._at + size]
        self._at += len(taken)
        return taken


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _send(facts: dict[str, Any], size: int, pieces: Iterable[bytes]) -> None:
    text = json.dumps(facts).encode()
    _write(_ANSWERS, HEAD.pack(len(text), size) + text)
    for piece in _joined(pieces):
        _write(_ANSWERS, piece)


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Small ones together: each write is read by three others on its way."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


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
    keeper = Keeper(sys.argv[1], agent, by_times=sys.argv[3] == BY_TIMES, apart=sys.argv[4:])
    _send({"ready": began}, 0, ())
    keeper.serve()
