"""Attempts while they are made: a bar and a table of rates on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from alphadial.cli.interrupt import keeps
from alphadial.cli.output import cell, notices, say
from alphadial.cli.visible import visible

if TYPE_CHECKING:
    from alphadial.agents.policies.http import Wait
    from alphadial.agents.runs.runner import Progress
    from alphadial.agents.runs.session import Session
    from alphadial.agents.types import Attempt

_PLAIN_SECONDS = 10.0
"""Time between two lines where there is no terminal."""
_LOOK_SECONDS = 1.0
_REASONS = 5
"""Why attempts cannot be measured, that are told at most; rows have them all."""
_ROWS = 20
"""Arms that are shown at once, at most: a terminal has few lines."""


@dataclass(slots=True)
class Tally:
    """Outcomes of one model so far."""

    solved: int = 0
    correctness: int = 0
    optimisation: int = 0
    unmeasurable: int = 0

    def add(self, attempt: Attempt) -> None:
        """Counts one attempt."""
        kind = attempt.failure_kind or "solved"
        setattr(self, kind, getattr(self, kind) + 1)

    @property
    def done(self) -> int:
        """All attempts counted."""
        return self.measured + self.unmeasurable

    @property
    def measured(self) -> int:
        """Those that rates are over."""
        return self.solved + self.correctness + self.optimisation


class AttemptProgress:
    """A context manager whose ``update`` is the callback of ``run_attempts``.

    Args:
        arms: what tells an attempt's arm (``Attempt.arm_key``) to what it is called, in the order to show them.
        total: attempts of the run, or at most so many.
        earlier: attempts of earlier processes.
    """

    def __init__(self, arms: Mapping[str, str], total: int, earlier: Iterable[Attempt] = ()) -> None:
        self._arms = dict(arms)
        self._tallies = {key: Tally() for key in arms}
        self._solved: set[str] = set()
        self._begun = False
        self._latest = ""
        self._told: set[str] = set()
        for attempt in earlier:
            self._count(attempt)
        self._earlier = sum(tally.done for tally in self._tallies.values())
        self._bar = Bar(
            TextColumn("{task.fields[solved]} problems solved, attempts"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=notices(),
        )
        self._task = self._bar.add_task("", total=total, rate="", solved=len(self._solved))
        self._live = Live(console=notices(), get_renderable=self._render, refresh_per_second=4, transient=True)
        self._plain = not notices().is_terminal
        self._started = self._spoken = self._latest_at = time.monotonic()
        self._ended = threading.Event()
        self._silence = threading.Thread(target=self._tell_of_silence, name="alphadial-silence", daemon=True)

    def __enter__(self) -> Self:
        if not self._plain:
            self._live.start()
        self._silence.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if not self._plain:
            self._live.stop()

    def update(self, progress: Progress) -> None:
        """Counts the latest attempt and shows how far the run is."""
        now = self._latest_at = time.monotonic()
        if progress.latest is not None:
            self._count(progress.latest)
            self._tell_of_error(progress.latest)
        elif not self._begun:
            self._begun, self._started, self._spoken = True, now, now
            if self._earlier:
                say(f"resuming: {self._earlier:,} of {progress.total:,} attempts are already there")
        made = progress.done - progress.resumed
        rate = made / max(1e-9, now - self._started)
        self._bar.update(
            self._task, completed=progress.done, rate=f"{rate:,.0f}/s" if made else "", solved=len(self._solved)
        )
        if self._plain and made and now - self._spoken >= _PLAIN_SECONDS:
            self._spoken = now
            left = (progress.total - progress.done) / rate
            say(
                f"{progress.done:,}/{progress.total:,} attempts, {len(self._solved)} problems solved, {rate:,.0f}/s, "
                f"about {left:,.0f} s left"
            )

    def _tell_of_error(self, attempt: Attempt) -> None:
        """Says why an attempt cannot be measured, each reason once."""
        if attempt.error and attempt.error not in self._told and len(self._told) < _REASONS:
            self._told.add(attempt.error)
            say(f"an attempt on {attempt.problem} cannot be measured: {attempt.error}")

    def _tell_of_silence(self) -> None:
        """Says now and then, ever more rarely, that no attempt ends: a slow model looks like a hanging command."""
        due = _PLAIN_SECONDS
        while not self._ended.wait(_LOOK_SECONDS):
            silent = time.monotonic() - self._latest_at
            if silent < _PLAIN_SECONDS:
                due = _PLAIN_SECONDS
            elif silent >= due:
                due *= 2
                say(f"waiting: no attempt has ended for {silent:.0f} s")

    def _count(self, attempt: Attempt) -> None:
        self._tallies[attempt.arm_key].add(attempt)
        self._latest = attempt.arm_key
        if attempt.failure_kind is None:
            self._solved.add(attempt.problem)

    def _render(self) -> Group:
        table = Table("arm", "done", "solved", "wrong", "too slow", box=None, pad_edge=False)
        for column in table.columns[1:]:
            column.justify = "right"
        shown = [key for key, tally in self._tallies.items() if tally.done or len(self._tallies) <= _ROWS]
        if len(shown) > _ROWS:
            shown = sorted(shown, key=lambda key: -self._tallies[key].done)[:_ROWS]
        for key in shown:
            tally = self._tallies[key]
            shares = (tally.solved, tally.correctness, tally.optimisation)
            cells = [f"{share / tally.measured:.0%}" if tally.measured else "" for share in shares]
            styles = ("green", "red", "blue")
            texts = [Text(cell, style) for cell, style in zip(cells, styles, strict=True)]
            name = cell(self._arms[key], "bold" if key == self._latest else "")
            table.add_row(name, str(tally.done), *texts)
        return Group(table, self._bar)


class RunWatch:
    """A context manager that shows the attempts of every run that begins in it; its ``begin`` is told of them.

    An interrupted command then says what is kept and how to go on.
    """

    def __init__(self) -> None:
        self._shown: AttemptProgress | None = None
        self._latest: Progress | None = None
        self._folder = Path()
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._waited = -_PLAIN_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if kind is KeyboardInterrupt and self._latest is not None:
            done, total = self._latest.done, self._latest.total
            keeps(f"{done:,} of {total:,} attempts are in {self._folder}; the same command goes on from there")

    def begin(self, session: Session) -> Callable[[Progress], None]:
        """Shows the attempts of a run from now on."""
        self._end()
        self._folder, self._latest = session.folder.path, None
        keeps(f"the attempts made so far are in {self._folder}; the same command goes on from there")
        arms = {key: str(choice.arm) for key, choice in session.config.choices_by_key().items()}
        self._shown = AttemptProgress(arms, session.config.max_attempts, session.folder.store.attempts())
        self._shown.__enter__()
        return self._update

    def waits(self, wait: Wait) -> None:
        """Says why a request waits; what a server does not take is told once, the rest now and then."""
        now = time.monotonic()
        with self._lock:
            known = wait.cause in self._told
            if known or (wait.seconds and now - self._waited < _PLAIN_SECONDS):
                return
            if wait.seconds:
                self._waited = now
            else:
                self._told.add(wait.cause)
        again = f"; it is asked again in {wait.seconds:.1f} s" if wait.seconds else ""
        say(f"{wait.model}: {wait.cause}{again}")

    def _update(self, progress: Progress) -> None:
        self._latest = progress
        if self._shown is not None:
            self._shown.update(progress)
        if progress.done == progress.total:
            self._end()

    def _end(self) -> None:
        """Frees the terminal for others."""
        if self._shown is not None:
            self._shown.__exit__(None, None, None)
            self._shown = None


class ReplayBars:
    """A bar for each stage of a comparison; a line now and then where there is no terminal."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._progress = Bar(*columns, console=notices(), transient=True)
        self._plain = not notices().is_terminal
        self._bar: TaskID | None = None
        self._spoken = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def update(self, stage: str, done: int, total: int) -> None:
        """Shows how many rows of a stage are done. Between stages the terminal is free for others."""
        if self._plain:
            if done == total or time.monotonic() - self._spoken >= _PLAIN_SECONDS:
                self._spoken = time.monotonic()
                say(f"{stage}: {done} of {total} rows")
            return
        if self._bar is None:
            self._bar = self._progress.add_task(visible(stage), total=total)
            self._progress.start()
        self._progress.update(self._bar, completed=done)
        if done == total:
            self._end()

    def _end(self) -> None:
        if self._bar is not None:
            self._progress.stop()
            self._progress.remove_task(self._bar)
            self._bar = None
