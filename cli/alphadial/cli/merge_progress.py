"""A merge to disk while it is made: bytes and GB/s of each phase; and what one would do."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from alphadial.cli.output import STDOUT, notices, print_line, say, write_json
from alphadial.merge_engine import MergePlan


class MergeProgress:
    """A context manager; at its end it says how fast each phase was."""

    def __init__(self, plan: MergePlan) -> None:
        self._plan = plan
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=40),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeElapsedColumn(),
            console=notices(),
            transient=True,
            disable=not notices().is_terminal,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if error is None:
            for doing, began in self._began.items():
                seconds = max(self._ended[doing] - began, 1e-9)
                size = self._plan.weights
                say(f"{doing}: {size / 1e9:.2f} GB in {seconds:.2f} s, {size / 1e9 / seconds:.2f} GB/s")

    def count(self, doing: str, size: int) -> None:
        """So many more bytes of results are done; any thread may tell it."""
        now = time.monotonic()
        if doing not in self._tasks:
            self._began[doing] = now
            self._tasks[doing] = self._bar.add_task(doing, total=self._plan.weights)
        self._ended[doing] = now
        self._bar.update(self._tasks[doing], advance=size)


def say_plan(plan: MergePlan, json_to: str | None) -> None:
    """What a merge would read, write and hold."""
    if json_to is not None:
        values = {"tensors": plan.tensors, "reads": plan.reads, "writes": plan.writes, "memory": plan.memory}
        write_json(json_to, {**values, "warnings": list(plan.warnings)})
    for warning in plan.warnings:
        say(f"warning: {warning}")
    if json_to != STDOUT:
        print_line(
            f"{plan.tensors:,} tensors: reads {plan.reads / 1e9:,.2f} GB, writes {plan.writes / 1e9:,.2f} GB, holds at "
            f"most {plan.memory / 2**20:,.0f} MiB of its own; nothing was written"
        )
