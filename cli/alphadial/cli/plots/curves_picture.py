"""The picture of a training run: one panel per stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from alphadial.cli.plots import OKABE_ITO
from alphadial.cli.plots.style import FAINT, figure, percent, save
from alphadial.cli.visible import visible
from alphadial.training.state import CurvePoint

_LINES = {
    "reward": ("reward", OKABE_ITO["green"], "-"),
    "tle": ("TLE", OKABE_ITO["blue"], "-."),
    "wa": ("WA", OKABE_ITO["vermillion"], "--"),
}
_WINDOW = 5


def draw_curves(curves: Mapping[str, Sequence[CurvePoint]], file: Path) -> None:
    """Draws the loss of SFT, and reward, TLE and WA of each RL stage: every step faint, means over 5 steps strong."""
    with figure(len(curves), (3.4 * len(curves), 3.4)) as (drawing, panels):
        for axes, (stage, curve) in zip(panels, curves.items(), strict=True):
            axes.set_title(visible(stage))
            axes.set_xlabel("step")
            axes.grid(axis="y", color=FAINT, linewidth=0.6)
            if curve and curve[-1].reward is None:
                _draw_loss(axes, curve)
            else:
                _draw_rates(axes, curve)
        save(drawing, file)


def _draw_loss(axes: Axes, curve: Sequence[CurvePoint]) -> None:
    steps = [point.step for point in curve]
    losses = [point.loss for point in curve]
    axes.plot(steps, losses, color=OKABE_ITO["grey"], linewidth=0.7, alpha=0.4)
    axes.plot(steps, smooth(losses, 25), color=OKABE_ITO["grey"])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda loss, _: f"{loss:g}")
    axes.yaxis.set_minor_formatter(lambda loss, _: f"{loss:g}" if f"{loss:g}"[-1] in "25" else "")
    axes.set_ylabel("loss per token, nats")


def _draw_rates(axes: Axes, curve: Sequence[CurvePoint]) -> None:
    steps = [point.step for point in curve]
    for field, (name, colour, line) in _LINES.items():
        rates = [float(getattr(point, field) or 0.0) for point in curve]
        axes.plot(steps, rates, color=colour, linewidth=0.7, alpha=0.35)
        axes.plot(steps, smooth(rates, _WINDOW), line, color=colour, label=name)
    axes.set_ylim(0, 1)
    percent(axes, "y")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, 1.12), ncols=3, columnspacing=1.0)


def smooth(values: Sequence[float], window: int) -> list[float]:
    """The mean of each value and up to ``window`` - 1 before it."""
    return [float(np.mean(values[max(0, end - window) : end])) for end in range(1, len(values) + 1)]
