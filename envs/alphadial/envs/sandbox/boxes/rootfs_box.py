"""A box that is a process in bubblewrap's namespaces: the owner's end of ``guest.keeper``."""

from __future__ import annotations

import json
import resource
import select
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from ...closing import Closing
from ...errors import SandboxFailedError, WorkspaceError
from ...files import File
from ...forking import OfOneProcess, OwnSocket, in_child
from ...types import KilledBy, Limits, RunResult
from ..bubblewrap import Bubblewrap
from ..guest.folder import END, EXECUTABLE, FILE, FOLDER, TOO_DEEP, TOO_LARGE, TOO_MANY
from ..guest.keeper_frames import (
    DONE,
    EXEC,
    FAILED,
    GONE,
    HEAD,
    KILL,
    LINK,
    PIECE,
    READ,
    REFUSED,
    RESTORE,
    SEAL,
    SNAPSHOT,
    TREE,
    WRITE,
    end,
    entries,
    entry,
    exactly,
    pieces,
)
from ..launch import Contained
from ..slot import Slot
from ..supervise import Supervised, pipe, result_of, sealed, supervise
from ..usage import Meter
from ..workspace import Workspace
from .box import MAX_TREE_BYTES, MAX_TREE_FILES, BoxLimits, Image, User, absolute

_REPLY = struct.pack("@ll", 60, 0)
"""How long the keeper may take for the next piece of an answer, as ``struct timeval``."""
_KILLED = 128 + 9
_END = 16
"""Bytes of the last entry's content, at most."""
_OPEN_FILES = 1024
_REASONS = {
    TOO_MANY: f"more than {MAX_TREE_FILES:,} files and folders",
    TOO_LARGE: f"more than {MAX_TREE_BYTES >> 20} MiB",
    TOO_DEEP: "paths that are too long or too deep",
}
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}
"""Of every command, where the image says nothing else."""


class RootfsBox(OfOneProcess, Closing):
    """Implements ``Box``."""

    def __init__(
        self,
        sandbox: Bubblewrap,
        control: OwnSocket,
        slot: Slot,
        contained: Contained,
        image: Image,
        limits: BoxLimits,
        settings: Mapping[str, Any],
    ) -> None:
        self._sandbox, self._control, self._slot, self._init = sandbox, control, slot, contained.init
        self._workdir, self._sealed = str(settings["workdir"]), list(settings["sealed"])
        self._limits = limits
        self._env = {**ENVIRONMENT, **image.env}
        self._alive, self._asked = True, False
        self._files: dict[str, File] = {}
        self._folders: set[str] = set()
        self._seen: Workspace | None = None
        """The same as a value, once it was asked for."""
        self._left_out = 0
        """Of the working directory, when it was last looked at: names that no snapshot holds."""
        for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            control.setsockopt(socket.SOL_SOCKET, direction, _REPLY)
        self._stream = open(control.fileno(), "rb", buffering=PIECE, closefd=False)  # noqa: SIM115
        in_child(self, RootfsBox._forget)
        self._send(DONE, settings)
        self._answer()

    def _forget(self) -> None:
        """In a forked child: the box is the parent's."""
        self._alive = False

    @property
    def alive(self) -> bool:
        """See ``Box``."""
        if self._alive:
            poll = select.poll()
            poll.register(self._control, select.POLLRDHUP)
            self._alive = not poll.poll(0)
        return self._alive

    def exec(
        self,
        argv: Sequence[str],
        limits: Limits,
        *,
        stdin: bytes = b"",
        user: User = User.AGENT,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
    ) -> RunResult:
        """See ``Box``. There is one uid, so that every user is the same."""
        self._check_alive()
        told = {
            "argv": list(argv),
            "cwd": cwd or self._workdir,
            "env": {**self._env, **(env or {})},
            "rlimits": self._rlimits(limits),
        }
        oom_kills = self._slot.oom_kills()
        self._slot.begin()
        meter = self._slot.meter(self._init)
        before = meter()
        got, (status, held) = self._run(told, stdin, limits, lambda: meter().since(before), oom_kills)
        used, peak, oom = meter().since(before), self._slot.peak_bytes(), self._slot.oom_kills() > oom_kills
        result = result_of(got, status, used, peak if peak is not None else used.peak_bytes, oom)
        if result.killed_by is KilledBy.MEMORY or held > self._limits.memory_bytes:
            self.close()  # files count as memory: so full of them, it has no room for anything else
        return result

    def _run(
        self, told: Mapping[str, object], stdin: bytes, limits: Limits, meter: Meter, oom_kills: int
    ) -> tuple[Supervised, tuple[int | None, int]]:
        """What came out of a command, and how it ended, as ``_ending`` says."""
        with ExitStack() as stack:
            stdout, stdout_end = pipe()
            stack.enter_context(stdout)
            stderr, stderr_end = pipe()
            stack.enter_context(stderr)
            with sealed(stdin) as given, stdout_end, stderr_end:
                self._send(EXEC, told, [each.fileno() for each in (given, stdout_end, stderr_end)])
            got = supervise(stdout, stderr, [self._control.fileno()], limits, meter, partial(self._send, KILL))
            return got, self._ending(oom_kills)

    def snapshot(self) -> Workspace:
        """See ``Box``."""
        self._look()
        if self._seen is None:
            self._seen = Workspace(dict(self._files), frozenset(self._folders), MAX_TREE_BYTES, MAX_TREE_FILES)
        return self._seen

    def restore(self, workspace: Workspace) -> None:
        """See ``Box``."""
        try:
            self._look()
            wiped = self._left_out > 0
        except WorkspaceError:
            wiped = True
        files: Mapping[str, File] = {} if wiped else self._files
        folders: set[str] = set() if wiped else self._folders
        gone = [path for path in (*files, *folders) if path not in workspace.files and path not in workspace.folders]
        gone += [path for path in folders if path in workspace.files]
        changed = {path: file for path, file in workspace.files.items() if files.get(path) != file}
        parts = [entry(GONE, path) for path in gone]
        parts += [entry(FOLDER, path) for path in workspace.folders if path not in folders]
        self._ask(RESTORE, wiped, (*parts, *_entries(changed)))
        self._files, self._folders = dict(workspace.files), set(workspace.folders)
        self._seen, self._left_out = None, 0

    def seal(self, files: Mapping[str, File], at: str) -> None:
        """See ``Box``."""
        if not any(f"{absolute(at)}/".startswith(f"{folder}/") for folder in self._sealed):
            raise SandboxFailedError(f"nothing is sealed in {at}: choose from {', '.join(self._sealed)}")
        self._ask(SEAL, f"{absolute(at)}/", _entries(files))

    def read(self, path: str, max_bytes: int) -> bytes | None:
        """See ``Box``."""
        if self._ask(READ, [absolute(path), max_bytes]) is None:
            return None
        return b"".join(content for kind, _, content in self._entries(max_bytes + _END) if kind == FILE)

    def write(self, path: str, file: File, user: User = User.AGENT) -> None:
        """See ``Box``."""
        self._ask(WRITE, absolute(path), _entries({absolute(path)[1:]: file}))

    def tree(self, path: str) -> Workspace:
        """What lies under an absolute path, without ``.git``.

        Raises:
            WorkspaceError: more than ``MAX_TREE_BYTES`` or ``MAX_TREE_FILES``.
            SandboxFailedError: there is no such folder.
        """
        self._ask(TREE, [absolute(path), MAX_TREE_BYTES, MAX_TREE_FILES])
        return workspace_of(self._entries(MAX_TREE_BYTES + _END))

    def close(self) -> None:
        """See ``Box``."""
        self._alive = False
        self._control.close()
        self._slot.kill()

    def _look(self) -> None:
        """Learns what has changed in the working directory."""
        if self._ask(SNAPSHOT, [MAX_TREE_BYTES, MAX_TREE_FILES]):
            self._seen = None
        for kind, path, content in self._entries(MAX_TREE_BYTES + _END):
            if kind == END:
                self._left_out = int(content)
                return
            before = self._files.pop(path, None)
            self._folders.discard(path)
            if kind == FOLDER:
                self._folders.add(path)
            elif kind != GONE:
                after = File(content, kind == EXECUTABLE, kind == LINK)
                self._files[path] = before if before == after and before is not None else after

    def _rlimits(self, limits: Limits) -> list[tuple[int, int, int]]:
        bounded = replace(
            limits,
            memory_bytes=self._limits.memory_bytes,
            files_bytes=self._limits.files_bytes,
            processes=self._limits.processes,
        )
        rlimits = self._sandbox.rlimits(bounded) | {resource.RLIMIT_NOFILE: (_OPEN_FILES, _OPEN_FILES)}
        del rlimits[resource.RLIMIT_FSIZE]  # what a file holds is limited, not how long it pretends to be
        return [(which, *values) for which, values in rlimits.items()]

    def _ending(self, oom_kills: int) -> tuple[int | None, int]:
        """The command's status as shells report it, None where the kernel ended the box for memory; bytes of files."""
        try:
            told = self._answer()
        except SandboxFailedError:
            if self._slot.oom_kills() > oom_kills:
                return None, 0
            raise
        assert isinstance(told, list)
        status, held = told
        return _KILLED if status is None else int(status), int(held)

    def _ask(self, kind: bytes, told: object, given: Iterable[bytes] = ()) -> object:
        self._check_alive()
        self._send(kind, told)
        if kind in (RESTORE, SEAL, WRITE):
            try:
                for piece in pieces((*given, end())):
                    self._control.sendall(piece)
            except OSError as error:
                raise self._broken(error) from None
        return self._answer()

    def _send(self, kind: bytes, told: object = None, descriptors: Sequence[int] = ()) -> None:
        self._asked = True
        text = b"" if told is None else json.dumps(told).encode()
        try:
            socket.send_fds(self._control, [HEAD.pack(kind, len(text))], list(descriptors))
            self._control.sendall(text)
        except OSError as error:
            raise self._broken(error) from None

    def _answer(self) -> object:
        try:
            kind, length = HEAD.unpack(exactly(self._stream, HEAD.size))
            said = json.loads(exactly(self._stream, length))
            self._asked = False
        except (OSError, EOFError, ValueError) as error:
            raise self._broken(error) from None
        if kind == DONE:
            return said
        if kind == REFUSED:
            raise refusal(said)
        assert kind == FAILED
        raise SandboxFailedError(f"the box: {said}")

    def _entries(self, max_bytes: int) -> Iterator[tuple[bytes, str, bytes]]:
        self._asked = True
        try:
            for kind, path, content in entries(self._stream):
                max_bytes -= len(content)
                if max_bytes < 0:
                    raise ValueError("more than there can be")
                self._asked = kind != END
                yield kind, path, content
        except (OSError, EOFError, ValueError) as error:
            raise self._broken(error) from None

    def _broken(self, reason: object) -> SandboxFailedError:
        said = self._slot.last_words() if self._alive else ""
        self.close()
        return SandboxFailedError(f"the box is gone: {said or reason}")

    def _check_alive(self) -> None:
        if (
            self._alive and self._asked
        ):  # an answer was left unread, as by Ctrl-C: what comes next would be taken for it
            self.close()
        if not self.alive:
            raise SandboxFailedError("the box is gone")


def workspace_of(given: Iterable[tuple[bytes, str, bytes]]) -> Workspace:
    """The tree that entries tell of, none of which is GONE."""
    files, folders = {}, set()
    for kind, path, content in given:
        if kind == FOLDER:
            folders.add(path)
        elif kind != END:
            files[path] = File(content, kind == EXECUTABLE, kind == LINK)
    return Workspace(files, frozenset(folders), MAX_TREE_BYTES, MAX_TREE_FILES)


def refusal(reason: object) -> WorkspaceError:
    """Why a folder cannot be kept, given what ``guest.keeper_tree`` says of it."""
    return WorkspaceError(f"the folder holds {_REASONS.get(str(reason), reason)}")


def _entries(files: Mapping[str, File]) -> Iterator[bytes]:
    for path, file in files.items():
        yield entry(LINK if file.link else EXECUTABLE if file.executable else FILE, path, file.data)
