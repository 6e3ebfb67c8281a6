"""Labels beside points, set where they cover the least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

Points = npt.NDArray[np.float64]
_DISTANCES = (9.0, 15.0, 22.0)
_DIRECTIONS = [(np.cos(turn), np.sin(turn)) for turn in np.linspace(0, 2 * np.pi, 16, endpoint=False)]
_CHARACTER = 5.6
_HEIGHT = 10.0
_MARGIN = 4.0
_POINTS_PER_INCH = 72


@dataclass(frozen=True, slots=True)
class Label:
    """Text for one point, in data coordinates."""

    x: float
    y: float
    text: str
    weight: str = "normal"


def place(axes: Axes, labels: Sequence[Label], obstacles: Sequence[tuple[float, float]]) -> None:
    """Writes the labels one after the other, each where it overlaps the fewest obstacles and earlier labels.

    Args:
        axes: with its final limits and size.
        labels: the most important first.
        obstacles: points in data coordinates, such as markers and steps along a line.
    """
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    scale = _POINTS_PER_INCH / axes.figure.dpi
    frame = _scaled(axes.bbox, scale)
    blocked = axes.transData.transform(np.asarray(obstacles, dtype=float)) * scale
    taken: list[Bbox] = []
    for label in labels:
        anchor = axes.transData.transform((label.x, label.y)) * scale
        boxes = [_box(anchor, label, direction, distance) for distance in _DISTANCES for direction in _DIRECTIONS]
        costs = [_cost(box, anchor, blocked, taken, frame) for box in boxes]
        best = boxes[int(np.argmin(costs))]
        taken.append(best)
        centre = (best.x0 + best.x1) / 2 - anchor[0], (best.y0 + best.y1) / 2 - anchor[1]
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=centre,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=9,
            fontweight=label.weight,
            zorder=6,
        )


def _scaled(box: Bbox, scale: float) -> Bbox:
    return Bbox(np.asarray(box.get_points()) * scale)


def _box(anchor: Points, label: Label, direction: tuple[float, float], distance: float) -> Bbox:
    width, height = _CHARACTER * len(label.text), _HEIGHT
    # The box touches a circle of radius ``distance`` around its point, whatever its own width.
    x = anchor[0] + direction[0] * (distance + width / 2)
    y = anchor[1] + direction[1] * (distance + height / 4)
    return Bbox.from_extents(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _cost(box: Bbox, anchor: Points, blocked: Points, taken: Sequence[Bbox], frame: Bbox) -> float:
    inside = (blocked[:, 0] > box.x0 - _MARGIN) & (blocked[:, 0] < box.x1 + _MARGIN)
    inside &= (blocked[:, 1] > box.y0 - _MARGIN) & (blocked[:, 1] < box.y1 + _MARGIN)
    overlaps = sum(box.overlaps(other) for other in taken)
    outside = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
    far = float(np.hypot((box.x0 + box.x1) / 2 - anchor[0], (box.y0 + box.y1) / 2 - anchor[1]))
    return float(inside.sum() * 4 + overlaps * 60 + outside * 100 + far * 0.2)
