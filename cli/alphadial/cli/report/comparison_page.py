"""The page of a comparison of controllers."""

from __future__ import annotations

from collections.abc import Sequence

from alphadial.agents.experiments.compare.compare_file import CompareRow, Comparison
from alphadial.cli.report.dial_sections import dial_parts
from alphadial.cli.report.figures import curve_line, over_attempts
from alphadial.cli.report.page import Page, Section, Tile, chart, paragraph, table
from alphadial.cli.report.text import cut, interval, label, number, percent, points
from alphadial.cli.report.traces import Figure, figure

_LINES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "pentagon", "star")
_COLOURS = ("blue", "vermillion", "green", "purple", "gold", "sky", "quiet", "ink")
_HEADS = (
    "controller",
    "k",
    "solved",
    "points over best single",
    "points over uniform",
    "temperature",
    "arms",
    "mean attempts",
)
_SPREAD = 0.22
"""Between the marks of two k in one row."""


def comparison_page(comparison: Comparison) -> Page:
    """All controllers, family by family; where several families are pooled, the pool comes first."""
    families = list(dict.fromkeys(row.family for row in comparison.rows))
    figures: dict[str, Figure] = {}
    sections = []
    for at, family in enumerate(families):
        rows = [row for row in comparison.rows if row.family == family]
        beside = [row for row in comparison.beside if row.family == family]
        figures |= {f"solved{at}": solved(rows), f"gained{at}": gained(rows)}
        named = f", {family}" if len(families) > 1 else ""
        body = _body(rows, beside, at)
        sections.append(Section(f"family{at}", f"Solved within k attempts{named}", family or "Comparison", body))
    for section, drawn in dial_parts(comparison):
        sections.append(section)
        figures |= drawn
    first = [row for row in comparison.rows if row.family == families[0]]
    ks = sorted({row.k for row in first})
    tops = [max((row for row in first if row.k == k), key=lambda row: row.solve or 0.0) for k in ks]
    facts = {"problem set": comparison.problem_set, "split hash": comparison.split_hash}
    made = {
        "problems": comparison.problems,
        "orders": comparison.orders,
        "samples per cell": comparison.samples,
        "seed": comparison.seed,
    }
    known = {name: f"{value:,}" for name, value in made.items() if value is not None}
    return Page(
        title=f"Controllers on {comparison.family}, {comparison.split}",
        lead=", ".join(f"{name} {value}" for name, value in known.items()),
        tiles=[
            Tile(f"most solved at k = {row.k}", percent(row.solve), f"{row.controller} {interval(row.solve_ci)}")
            for row in tops
        ],
        sections=sections,
        figures=figures,
        facts=facts | known,
    )


def _body(rows: Sequence[CompareRow], beside: Sequence[CompareRow], at: int) -> str:
    told = cut("; ".join(f"{row.controller} at k = {row.k}: {percent(row.solve)}" for row in rows), 1500)
    intro = "Every controller replays the same orders of the same recorded attempts; all choices were made on dev."
    body = paragraph(intro) + '<div class="pair">'
    body += chart(f"solved{at}", "Share of problems solved within k attempts", told)
    body += chart(f"gained{at}", "Points over the best single arm, with 95 % intervals", told) + "</div>"
    body += table(_HEADS, map(_cells, rows), "Table of the comparison", folded=at > 0)
    if beside:
        body += "<h3>Beside them, for scale</h3>"
        body += paragraph("Chosen on the very attempts that they are told on: no controller can expect as much.")
        body += table(_HEADS, map(_cells, beside), "Table for scale", folded=at > 0)
    return body


def _spelled(numbers: Sequence[float]) -> str:
    shown = [number(value) for value in numbers]
    return (f"{shown[0]} … {shown[-1]}\n{len(shown)}" if len(shown) > 3 else ", ".join(shown)) or "–"


def _arms(row: CompareRow) -> str:
    """Alphas, or how many arms there are, or the only one by its name."""
    if row.alphas or not row.arms:
        return _spelled(row.alphas or ())
    return cut(str(row.arms[0]), 60) if len(row.arms) == 1 else f"{len(row.arms)} arms"


def _cells(row: CompareRow) -> list[str]:
    return [
        cut(row.controller, 60),
        str(row.k),
        f"{percent(row.solve)}\n{interval(row.solve_ci)}",
        f"{points(row.minus_best_single)}\n{interval(row.minus_best_single_ci)}",
        f"{points(row.minus_uniform)}\n{interval(row.minus_uniform_ci)}",
        _spelled(row.temperatures),
        _arms(row),
        "–" if row.attempts_mean is None else f"{row.attempts_mean:.2f}",
    ]


def solved(rows: Sequence[CompareRow]) -> Figure:
    """Share of problems solved over k, controller by controller."""
    data = []
    for at, name in enumerate(dict.fromkeys(row.controller for row in rows)):
        mine = sorted((row for row in rows if row.controller == name and row.solve is not None), key=lambda row: row.k)
        curve = {"values": [row.solve for row in mine], "intervals": [row.solve_ci for row in mine]}
        style = {"color": f"var(--{_COLOURS[at % len(_COLOURS)]})", "width": 2, "dash": _LINES[at % len(_LINES)]}
        marker = {"symbol": _MARKERS[at % len(_MARKERS)], "size": 8}
        trace = curve_line([row.k for row in mine], curve, label(name))
        data.append({**trace, "mode": "lines+markers", "line": style, "marker": marker})
    drawn = over_attempts(data)
    drawn["layout"]["xaxis"] |= {"tickmode": "array", "tickvals": sorted({row.k for row in rows})}
    return drawn


def gained(rows: Sequence[CompareRow]) -> Figure:
    """How much each controller solves beyond the best single arm."""
    names = list(dict.fromkeys(row.controller for row in rows if row.minus_best_single != 0))
    data = []
    ks = sorted({row.k for row in rows})
    for at, k in enumerate(ks):
        mine = [row for row in rows if row.k == k and row.controller in names and row.minus_best_single is not None]
        values = [row.minus_best_single or 0.0 for row in mine]
        bounds = [
            (low if low is not None else value, high if high is not None else value)
            for value, (low, high) in zip(values, (row.minus_best_single_ci for row in mine), strict=True)
        ]
        colour = f"var(--{_COLOURS[at % len(_COLOURS)]})"
        data.append(
            {
                "type": "scatter",
                "name": f"k = {k}",
                "mode": "markers",
                "x": values,
                "y": [names.index(row.controller) + _SPREAD * (at - (len(ks) - 1) / 2) for row in mine],
                "marker": {"symbol": _MARKERS[at % len(_MARKERS)], "size": 9, "color": colour},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - value for value, (_, high) in zip(values, bounds, strict=True)],
                    "arrayminus": [value - low for value, (low, _) in zip(values, bounds, strict=True)],
                    "color": colour,
                    "thickness": 1.6,
                    "width": 0,
                },
                "customdata": [f"{points(value)} {interval(pair)}" for value, pair in zip(values, bounds, strict=True)],
                "hovertemplate": f"k = {k}: %{{customdata}} points<extra></extra>",
            }
        )
    zero = {"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper", "line": {"color": "var(--quiet)"}}
    ticks = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": [label(name, 24) for name in names]}
    return figure(
        data,
        xaxis={"tickformat": "+.0%", "title": {"text": "over the best single arm"}},
        yaxis={**ticks, "autorange": "reversed"},
        shapes=[zero],
    )
