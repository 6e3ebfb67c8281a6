"""A set while it is judged: a line for each problem that is done, and a bar, or more lines where no terminal is."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from alphadial.cli.output import notices, say
from alphadial.cli.visible import visible
from alphadial.envs.judging.batch import BatchStep
from alphadial.envs.judging.limits import Limit

QUIET_S = 30.0
"""Seconds after which a line is written at the latest, if there is no terminal to show a bar."""


class JudgingProgress:
    """A context manager; problems come one after the other, their submissions in any order."""

    def __init__(self) -> None:
        self._step: BatchStep | None = None
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

    def show(self, step: BatchStep) -> None:
        """How far a problem is: it begins, one more of its submissions has a record, or all of them have one."""
        done = step.made + step.found
        if step.limit is not None:
            self._end(step, step.limit)
        elif done:
            self._bar.update(self._task, completed=done)
        else:
            self._began = time.monotonic()
            self._bar.reset(self._task, description=visible(step.problem), total=step.submissions, visible=True)
        self._step = None if step.limit is not None else step

    def _end(self, step: BatchStep, limit: Limit) -> None:
        took = time.monotonic() - self._began
        earlier = f", {step.found} of them earlier" if step.found else ""
        many = step.made + step.found
        say(f"{step.problem}: {many} solutions{earlier}, limit {limit.seconds:g} s ({limit.source}), {took:,.1f} s")

    def _speak(self) -> None:
        while not self._ended.wait(QUIET_S):
            step, took = self._step, time.monotonic() - self._began
            if step is None:
                say("reading the next problem")
            else:
                done = step.made + step.found
                say(f"{step.problem}: {done} of {step.submissions} solutions after {took:,.0f} s")
