"""Training curves while they grow: a table on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.table import Table
from rich.text import Text

from alphadial.cli.output import cell, notices, say

if TYPE_CHECKING:
    from alphadial.training.state import CurvePoint

SPARKS = "▁▂▃▄▅▆▇█"
_WIDTH = 24
_PLAIN_LINES = 10
_SMOOTHING = 5
"""Rates shown are means over so many steps: one step's few hundred samples are too noisy to read."""


def sparkline(values: Sequence[float], low: float = 0.0, high: float = 1.0, width: int = _WIDTH) -> str:
    """Bars of eight heights; more values than ``width`` are averaged into it."""
    if not values:
        return ""
    bars = min(width, len(values))
    edges = [round(number * len(values) / bars) for number in range(bars + 1)]
    chunks = [values[start:end] for start, end in pairwise(edges)]
    means = [sum(chunk) / len(chunk) for chunk in chunks]
    top = len(SPARKS) - 1
    return "".join(SPARKS[min(top, max(0, round((mean - low) / (high - low or 1) * top)))] for mean in means)


class Curves:
    """Shows every step of ``train_family``; earlier steps of a resumed run are read from its folder."""

    def __init__(self, out: Path) -> None:
        self._curves: dict[str, list[CurvePoint]] = {}
        self._lengths: dict[str, int] = {}
        self._out = out
        self._started = time.monotonic()
        self._live = Live(console=notices(), refresh_per_second=4, get_renderable=self.table, transient=False)
        self._plain = not notices().is_terminal

    def __enter__(self) -> Self:
        if self._out.is_dir():
            from alphadial.training.curves import saved_curves

            self._curves = saved_curves(self._out)
            self._lengths = {stage: len(points) for stage, points in self._curves.items()}
        if not self._plain:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._plain:
            self._live.stop()

    def step(self, stage: str, point: CurvePoint, steps: int) -> None:
        """The callback of ``train_family``."""
        curve = self._curves.setdefault(stage, [])
        # A run killed between two saves repeats the steps after the last one.
        del curve[point.step - 1 :]
        curve.append(point)
        self._lengths[stage] = steps
        every = max(1, steps // _PLAIN_LINES)
        if self._plain and (point.step % every == 0 or point.step == steps):
            say(f"{stage} {point.step}/{steps}: {describe(curve)}")

    def table(self) -> Table:
        """All stages so far."""
        elapsed = time.monotonic() - self._started
        table = Table("stage", "step", "now", "curve", box=None, pad_edge=False, caption=f"{elapsed:.0f} s")
        table.caption_justify = "left"
        for stage, curve in self._curves.items():
            table.add_row(
                cell(stage, "bold"), f"{len(curve)}/{self._lengths[stage]}", describe(curve), draw_sparks(curve)
            )
        return table


def describe(curve: Sequence[CurvePoint]) -> str:
    """The latest loss, or reward and the shares of TLE and WA, over the last few steps."""
    if not curve:
        return ""
    last = curve[-_SMOOTHING:]
    rewards = [point.reward for point in last if point.reward is not None]
    if not rewards:
        return f"loss {sum(point.loss for point in last) / len(last):.3f}"
    means = [sum(rates) / len(last) for rates in ([p.tle or 0.0 for p in last], [p.wa or 0.0 for p in last])]
    return f"reward {sum(rewards) / len(rewards):.2f}  TLE {means[0]:.2f}  WA {means[1]:.2f}"


def draw_sparks(curve: Sequence[CurvePoint]) -> Text:
    """One line: the loss of SFT, or reward, TLE and WA in the colours of the verdicts."""
    if curve and curve[-1].reward is None:
        losses = [point.loss for point in curve]
        return Text(sparkline(losses, 0.0, max(losses), 3 * _WIDTH // 2), "cyan")
    rates = {"green": [p.reward for p in curve], "yellow": [p.tle for p in curve], "red": [p.wa for p in curve]}
    return Text("  ").join(
        Text(sparkline([v or 0.0 for v in values], width=_WIDTH // 2), style) for style, values in rates.items()
    )
