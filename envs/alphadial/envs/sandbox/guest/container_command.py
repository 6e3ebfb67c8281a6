"""One command of a box: started by the keeper, watched, and ended with all that it left running."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import time
from contextlib import suppress
from typing import NamedTuple, NoReturn

from .box_wire import CHUNK, CPU, MEMORY, OUTPUT, WALL
from .limited import become
from .meters import Meter

_TICKS_S = (0.002, 0.02)
"""Between two looks at the counters: at first, and in the end."""
_UNCHANGEABLE = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_CONTROL = 0
"""The keeper's stdin: its owner has ended when nobody holds the other end any more."""
NOT_BEGUN = 126
"""The exit status where there is no such working directory."""
_FIRST_TO_DIE = b"1000"
"""The oom_score_adj of commands: where memory runs out the kernel ends any of their processes before the keeper."""


class Order(NamedTuple):
    """What to run. Sizes in bytes."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    uid: int
    stdin: int
    """A descriptor."""
    cpu_s: float
    wall_s: float
    output_bytes: int
    memory_bytes: int


class Ended:
    """How it ended."""

    def __init__(self) -> None:
        self.status = 128 + signal.SIGKILL
        """The exit status as shells report it: 128 and the number of the signal that ended the command."""
        self.stdout, self.stderr = bytearray(), bytearray()
        self.killed_by: str | None = None
        self.cpu_s = self.wall_s = 0.0
        self.peak_bytes = 0
        self.oom = False


def input_file() -> int:
    """An empty file in memory, for a command's stdin; see ``seal``."""
    return os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def seal(written: int) -> int:
    """The same file from its beginning, which nobody can change any more."""
    os.fchmod(written, 0o444)  # the command may open it again, as /dev/stdin
    fcntl.fcntl(written, fcntl.F_ADD_SEALS, _UNCHANGEABLE)
    given = os.open(f"/proc/self/fd/{written}", os.O_RDONLY | os.O_CLOEXEC)
    os.close(written)
    return given


def run(order: Order, meter: Meter) -> Ended:
    """Runs a command until it ends, or a limit ends it. Nothing of it is left then."""
    return _Run(order, meter).ended()


class _Run:
    def __init__(self, order: Order, meter: Meter) -> None:
        self._order, self._meter = order, meter
        self._got = Ended()
        self._cpu_before, self._kills_before = self._cpu_s(), meter.oom_kills()
        self._held_before = meter.held_bytes(0)
        self._began = time.monotonic()
        self._sinks: dict[int, bytearray] = {}
        self._leader = self._start()
        self._ended = False

    def ended(self) -> Ended:
        """Watches it to its end."""
        got = self._got
        try:
            self._watch()
            with suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # reaches every other process of the box, and none can fork with it pending
            self._reap(0)
            got.cpu_s = self._cpu_s() - self._cpu_before
            for pipe in list(self._sinks):
                while self._room() >= 0 and self._drain(pipe):
                    pass
        finally:
            for pipe in self._sinks:
                os.close(pipe)
        got.wall_s = time.monotonic() - self._began
        got.oom = self._meter.oom_kills() > self._kills_before
        if self._room() < 0:
            got.killed_by = got.killed_by or OUTPUT
            del got.stdout[self._order.output_bytes :]
            del got.stderr[self._order.output_bytes - len(got.stdout) :]
        return got

    def _cpu_s(self) -> float:
        """CPU seconds of everything in the container but the keeper."""
        return self._meter.cpu_s() - time.process_time()

    def _room(self) -> int:
        return self._order.output_bytes - len(self._got.stdout) - len(self._got.stderr)

    def _start(self) -> int:
        ends = []
        for sink in (self._got.stdout, self._got.stderr):
            reading, writing = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(reading, False)
            # The command may open it again, as /dev/stderr: the right way round, or it could wait for its own words.
            with suppress(PermissionError):  # of gVisor, where it can be opened either way
                os.fchmod(writing, 0o222)
            self._sinks[reading] = sink
            ends.append(writing)
        try:
            leader = os.fork()
            if leader == 0:
                _begin(self._order, ends)
        finally:
            for end in ends:
                os.close(end)
        return leader

    def _watch(self) -> None:
        poll = select.poll()
        ending = -1
        with suppress(OSError):  # of gVisor, which looks at the leader at each tick
            ending = os.pidfd_open(self._leader)
            poll.register(ending, select.POLLIN)
        poll.register(_CONTROL, 0)
        for pipe in self._sinks:
            poll.register(pipe, select.POLLIN)
        tick = _TICKS_S[0]
        try:
            while not self._ended and self._got.killed_by is None:
                for descriptor, _ in poll.poll(1000 * tick):
                    if descriptor == _CONTROL:
                        os._exit(0)  # nobody waits for an answer any more; all others end with the first process
                    if descriptor != ending and not self._drain(descriptor) and descriptor not in self._sinks:
                        poll.unregister(descriptor)
                self._reap(os.WNOHANG)
                self._got.killed_by = None if self._ended else self._overrun()
                tick = min(2 * tick, _TICKS_S[1])
        finally:
            if ending >= 0:
                os.close(ending)

    def _reap(self, flags: int) -> None:
        """Takes note of what has ended: of all that ever will, where ``flags`` do not say otherwise."""
        with suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, flags)
                if pid == 0:
                    return
                self._got.peak_bytes = max(self._got.peak_bytes, usage.ru_maxrss * 1024)
                if pid == self._leader:
                    code = os.waitstatus_to_exitcode(status)
                    self._got.status = code if code >= 0 else 128 - code
                    self._ended = True

    def _overrun(self) -> str | None:
        order = self._order
        if self._room() < 0:
            return OUTPUT
        if self._cpu_s() - self._cpu_before > order.cpu_s:
            return CPU
        if time.monotonic() - self._began > order.wall_s:
            return WALL
        held = self._meter.held_bytes(order.memory_bytes) - self._held_before
        self._got.peak_bytes = max(self._got.peak_bytes, held)
        full = held > order.memory_bytes or self._meter.oom_kills() > self._kills_before
        return MEMORY if full else None

    def _drain(self, pipe: int) -> bool:
        """Whether there may be more to read at once; at its end the pipe is closed."""
        try:
            data = os.read(pipe, CHUNK)
        except BlockingIOError:
            return False
        self._sinks[pipe].extend(data)
        if not data:
            del self._sinks[pipe]
            os.close(pipe)
        return bool(data)


def _begin(order: Order, ends: list[int]) -> NoReturn:
    """Turns the forked child into the command, with nothing of the keeper's."""
    try:
        os.setsid()
        for wanted, descriptor in enumerate((order.stdin, *ends)):
            os.dup2(descriptor, wanted)
        with open("/proc/self/oom_score_adj", "wb") as file:  # noqa: PTH123
            file.write(_FIRST_TO_DIE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.umask(0o022)
        os.setgroups([])
        os.setresgid(order.uid, order.uid, order.uid)
        os.setresuid(order.uid, order.uid, order.uid)
        os.environ.clear()
        os.environ.update(order.env)
        os.chdir(order.cwd)
        become(order.argv)
    except BaseException as error:  # this process must never go on as the keeper
        os.write(2, f"{error}\n".encode())
        os._exit(NOT_BEGUN)
