"""The picture of a comparison, from the JSON that ``alphadial compare`` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from alphadial.cli.plots import OKABE_ITO
from alphadial.cli.plots.style import FAINT, INK, figure, percent, save
from alphadial.cli.visible import visible

Row = dict[str, Any]
_STRONG = {"posterior": OKABE_ITO["vermillion"], "best-single": INK, "uniform": OKABE_ITO["blue"]}
_OTHERS = (OKABE_ITO["green"], OKABE_ITO["purple"], "#E69F00", "#56B4E9", OKABE_ITO["grey"])
_MARKERS = "osD^vP*X<>"
"""The marker tells rows apart where the colour does not."""
_SPREAD = 0.7
"""Share of the space between two k that the rows of one k take up."""


def draw_comparison(summary: dict[str, Any], file: Path) -> None:
    """Draws solve rates by k (left), and paired differences from the best single arm (right), with intervals.

    Args:
        summary: as ``alphadial compare`` writes it; of several families, the pooled rows are drawn.
        file: of the PNG.
    """
    family = summary["rows"][0]["family"]
    rows = [row for row in summary["rows"] if row["family"] == family]
    beside = [row for row in summary["beside"] if row["family"] == family and row["solve"] is not None]
    names = list(dict.fromkeys(row["controller"] for row in rows))
    budgets = list(dict.fromkeys(row["k"] for row in rows))
    with figure(2, (12.5, 5.4)) as (drawing, (left, right)):
        _draw(left, rows, names, budgets, "solve")
        _draw_beside(left, beside, budgets)
        left.set_ylabel(f"problems solved on {visible(summary['split'])}, with 95 % interval")
        left.set_title("Solved within k attempts")
        _draw(right, rows, names, budgets, "minus_best_single")
        right.axhline(0, color=INK, linewidth=1, zorder=1)
        right.set_ylabel("difference of solve rates, paired, with 95 % interval")
        right.set_title("Against the best single arm")
        handles, labels = left.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
        save(drawing, file)


def _draw(axes: Axes, rows: Sequence[Row], names: Sequence[str], budgets: Sequence[int], field: str) -> None:
    others = iter(_OTHERS * len(names))
    for position, name in enumerate(names):
        colour = _STRONG.get(name) or next(others)
        if (field, name) == ("minus_best_single", "best-single"):
            continue
        shift = _SPREAD * ((position + 0.5) / len(names) - 0.5)
        mine = {row["k"]: row for row in rows if row["controller"] == name}
        places = np.arange(len(budgets)) + shift
        values = np.array([mine[k][field] for k in budgets])
        low, high = np.array([mine[k][f"{field}_ci"] for k in budgets], dtype=float).T
        # A percentile interval may miss its own mean by a hair, and error bars have no negative length.
        lengths = np.clip([values - low, high - values], 0, None)
        axes.errorbar(
            places,
            values,
            yerr=lengths,
            fmt=_MARKERS[position % len(_MARKERS)],
            color=colour,
            label=visible(name),
            markersize=8 if name in _STRONG else 5.5,
            elinewidth=1.8 if name in _STRONG else 1.1,
        )
    axes.set_xticks(range(len(budgets)), [f"k = {k}" for k in budgets])
    axes.set_xlim(-0.6, len(budgets) - 0.4)
    axes.set_xlabel("attempts per problem")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    percent(axes, "y")


def _draw_beside(axes: Axes, rows: Sequence[Row], budgets: Sequence[int]) -> None:
    styles = dict(zip(dict.fromkeys(row["controller"] for row in rows), ("--", ":"), strict=False))
    for name, line in styles.items():
        mine = [row for row in rows if row["controller"] == name]
        places = np.array([budgets.index(row["k"]) for row in mine])
        axes.hlines(
            [row["solve"] for row in mine],
            places - 0.45,
            places + 0.45,
            color="#8C8C8C",
            linestyle=line,
            label=visible(name),
        )
