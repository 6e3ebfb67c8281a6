"""A set while it is judged: a line for each problem that is done, and a bar, or more lines where no terminal is."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from alphadial.cli.output import notices, say
from alphadial.cli.visible import visible
from alphadial.envs.judging.limits import Limit

QUIET_S = 30.0
"""Where there is no terminal, nobody waits longer for a line."""


class JudgingProgress:
    """A context manager; problems come one after the other, their solutions in any order."""

    def __init__(self) -> None:
        self._problem, self._total = "", 0
        self._ended = threading.Event()
        self._speaker = threading.Thread(target=self._speak, daemon=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("solutions"),
            TimeElapsedColumn(),
            console=notices(),
            transient=True,
            disable=not notices().is_terminal,
        )
        self._task = self._bar.add_task("", total=None, visible=False)
        self._began = 0.0
        self._made = self._found = 0

    def __enter__(self) -> Self:
        self._bar.start()
        if not notices().is_terminal:
            self._speaker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        self._ended.set()

    def begin(self, problem: str, solutions: int) -> None:
        """The next problem."""
        self._began, self._made, self._found = time.monotonic(), 0, 0
        self._problem, self._total = problem, solutions
        self._bar.reset(self._task, description=visible(problem), total=solutions, visible=True)

    def count(self, resumed: bool) -> None:
        """One more solution has a record, perhaps of an earlier process."""
        self._made += not resumed
        self._found += resumed
        self._bar.update(self._task, completed=self._made + self._found)

    def end(self, problem: str, limit: Limit) -> None:
        """All solutions of the problem have one."""
        took = time.monotonic() - self._began
        earlier = f", {self._found} of them earlier" if self._found else ""
        many = self._made + self._found
        self._problem = ""
        say(f"{problem}: {many} solutions{earlier}, limit {limit.seconds:g} s ({limit.source}), {took:,.1f} s")

    def _speak(self) -> None:
        while not self._ended.wait(QUIET_S):
            done, took = self._made + self._found, time.monotonic() - self._began
            judged = f"{self._problem}: {done} of {self._total} solutions after {took:,.0f} s"
            say(judged if self._problem else "reading the next problem")
