"""Ctrl-C: a command ends within two seconds, at any moment, with one line that says what is kept and where.

At first the command unwinds, as after any exception. Where that takes longer than a moment, because a program is being
judged or a library computes, the process ends as by a kill, which whatever it keeps survives. Imports nothing heavy:
it listens before anything else is loaded.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import FrameType

from alphadial.cli.visible import visible

INTERRUPTED = 130
"""Exit status of a command that was interrupted."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE_S = 1.0
"""Seconds that a command has to unwind."""
_CURSOR = "\x1b[?25h\n"
"""Shows the cursor, which a progress bar has hidden, and leaves the line of the bar."""


class _Command:
    """What is known of the running command."""

    kept = "nothing is kept"
    interrupted = False
    saying = threading.Lock()
    """Taken for ever by who ends the process."""


def keeps(text: str) -> None:
    """Lets an interrupted command say, from now on, what is kept where and how to go on."""
    _Command.kept = text


def interrupted() -> bool:
    """Whether a signal has come: then nothing else is to be said."""
    return _Command.interrupted


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM inside, and until the process ends, end it with one line and status 130."""
    keeps("nothing is kept")
    signal.set_wakeup_fd(_listen(), warn_on_full_buffer=False)
    for number in _SIGNALS:
        # Ignored where the command was started in the background.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _unwind)
    try:
        yield
    except KeyboardInterrupt:
        _end()
    except BaseException:
        if interrupted():
            _end()
        raise
    finally:
        # While the interpreter ends, nothing is left to unwind.
        for number in _SIGNALS:
            if signal.getsignal(number) is _unwind:
                signal.signal(number, _note)
    if interrupted():
        _end()


def _unwind(number: int, frame: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second one would cut the unwinding short
    _Command.interrupted = True
    if _importing(frame):
        _cut_short()  # a library half loaded may answer an exception by aborting the process
    raise KeyboardInterrupt


def _importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


def _note(number: int, frame: FrameType | None) -> None:
    """The listener has heard of it already."""


def _end() -> None:
    _Command.saying.acquire()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{_line()}\n")
        sys.stderr.flush()
    if interrupted():
        os._exit(INTERRUPTED)  # without waiting for threads
    _Command.saying.release()
    sys.exit(INTERRUPTED)


def _line() -> str:
    return visible(f"interrupted: {_Command.kept}")


def _deaf() -> None:
    """Ignores signals from now on, where the command has ended.

    The interpreter is about to give them back to the system, which would kill a command that has done all it should.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is _note:
            signal.signal(number, signal.SIG_IGN)


@cache
def _listen() -> int:
    """A descriptor that signals are written to, by the interpreter, whatever the main thread is doing."""
    atexit.register(_deaf)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_bound, args=(reader,), name="alphadial-interrupt", daemon=True).start()
    return writer


def _bound(reader: int) -> None:
    while not set(os.read(reader, 64)) & set(_SIGNALS):
        pass
    time.sleep(_GRACE_S)
    _cut_short()


def _cut_short() -> None:
    """Ends the process as a kill would, after its last words."""
    _Command.saying.acquire()
    # No buffer and no lock of another thread, which may hold it for long.
    with suppress(OSError):
        os.write(2, f"{_CURSOR if os.isatty(2) else ''}{_line()}\n".encode())
    _clean_up()
    os._exit(INTERRUPTED)


def _clean_up() -> None:
    """Starts a process that ends what we have started, and removes what we have set up, once we are gone.

    Not before: a program that was killed must never seem to have failed by itself.
    """
    with suppress(OSError):
        told = [os.pidfd_open(os.getpid()), *_pidfds(_descendants(os.getpid()))]
        command = [sys.executable, "-P", "-m", "alphadial.cli.leftovers", *map(str, told)]
        quiet = subprocess.DEVNULL
        subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, pass_fds=told, process_group=0)


def _pidfds(pids: Iterable[int]) -> Iterator[int]:
    """A descriptor of each that still lives; programs come and go meanwhile."""
    for pid in pids:
        with suppress(OSError):
            yield os.pidfd_open(pid)


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                yield child
                yield from _descendants(child)
