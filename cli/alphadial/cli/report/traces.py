"""Pieces that several charts share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from alphadial.agents.experiments.metrics import Estimate
from alphadial.cli.report.text import interval, points

Figure = dict[str, Any]
Trace = dict[str, Any]
_CIVIDIS = ((0, 34, 78), (53, 69, 108), (102, 105, 112), (148, 142, 119), (200, 184, 102), (254, 232, 56))
"""Evenly spaced: Nunez, Anderton and Renslow (2018), doi 10.1371/journal.pone.0199239."""


def cividis(at: int, count: int) -> str:
    """One of ``count`` evenly spaced colours, dark to light: that at this place."""
    place = (at / (count - 1) if count > 1 else 0.5) * (len(_CIVIDIS) - 1)
    below = min(int(place), len(_CIVIDIS) - 2)
    pairs = zip(_CIVIDIS[below], _CIVIDIS[below + 1], strict=True)
    return f"rgb({','.join(str(round(first + (second - first) * (place - below))) for first, second in pairs)})"


def line(xs: Sequence[float], ys: Sequence[Any], bounds: Sequence[Any], name: str, before: str = "") -> Trace:
    """Values that say their interval when pointed at; ``before`` goes before the value."""
    return {
        "type": "scatter",
        "name": name,
        "x": list(xs),
        "y": list(ys),
        "customdata": [interval(pair) for pair in bounds],
        "hovertemplate": f"{before}%{{y:.1%}} %{{customdata}}" + ("<extra></extra>" if before else ""),
    }


def with_band(trace: Trace, bounds: Sequence[Any], look: tuple[str, str, str]) -> list[Trace]:
    """A line over its interval; ``look`` is colour, line and marker."""
    colour, dash, symbol = look
    known = [(x, *pair) for x, pair in zip(trace["x"], bounds, strict=True) if None not in pair]
    band = {
        "type": "scatter",
        "x": [x for x, _, _ in known] + [x for x, _, _ in reversed(known)],
        "y": [low for _, low, _ in known] + [high for _, _, high in reversed(known)],
        "fill": "toself",
        "fillcolor": f"var(--{colour}-band)",
        "line": {"width": 0},
        "mode": "lines",
        "hoverinfo": "skip",
        "showlegend": False,
    }
    style = {"line": {"color": f"var(--{colour})", "width": 2.5, "dash": dash}, "marker": {"symbol": symbol, "size": 8}}
    return [band, {**trace, **style, "mode": "lines+markers"}]


def error_bars(xs: Sequence[float], values: Sequence[Estimate]) -> Trace:
    """Differences of shares as points with their intervals, in percentage points where they are pointed at."""
    bounds = [
        (each.value if math.isnan(each.low) else each.low, each.value if math.isnan(each.high) else each.high)
        for each in values
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(xs),
        "y": [each.value for each in values],
        "marker": {"size": 9, "color": "var(--ink)"},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [high - each.value for each, (_, high) in zip(values, bounds, strict=True)],
            "arrayminus": [each.value - low for each, (low, _) in zip(values, bounds, strict=True)],
            "color": "var(--ink)",
            "thickness": 1.6,
            "width": 0,
        },
        "customdata": [f"{points(each.value, signed=True)} {interval(each.interval)}" for each in values],
        "hovertemplate": "%{customdata} points<extra></extra>",
    }


def note(x: float, y: float, text: str, **more: Any) -> dict[str, Any]:
    """A quiet word in a chart."""
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": {"size": 11, "color": "var(--quiet)"}, **more}


def figure(data: list[Trace], narrow: dict[str, Any] | None = None, **layout: Any) -> Figure:
    """A whole chart; ``narrow`` is laid over the layout on a small screen."""
    return {"data": data, "layout": {"hovermode": "closest", **layout}, "narrow": narrow or {}}
