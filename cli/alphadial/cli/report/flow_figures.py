"""Charts of what a controller did: counts by arm, and what came after which failure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from alphadial.agents.experiments.attempt_flow import ENDS, START
from alphadial.agents.experiments.metrics import Estimate
from alphadial.cli.report.text import arm, label
from alphadial.cli.report.traces import Figure, cividis, error_bars, figure
from alphadial.cli.short_names import short_names

ENDED = {
    "solved": ("solved", "green"),
    "correctness": ("wrong", "vermillion"),
    "optimisation": ("too slow", "blue"),
    "unmeasurable": ("unmeasurable", "grey"),
}
"""How an attempt ends -> name and colour."""
AFTER = {
    START: "first attempt",
    "correctness": "after wrong",
    "optimisation": "after too slow",
    "unmeasurable": "after unmeasurable",
}
"""What came before an attempt -> name."""
_READABLE = {"mode": "hide", "minsize": 10}
"""Counts that do not fit into their bars are left out: the table has them."""
_FLOW_LABEL = 18
"""Characters of one beside its bar in the flow."""
_IN_LEGEND = 16
"""Arms of a legend, at most: of more, pointing at a bar tells its arm."""
_LEGEND_GAP = 12
"""Pixels between a chart and its legend."""
_ABREAST = 6
"""Characters of names of which several stand beside each other in the legend of a small screen."""
_LABEL = 28
"""Characters of an arm's name beside a bar."""


def by_number(said: dict[str, Any]) -> Figure:
    """How often each arm was chosen, attempt by attempt."""
    arms, numbers = said["arms"], said["numbers"]
    names = _named(arms, _LABEL)
    long = any(len(name) > _ABREAST for name in names)
    data = [
        {
            **_bars(f"<b>{label(arm(name))}</b><br>attempt %{{x}}: on %{{y}} problems<extra></extra>"),
            "name": names[at],
            "x": numbers,
            "y": (counts := [row[at] for row in said["counts"]]),
            "text": [f"{count:,}" if count else "" for count in counts],
            "marker": {"color": cividis(at, len(arms)), "line": {"color": "var(--faint-line)", "width": 1}},
        }
        for at, name in enumerate(arms)
    ]
    return figure(
        data,
        barmode="stack",
        bargap=0.15,
        xaxis={"title": {"text": "attempt on the problem"}, "tickmode": "linear" if len(numbers) <= 20 else "auto"},
        yaxis={"title": {"text": "problems"}, "rangemode": "tozero"},
        legend={"title": {"text": "arm"}, "traceorder": "normal"},
        showlegend=len(arms) <= _IN_LEGEND,
        uniformtext=_READABLE,
        narrow={"height": 320 if len(arms) > _IN_LEGEND else 300 + (20 if long else 8) * len(arms)},
    )


def by_arm(said: dict[str, Any]) -> Figure:
    """How the attempts of each arm ended, as counts."""
    names = _named(said["arms"], _LABEL)
    height = 110 + 26 * len(names)
    data = [
        {
            **_bars(f"<b>%{{y}}</b><br>%{{x}} of its attempts {ended}<extra></extra>"),
            "name": ended,
            "orientation": "h",
            "y": list(range(len(names))),
            "x": (counts := [row[at] for row in said["ends"]]),
            "text": [f"{count:,}" if count else "" for count in counts],
            "marker": {"color": f"var(--{colour})"},
        }
        for at, (ended, colour) in enumerate(ENDED.values())
        if any(row[at] for row in said["ends"])
    ]
    return figure(
        data,
        barmode="stack",
        bargap=0.2,
        xaxis={"title": {"text": "attempts"}, "rangemode": "tozero"},
        yaxis={
            "autorange": "reversed",
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "showgrid": False,
        },
        legend={"traceorder": "normal", "y": 1 + _LEGEND_GAP / max(400, height)},
        uniformtext=_READABLE,
        height=max(400, height),
        narrow={"height": max(320, height)},
    )


def solved_by_arm(rows: Sequence[dict[str, Any]]) -> Figure:
    """The solve rates of arms that do not lie on one line, as points with their intervals."""
    names = _named([row["arm"] for row in rows], _LABEL)
    values = [Estimate(row["solve"], *(math.nan if end is None else end for end in row["solve_ci"])) for row in rows]
    points = error_bars(list(range(len(rows))), values)
    return figure(
        [{**points, "text": names, "hovertemplate": "<b>%{text}</b><br>%{y:.1%} solved<extra></extra>"}],
        xaxis={"tickmode": "array", "tickvals": points["x"], "ticktext": names, "range": [-0.5, len(rows) - 0.5]},
        yaxis={"tickformat": ".0%", "title": {"text": "attempts that solve"}, "rangemode": "tozero"},
    )


def flow(rows: Sequence[dict[str, Any]], arms: Sequence[str]) -> Figure:
    """What was tried after which failure, and how that ended: the width of a band is its number of attempts."""
    before = [after for after in AFTER if any(row["after"] == after for row in rows)]
    ends = [end for at, end in enumerate(ENDS) if any(row["ends"][at] for row in rows)]
    names = [AFTER[after] for after in before] + _named(arms, _FLOW_LABEL)
    names += [ENDED[end][0] for end in ends]
    colours = ["var(--quiet)" if after == START else f"var(--{ENDED[after][1]})" for after in before]
    colours += [cividis(at, len(arms)) for at in range(len(arms))] + [f"var(--{ENDED[end][1]})" for end in ends]
    links = [(before.index(row["after"]), len(before) + arms.index(row["arm"]), row["n"], row["after"]) for row in rows]
    links += [
        (len(before) + at, len(before) + len(arms) + ends.index(end), count, end)
        for at, name in enumerate(arms)
        for end in ends
        if (count := sum(row["ends"][ENDS.index(end)] for row in rows if row["arm"] == name))
    ]
    sources, targets, counts, kinds = (list(part) for part in zip(*links, strict=True))
    data = {
        "type": "sankey",
        "arrangement": "fixed",
        "node": {
            "label": names,
            "color": colours,
            "pad": 12,
            "thickness": 12,
            "line": {"width": 0},
            "hovertemplate": "%{label}: %{value:,} attempts<extra></extra>",
        },
        "link": {
            "source": sources,
            "target": targets,
            "value": counts,
            "color": [f"var(--{_BANDS[kind]})" for kind in kinds],
            "hovertemplate": "%{source.label} → %{target.label}: %{value:,} attempts<extra></extra>",
        },
        "textfont": {"color": "var(--ink)"},
    }
    height = max(420, 60 + 34 * len(arms))
    return figure(
        [data],
        height=height,
        margin={"l": 8, "r": 8, "t": 12, "b": 12},
        narrow={"height": height, "font": {"size": 10}},
    )


_BANDS = {START: "start-band", **{end: f"{colour}-band" for end, (_, colour) in ENDED.items()}}


def _named(arms: Sequence[str], most: int) -> list[str]:
    return [label(name) for name in short_names([arm(name) for name in arms], most)]


def _bars(hover: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "hovertemplate": hover,
    }
