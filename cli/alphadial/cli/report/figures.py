"""The charts, as plotly figures: plain values that ``charts.js`` draws.

Colours are names of variables in ``style.css``, which the script looks up: that is how charts follow light and dark.
``narrow`` holds what changes on a small screen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from alphadial.cli.report.text import arm, interval, label, number, percent
from alphadial.cli.report.traces import Figure, Trace, figure, line, note, with_band
from alphadial.cli.short_names import middle, short_names

RATES = {
    "solve": ("solved", "green", "solid", "circle"),
    "correctness_failure": ("wrong", "vermillion", "dash", "square"),
    "optimisation_failure": ("too slow", "blue", "dashdot", "triangle-up"),
}
"""Field -> name, colour, line and marker; the line and the marker carry the meaning where the colour does not."""
LOOKS = (
    ("vermillion", "solid", "circle"),
    ("green", "solid", "square"),
    ("blue", "dashdot", "diamond"),
    ("purple", "dot", "triangle-up"),
    ("gold", "dash", "cross"),
    ("sky", "longdash", "x"),
)
"""Colour, line and marker of lines that are told apart by no meaning of their own."""
AlphaValue = tuple[float, float | None, tuple[float | None, float | None]]
"""An alpha, a share there, and its interval."""
ENDS = {0: "low", 1: "high"}
Point = tuple[float, float]
_NAMED_ROWS = 400
"""Rows of a heat map that have their names beside them."""
_UNNAMED_HEIGHT = 2400
"""Pixels of the rows of a larger one."""
_ARMS_ACROSS = 6
"""Names of arms that stand beside each other on a phone."""
_EVERY_K = 16


def rates(rows: Sequence[dict[str, Any]]) -> Figure:
    """What becomes of an attempt, over alpha."""
    alphas = [row["alpha"] for row in rows]
    data: list[Trace] = []
    for name, (title, *look) in RATES.items():
        bounds = [row[f"{name}_ci"] for row in rows]
        data += with_band(line(alphas, [row[name] for row in rows], bounds, title), bounds, (look[0], look[1], look[2]))
    ends = [(alpha, name) for alpha, name in ENDS.items() if alphas[0] <= alpha <= alphas[-1]]
    shade = {"type": "rect", "x0": 0, "x1": 1, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
    return figure(
        data,
        xaxis={"title": {"text": "alpha"}},
        yaxis={"tickformat": ".0%", "title": {"text": "share of attempts"}, "range": [0, 1.02]},
        shapes=[{**shade, "fillcolor": "var(--shade)", "line": {"width": 0}}] if len(ends) == len(ENDS) else [],
        annotations=[note(alpha, 1, name, yref="paper", yanchor="bottom") for alpha, name in ends],
        hovermode="x unified",
    )


def groups_over_alpha(groups: Mapping[str, Sequence[AlphaValue]]) -> Figure:
    """The share of attempts that solve, over alpha, for each group of problems."""
    data: list[Trace] = []
    for at, (name, values) in enumerate(groups.items()):
        bounds = [interval for _, _, interval in values]
        trace = line([alpha for alpha, _, _ in values], [share for _, share, _ in values], bounds, label(name))
        colour, dash, symbol = LOOKS[at % len(LOOKS)]
        style = {
            "line": {"color": f"var(--{colour})", "width": 2.5, "dash": dash},
            "marker": {"symbol": symbol, "size": 8},
        }
        data.append({**trace, **style, "mode": "lines+markers"})
    return figure(
        data,
        xaxis={"title": {"text": "alpha"}},
        yaxis={"tickformat": ".0%", "title": {"text": "share of attempts"}, "range": [0, 1.02]},
        hovermode="x unified",
    )


def rate_cells(row: dict[str, Any]) -> list[str]:
    """The same rates of one row, as the cells of a table."""
    cells = [f"{percent(row[name])}\n{interval(row[f'{name}_ci'])}" for name in RATES]
    return [*cells, f"{row['attempts']:,}", f"{row['unmeasurable']:,}"]


def path(rows: Sequence[dict[str, Any]], checkpoints: dict[str, dict[str, Any]]) -> Figure:
    """Correctness against optimisation failures, alpha by alpha."""
    marked = {name: row for name, row in checkpoints.items() if row["solve"] is not None}
    span = max(0.1, 1.15 * max(row[name] for row in [*rows, *marked.values()] for name in list(RATES)[1:]))
    named = {alpha: f"{name} ({number(alpha)})" for alpha, name in ENDS.items()}
    alphas = [row["alpha"] for row in rows]
    dialled = {
        **_points(rows, [f"alpha {number(alpha)}" for alpha in alphas]),
        "mode": "lines+markers+text",
        "text": [named.get(alpha, "") for alpha in alphas],
        "textposition": "top right",
        "line": {"color": "var(--quiet)", "width": 1.5},
        "marker": {
            "color": alphas,
            "colorscale": "Cividis",
            "size": 12,
            "line": {"color": "var(--faint-line)", "width": 1.5},
            "showscale": len(alphas) > 1,
            "colorbar": {"title": {"text": "alpha"}, "thickness": 10, "outlinewidth": 0, "len": 0.8},
        },
    }
    others = {
        **_points(list(marked.values()), [label(name) for name in marked]),
        "mode": "markers+text",
        "text": [label(name, 16) for name in marked],
        "textposition": "top right",
        "marker": {"symbol": "diamond-open", "size": 11, "color": "var(--ink)", "line": {"width": 2}},
    }
    share = {"tickformat": ".0%", "range": [-0.04 * span, span]}
    lines, notes = _equal_solve_lines(span, [*_along(rows), *_along(list(marked.values()))])
    return figure(
        [dialled, others] if marked else [dialled],
        xaxis={**share, "title": {"text": "wrong (correctness failures)"}},
        yaxis={**share, "title": {"text": "too slow (optimisation failures)"}},
        shapes=lines,
        annotations=notes,
        showlegend=False,
    )


def pass_at_k(curves: dict[str, Any]) -> Figure:
    """Solved within k attempts: every alpha, the best one, and the best pair taking turns."""
    ks = curves["ks"]
    data: list[Trace] = []
    for at, curve in enumerate(curves["curves"]):
        if at != curves["best"]:
            trace = curve_line(ks, curve, f"alpha {number(curve['alpha'])}")
            shown = {"name": "the other alphas", "legendgroup": "others", "showlegend": not data, "mode": "lines"}
            data.append({**trace, **shown, "line": {"color": "var(--faint-line)", "width": 1.5}})
    best = curves["curves"][curves["best"]]
    title = f"best alpha, {number(best['alpha'])}"
    data += with_band(curve_line(ks, best, title), best["intervals"], ("blue", "dash", "square"))
    if pair := curves["pair"]:
        title = f"best pair, {number(pair['alphas'][0])} and {number(pair['alphas'][1])}"
        data += with_band(curve_line(ks, pair, title), pair["intervals"], ("green", "solid", "circle"))
    return over_attempts(data)


def within_k(curve: dict[str, Any], controller: str) -> Figure:
    """Share of problems that a controller solved within k attempts."""
    trace = curve_line(curve["ks"], curve, label(controller))
    told = zip(trace["customdata"], curve["spent"], strict=True)
    trace["customdata"] = [f"{bounds}<br>{made:,} attempts made" for bounds, made in told]
    return over_attempts(with_band(trace, curve["intervals"], ("green", "solid", "circle")))


def heat(values: dict[str, Any]) -> Figure:
    """Problems by arms: the share of attempts that solved. The script adds the problems' names, once for each row."""
    problems, arms = values["problems"], [arm(name) for name in values["arms"]]
    cells = [list(zip(*row, strict=True)) for row in zip(values["solved"], values["measured"], strict=True)]
    named = len(problems) <= _NAMED_ROWS
    data = {
        "type": "heatmap",
        "x": list(range(len(arms))),
        "y": list(range(len(problems))),
        "z": [[solved / made if made else None for solved, made in row] for row in cells],
        "customdata": cells,
        "zmin": 0,
        "zmax": 1,
        "xgap": 1,
        "ygap": 1 if named else 0,
        "colorscale": [[0, "var(--heat-0)"], [0.5, "var(--heat-1)"], [1, "var(--heat-2)"]],
        "hovertemplate": "%{text}: %{customdata[0]} of %{customdata[1]} attempts solved<extra></extra>",
        "colorbar": {
            "tickformat": ".0%",
            "thickness": 10,
            "outlinewidth": 0,
            "len": 200,
            "lenmode": "pixels",
            "y": 1,
            "yanchor": "top",
        },
    }
    rows = {"autorange": "reversed", "showgrid": False, "zeroline": False, "ticks": "", "tickfont": {"size": 11}}
    narrow: dict[str, Any] = {"xaxis": {"tickangle": -60 if len(arms) > _ARMS_ACROSS else 0}}
    if named:
        rows |= {"tickmode": "array", "tickvals": data["y"], "ticktext": [label(middle(name, 48)) for name in problems]}
        narrow["yaxis"] = {"tickfont": {"size": 10}, "ticktext": [label(middle(name, 17)) for name in problems]}
    else:
        rows |= {"showticklabels": False, "title": {"text": "problems"}}
    columns = {"tickmode": "array", "tickvals": data["x"], "ticktext": [label(name) for name in short_names(arms, 24)]}
    return figure(
        [data],
        xaxis={**columns, "title": {"text": "arm"}, "showgrid": False, "side": "top"},
        yaxis=rows,
        height=130 + (max(120, 16 * len(problems)) if named else _UNNAMED_HEIGHT),
        narrow=narrow,
    )


def _points(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> Trace:
    return {
        "type": "scatter",
        "x": [row["correctness_failure"] for row in rows],
        "y": [row["optimisation_failure"] for row in rows],
        "customdata": [f"{name}: {percent(row['solve'])} solved" for name, row in zip(names, rows, strict=True)],
        "hovertemplate": "<b>%{customdata}</b><br>%{x:.1%} wrong, %{y:.1%} too slow<extra></extra>",
        "cliponaxis": False,
    }


def _equal_solve_lines(span: float, data: Sequence[Point]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Diagonals, since the three rates sum to 1; each named where the data is farthest."""
    steps = [tenths / 10 for tenths in range(1, 10)]
    style = {"type": "line", "layer": "below", "line": {"color": "var(--grid)", "width": 1}}
    lines = [{**style, "x0": 0, "y0": failed, "x1": failed, "y1": 0} for failed in steps]
    shown = [failed for failed in steps if failed < span * 0.95 and (span < 0.3 or round(failed * 10) % 2 == 0)]
    notes = []
    for failed in shown:
        spots = [(failed * part / 20, failed * (20 - part) / 20) for part in range(3, 18)]
        x, y = max(spots, key=lambda spot: min(math.dist(spot, point) for point in data))
        notes.append(note(x, y, f"{1 - failed:.0%} solved", bgcolor="var(--surface)", borderpad=1))
    return lines, notes


def _along(rows: Sequence[dict[str, Any]]) -> list[Point]:
    """Points close together on the way from row to row."""
    corners = [(row["correctness_failure"], row["optimisation_failure"]) for row in rows]
    steps = [step / 10 for step in range(10)]
    between = [
        (start[0] + (end[0] - start[0]) * step, start[1] + (end[1] - start[1]) * step)
        for start, end in pairwise(corners)
        for step in steps
    ]
    return [*corners, *between]


def curve_line(ks: Sequence[int], curve: dict[str, Any], name: str) -> Trace:
    """A line of such a chart."""
    return line(ks, curve["values"], curve["intervals"], name, before=f"<b>{name}</b><br>%{{x}} attempts: ")


def over_attempts(data: list[Trace]) -> Figure:
    """A chart of what is solved within k attempts."""
    most = max((max(trace["x"], default=1) for trace in data), default=1)
    return figure(
        data,
        xaxis={"title": {"text": "k, attempts per problem"}, **({"dtick": 1} if most <= _EVERY_K else {})},
        yaxis={"tickformat": ".0%", "title": {"text": "problems solved"}},
    )
