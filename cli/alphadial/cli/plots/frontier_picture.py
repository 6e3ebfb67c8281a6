"""The picture of a frontier, from the JSON that ``alphadial frontier`` writes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from alphadial.cli.plots import OKABE_ITO
from alphadial.cli.plots.labels import Label, place
from alphadial.cli.plots.style import FAINT, INK, figure, percent, save
from alphadial.cli.visible import visible

Row = dict[str, Any]
Points = npt.NDArray[np.float64]
RATES = {
    "solve": ("solved", OKABE_ITO["green"], "-", "o"),
    "correctness_failure": ("wrong", OKABE_ITO["vermillion"], "--", "s"),
    "optimisation_failure": ("too slow", OKABE_ITO["blue"], "-.", "^"),
}
"""Field -> name, colour, line and marker; the line and the marker carry the meaning where the colour does not."""
_MARKS = {"low": "s", "high": "D", "init": "X", "mid": "P"}


def draw_frontier(frontier: dict[str, Any], file: Path) -> None:
    """Draws rates over alpha (left), and correctness against optimisation failures (right).

    Args:
        frontier: with ``rows`` and ``checkpoints`` as in the README's example; other fields only label the picture.
        file: of the PNG.

    Raises:
        ValueError: no row has a rate.
    """
    rows = sorted((row for row in frontier["rows"] if row["solve"] is not None), key=lambda row: row["alpha"])
    marked = {name: row for name, row in frontier["checkpoints"].items() if row["solve"] is not None}
    if not rows:
        raise ValueError("nothing could be measured, so there is nothing to draw")
    with figure(2, (12.5, 5.4)) as (drawing, (left, right)):
        _draw_rates(left, rows)
        _draw_path(right, rows, marked)
        save(drawing, file)


def _draw_rates(axes: Axes, rows: list[Row]) -> None:
    alphas = np.array([row["alpha"] for row in rows])
    axes.axvspan(0, 1, color="#F4F4F4", zorder=0, linewidth=0)
    for name, (_, colour, line, marker) in RATES.items():
        rates = np.array([row[name] for row in rows])
        low, high = np.array([row[f"{name}_ci"] for row in rows], dtype=float).reshape(-1, 2).T
        axes.fill_between(alphas, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(alphas, rates, line, color=colour, marker=marker, clip_on=False, zorder=3)
    _name_lines(axes, rows[-1])
    axes.set_ylim(0, 1)
    percent(axes, "y")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    for alpha, end in ((0, "low"), (1, "high")):
        axes.axvline(alpha, color="#8C8C8C", linewidth=0.8, zorder=1)
        axes.annotate(
            end, (alpha, 1), xycoords=("data", "axes fraction"), xytext=(0, 4), textcoords="offset points", ha="center"
        )
    axes.xaxis.set_major_formatter(lambda alpha, _: _decimal(alpha))
    axes.set_xlabel("alpha")
    axes.set_ylabel("share of attempts, with 95 % interval")
    axes.set_title("What becomes of an attempt")


def _name_lines(axes: Axes, last: Row) -> None:
    """Names each line at its right end, pushed apart where two ends lie close."""
    gap = 0.055
    heights: list[float] = []
    for name in sorted(RATES, key=lambda name: float(last[name])):
        height = max(float(last[name]), heights[-1] + gap if heights else 0.015)
        heights.append(height)
        label, colour, _, _ = RATES[name]
        axes.annotate(
            label,
            (last["alpha"], height),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
        )


def _draw_path(axes: Axes, rows: list[Row], marked: dict[str, Row]) -> None:
    points = np.array([(row["correctness_failure"], row["optimisation_failure"]) for row in rows])
    others = [(row["correctness_failure"], row["optimisation_failure"]) for row in marked.values()]
    everything = np.array([*points.tolist(), *others])
    span = max(0.1, float(everything.max()) * 1.12)
    axes.set_xlim(-0.05 * span, span)
    axes.set_ylim(-0.08 * span, span)
    line = _along(points, span / 80)
    _draw_solve_lines(axes, span, np.concatenate([line, everything]))
    axes.plot(points[:, 0], points[:, 1], color=OKABE_ITO["grey"], linewidth=1.4, zorder=3)
    shades = [row["alpha"] for row in rows]
    axes.scatter(points[:, 0], points[:, 1], c=shades, cmap="cividis", s=46, zorder=4, edgecolors="white")
    labels = [_mark(axes, name, row) for name, row in _named(rows, marked).items()]
    labels += [
        Label(row["correctness_failure"], row["optimisation_failure"], _decimal(row["alpha"]))
        for row in rows
        if row["alpha"] not in (0, 1)
    ]
    axes.set_xlabel("wrong: correctness failures")
    axes.set_ylabel("too slow: optimisation failures")
    axes.set_title("The path of alpha")
    percent(axes, "xy")
    place(axes, labels, [*map(tuple, line.tolist()), *others])


def _named(rows: list[Row], marked: dict[str, Row]) -> dict[str, Row]:
    ends = {name: row for row in rows for name, alpha in (("low", 0), ("high", 1)) if row["alpha"] == alpha}
    return {**ends, **marked}


def _mark(axes: Axes, name: str, row: Row) -> Label:
    x, y = row["correctness_failure"], row["optimisation_failure"]
    marker = _MARKS.get(name, "v")
    axes.scatter([x], [y], marker=marker, s=92, color="white", edgecolors=INK, linewidths=1.6, zorder=5)
    text = visible(f"{name} ({_decimal(row['alpha'])})" if row["alpha"] is not None else name)
    return Label(x, y, text, weight="bold")


def _draw_solve_lines(axes: Axes, span: float, points: Points) -> None:
    """Diagonals of equal solve rate (the three rates sum to 1), named where the data is farthest."""
    for tenths in range(1, 10):
        failed = tenths / 10
        axes.plot([0, failed], [failed, 0], color=FAINT, linewidth=0.7, zorder=1)
        spots = np.array([(x, failed - x) for x in np.linspace(0.08, 0.92, 15) * failed])
        spots = spots[(spots < span * 0.94).all(axis=1)]
        if len(spots) == 0 or (tenths % 2 and span > 0.25):
            continue
        distances = np.linalg.norm(spots[:, None] - points[None], axis=2).min(axis=1)
        axes.annotate(
            f"{1 - failed:.0%} solved",
            tuple(spots[int(distances.argmax())]),
            fontsize=8,
            color="#8C8C8C",
            rotation=-45,
            rotation_mode="anchor",
            transform_rotates_text=True,
            ha="center",
            va="center",
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none"},
            zorder=2,
        )


def _decimal(alpha: float) -> str:
    return f"{alpha:g}".replace("-", "\N{MINUS SIGN}")


def _along(points: Points, spacing: float) -> Points:
    """Points at most ``spacing`` apart along the path, so that labels keep off the line."""
    steps = [np.linspace(start, end, 2 + int(np.linalg.norm(end - start) / spacing)) for start, end in pairwise(points)]
    return np.concatenate([points, *steps])
