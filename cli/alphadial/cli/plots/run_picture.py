"""The picture of a run under a controller: counts of attempts, by number and by arm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.container import BarContainer

from alphadial.cli.plots import OKABE_ITO
from alphadial.cli.plots.style import FAINT, INK, figure, save
from alphadial.cli.short_names import short_names
from alphadial.cli.visible import visible

_ENDS = (("solved", "green"), ("wrong", "vermillion"), ("too slow", "blue"), ("unmeasurable", "grey"))
"""How attempts end, in the order of their counts, with colours."""
_SMALLEST = 0.035
"""Share of an axis that a bar must have for its count to be written into it."""
_LABEL = 28
_IN_LEGEND = 24
_SHORT = 6
"""Characters of names of which many stand beside each other."""
_INCH_PER_ARM = 0.26
_BRIGHT = 0.55
"""Above it, letters on a colour are dark."""


def draw_run(said: dict[str, Any], file: Path) -> None:
    """Draws how often each arm was chosen at each attempt number (left), and how each arm's attempts ended (right).

    Counts and no rates: a controller gives each arm other problems.

    Args:
        said: as ``attempt_flow.by_number`` gives it, of at least one attempt.
        file: of the PNG.
    """
    shown = short_names([visible(name) for name in said["arms"]], _LABEL)
    names = [name.replace("-", "\N{MINUS SIGN}", int(name.startswith("-"))) for name in shown]
    height = max(4.6, 1.8 + _INCH_PER_ARM * len(names))
    with figure(2, (12.5, height)) as (drawing, (left, right)):
        _draw_numbers(left, said["numbers"], np.array(said["counts"]), names)
        _draw_arms(right, np.array(said["ends"]), names)
        save(drawing, file)


def _draw_numbers(axes: Axes, numbers: Sequence[int], counts: npt.NDArray[np.int64], names: Sequence[str]) -> None:
    shades = colormaps["cividis"](np.linspace(0, 1, len(names)) if len(names) > 1 else [0.5])
    below = np.zeros(len(numbers))
    tallest = counts.sum(axis=1).max()
    for at, name in enumerate(names):
        look = {"color": shades[at], "width": 0.85, "edgecolor": "white", "linewidth": 0.6}
        bars = axes.bar(numbers, counts[:, at], bottom=below, label=name, **look)
        _write(axes, bars, counts[:, at], tallest, INK if shades[at][:3].mean() > _BRIGHT else "white")
        below += counts[:, at]
    if len(numbers) <= 20:
        axes.set_xticks(list(numbers))
    axes.set_xlabel("attempt on the problem")
    axes.set_ylabel("problems")
    axes.set_title("Arms chosen, by attempt number")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    if len(names) <= _IN_LEGEND:
        _legend(axes, 5 if max(map(len, names)) <= _SHORT else 3)


def _draw_arms(axes: Axes, ends: npt.NDArray[np.int64], names: Sequence[str]) -> None:
    places, left = np.arange(len(names)), np.zeros(len(names))
    longest = ends.sum(axis=1).max()
    for at, (name, colour) in enumerate(_ENDS):
        if not ends[:, at].any():
            continue
        bars = axes.barh(places, ends[:, at], left=left, color=OKABE_ITO[colour], label=name, height=0.78)
        _write(axes, bars, ends[:, at], longest, "white")
        left += ends[:, at]
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlabel("attempts")
    axes.set_title("How the attempts of each arm ended")
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    _legend(axes, len(_ENDS))


def _legend(axes: Axes, columns: int) -> None:
    """Below the axis, where no bar is."""
    axes.legend(
        frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.12), ncols=columns, borderaxespad=0.8
    )


def _write(axes: Axes, bars: BarContainer, counts: npt.NDArray[np.int64], most: int, colour: str) -> None:
    """The counts in the bars that have room for them."""
    texts = [f"{count:,}" if count >= _SMALLEST * most else "" for count in counts]
    axes.bar_label(bars, texts, label_type="center", color=colour, fontsize=8)
