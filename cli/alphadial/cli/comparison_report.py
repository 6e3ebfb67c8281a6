"""A comparison as it is made, in text, and in its folder."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from alphadial.agents.experiments.compare.entries import IN_SAMPLE, ORACLE
from alphadial.cli.errors import CliError
from alphadial.cli.interrupt import keeps
from alphadial.cli.output import STDOUT, cell, notices, print_line, results, say, write_json
from alphadial.cli.plots import MISSING, can_draw
from alphadial.cli.visible import visible
from alphadial.envs.folders import write_atomically

RESULT, PICTURE = "compare.json", "compare.png"
_DIFFERENCES = ("minus_best_single", "minus_uniform")
_PLAIN_SECONDS = 10.0
_WIDE = 110
"""Columns of a terminal that shows everything."""
_SHORT = {IN_SAMPLE: "in-sample", ORACLE: "oracle"}
"""Names that leave a terminal of 80 columns its intervals."""


class Bars:
    """A bar for each stage of a comparison; a line now and then where there is no terminal."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=notices(), transient=True)
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


def report(summary: dict[str, Any], folder: Path, json_to: str | None) -> None:
    """Writes compare.json and compare.png into the folder, and shows the rows."""
    try:
        write_atomically(folder / RESULT, json.dumps(summary, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise CliError(f"cannot write {folder / RESULT}: {error.strerror}; choose another --out") from error
    keeps(f"the results are in {folder / RESULT}")
    picture = folder / PICTURE
    if can_draw():
        from alphadial.cli.plots.comparison import draw_comparison

        draw_comparison(summary, picture)
    else:
        say(MISSING)
    if json_to is not None:
        write_json(json_to, summary)
    if json_to != STDOUT:
        for family in dict.fromkeys(row["family"] for row in summary["rows"]):
            results().print(comparison_table(summary, family, results().width))
        print_line(f"results: {folder / RESULT}")
        if picture.exists():
            print_line(f"picture: {picture}")


def comparison_table(summary: dict[str, Any], family: str, width: int) -> Table:
    """The rows of one family, k by k, with what stands beside them; in per cent, with 95 % intervals.

    On a narrow terminal, what dev chose is left to the JSON.
    """
    split, templates = summary["split"], summary["templates"]
    wide = width >= _WIDE
    table = Table(
        title=visible(
            f"{family} on {split}: {summary['problems']} problems, {summary['orders']} orders of "
            f"{summary['samples']} samples"
        ),
        caption=visible(
            f"T and alphas are chosen on dev, for each row and k; 95 % intervals, paired, clustered by the "
            f"{templates} templates; in italics: chosen on {split} itself"
        ),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in (
        "k",
        "controller",
        "solved %",
        "- best single",
        "- uniform",
        *(("T", "alphas", "attempts") if wide else ()),
    ):
        table.add_column(name, justify="right" if name in ("k", "T", "attempts") else "left", no_wrap=True)
    for k in dict.fromkeys(row["k"] for row in summary["rows"]):
        for rows, style in ((summary["rows"], "bold"), (summary["beside"], "italic")):
            for row in rows:
                if (row["k"], row["family"]) == (k, family):
                    name = _SHORT.get(row["controller"], row["controller"])
                    table.add_row(str(k), cell(name, style), *_rates(row), *(_chosen(row) if wide else ()))
        table.add_row()
    return table


def _rates(row: dict[str, Any]) -> Iterator[Text]:
    yield _estimate(row, "solve", "green", signed=False)
    for name in _DIFFERENCES:
        low, high = row[f"{name}_ci"]
        style = "" if low is None or low <= 0 <= high else "green" if low > 0 else "red"
        yield _estimate(row, name, style, signed=True)


def _chosen(row: dict[str, Any]) -> Iterator[str]:
    yield "" if row["temperature"] is None else f"{row['temperature']:g}"
    yield _spelled(row["alphas"])
    yield f"{row['attempts_mean']:.2f}" if "attempts_mean" in row else ""


def _estimate(row: dict[str, Any], name: str, style: str, *, signed: bool) -> Text:
    if row[name] is None:
        return Text("-", "dim")
    sign = "+" if signed else ""
    low, high = row[f"{name}_ci"]
    interval = "" if low is None else f" [{100 * low:{sign}.1f},{100 * high:{sign}.1f}]"
    return Text.assemble((f"{100 * row[name]:{sign}5.1f}", style), (interval, "dim"))


def _spelled(alphas: list[float] | None) -> str:
    if alphas is None:
        return ""
    if len(alphas) <= 2:
        return ", ".join(f"{alpha:g}" for alpha in alphas)
    return f"{len(alphas)} from {alphas[0]:g} to {alphas[-1]:g}"
