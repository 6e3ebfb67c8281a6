"""What the keeper of every box does: it takes orders from the box's owner, one after the other, and looks after files.

How a command is run, and who may write where, is each provider's own.
"""

from __future__ import annotations

import json
import os
import stat
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any

from .box_tree import RefusedError, Tree, exactly, write
from .box_wire import CHUNK, HEAD, KILL, joined, opening

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

Answer = tuple[dict[str, Any], int, Iterable[bytes]]
"""Facts, and how many bytes follow in the pieces."""


class Orders:
    """What the owner sends, read in large pieces.

    Args:
        receive: takes at most so many bytes from the owner, and none where it has gone; this process ends then.
    """

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._data, self._at = b"", 0
        self.left = 0
        """Bytes beside the last order that were not taken yet."""

    def next(self) -> dict[str, Any]:
        """The next order, once all that came beside the last one was taken."""
        length, self.left = HEAD.unpack(b"".join(exactly(HEAD.size, self._some)))
        order: dict[str, Any] = json.loads(b"".join(exactly(length, self._some)))
        return order

    def take(self, size: int) -> bytes:
        """So many bytes of those beside the order, or fewer but some."""
        data = self._some(min(size, self.left))
        self.left -= len(data)
        return data

    @property
    def waiting(self) -> bool:
        """Whether something was received that nobody has taken."""
        return self._at < len(self._data)

    def _some(self, size: int) -> bytes:
        if not self.waiting:
            self._data, self._at = self._receive(CHUNK), 0
            if not self._data:
                os._exit(0)  # the owner has gone
        taken = self._data[self._at : self._at + size]
        self._at += len(taken)
        return taken


class BoxKeeper:
    """Answers orders.

    Args:
        orders: where they come from.
        answers: the descriptor for what is said.
        tree: the working directory.
    """

    def __init__(self, orders: Orders, answers: int, tree: Tree) -> None:
        self._orders, self._answers, self._tree = orders, answers, tree
        self._proc = os.stat("/proc").st_dev  # noqa: PTH116

    def serve(self) -> None:
        """Answers until the owner has gone."""
        while True:
            order = self._orders.next()
            if order["do"] == KILL:  # it has ended already
                continue
            try:
                answer = self._answer(order)
            except RefusedError as error:
                answer = {"refused": str(error)}, 0, ()
            except (OSError, ValueError) as error:
                answer = {"failed": str(error)}, 0, ()
            for _ in exactly(self._orders.left, self._orders.take):  # of an order that failed in the middle
                pass
            self.say(*answer)

    def say(self, facts: dict[str, Any], size: int = 0, pieces: Iterable[bytes] = ()) -> None:
        """Answers with facts, and ``size`` bytes in pieces."""
        for piece in joined(chain((opening(facts, size),), pieces)):
            write_all(self._answers, piece)

    @abstractmethod
    def _run(self, order: dict[str, Any]) -> Answer:
        """Runs a command until it has ended, with all that it left running."""

    @abstractmethod
    def _writing(self, paths: list[str], uid: int) -> AbstractContextManager[object]:
        """Lets files be made at absolute paths, as a user.

        Raises:
            OSError: it may not be.
        """

    def _answer(self, order: dict[str, Any]) -> Answer:
        do = order["do"]
        if do == "run":
            return self._run(order)
        if do == "look":
            return self._look(order)
        if do == "change":
            files = [(path, kind, size) for path, kind, size in order["files"]]
            self._tree.change(order["gone"], files, order["folders"], self._orders.take)
        elif do == "clear":
            self._tree.clear()
        elif do == "write":
            self._write(order)
        elif do == "read":
            return self._read(order)
        return {}, 0, ()

    def _look(self, order: dict[str, Any]) -> Answer:
        tree = Tree(order["at"], os.geteuid(), without=".git") if order["at"] else self._tree
        if order["anew"]:
            tree.forget_all()
        seen = tree.look(order["max_files"], order["max_bytes"], exactly=not order["contents"])
        if order["contents"]:
            return seen.facts(), seen.changed_bytes, tree.contents(seen)
        tree.forget([*seen.changed, *seen.gone])
        return seen.facts(), 0, ()

    def _write(self, order: dict[str, Any]) -> None:
        """Files at absolute paths, as their owner would write them."""
        with self._writing([path for path, _, _ in order["files"]], order["uid"]):
            for path, kind, size in order["files"]:
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
                write(path, kind, list(exactly(size, self._orders.take)), os.geteuid())

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


def write_all(descriptor: int, data: bytes) -> None:
    """All of it, however many system calls it takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
