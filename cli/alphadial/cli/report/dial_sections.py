"""What a comparison says of the dial itself: ensembles over ranges of alpha, opened problems, groups of problems."""

from __future__ import annotations

from collections.abc import Sequence

from alphadial.agents.experiments.compare.compare_file import Comparison, EnsembleShown, GroupShown, OpenedShown
from alphadial.agents.experiments.ensembles import BEST_ARM
from alphadial.cli.report.figures import LOOKS, AlphaValue, curve_line, groups_over_alpha, over_attempts
from alphadial.cli.report.page import Part, Section, chart, paragraph, table
from alphadial.cli.report.text import cut, interval, label, number, percent, points
from alphadial.cli.report.traces import Figure

_HEADS = ("drawn from", "k", "solved", "points over best single", "all alphas less this", "attempts")
_SHOWN_ARMS = 6


def dial_parts(comparison: Comparison) -> list[Part]:
    """The sections of what a comparison has of these; none where it has nothing."""
    return [*_ensembles(comparison.ensembles), *_opened(comparison.opened), *_groups(comparison.groups)]


def _ensembles(rows: Sequence[EnsembleShown]) -> list[Part]:
    if not rows:
        return []
    first = [row for row in rows if row.family == rows[0].family]
    told = cut("; ".join(f"{row.name} at k = {row.k}: {percent(row.solve)}" for row in first), 1500)
    words = (
        "The same k attempts per problem, spread over arms (alpha and temperature) as dev chose: each goes where most "
        "is left unsolved there. The best single arm may be any alpha or checkpoint at any temperature."
    )
    body = paragraph(words) + chart("ensembles", "Problems solved by k attempts, by what they may draw from", told)
    several = len({row.family for row in rows}) > 1
    cells = [[*([row.family or ""] if several else ()), *_cells(row)] for row in rows]
    heads = (*(("family",) if several else ()), *_HEADS)
    body += table(heads, cells, "Table of ensembles", folded=False)
    section = Section("ensembles", "What several alphas solve together", "Ensembles", body)
    return [(section, {"ensembles": _lines(first)})]


def _cells(row: EnsembleShown) -> list[str]:
    named = [f"{each.attempts} x {each.arm}" for each in row.arms[:_SHOWN_ARMS]]
    left = len(row.arms) - _SHOWN_ARMS
    return [
        cut(row.name, 60),
        str(row.k),
        f"{percent(row.solve)}\n{interval(row.solve_ci)}",
        f"{points(row.minus_best_single)}\n{interval(row.minus_best_single_ci)}",
        f"{points(row.all_minus)}\n{interval(row.all_minus_ci)}",
        cut(", ".join(named), 300) + (f" and {left} more" if left > 0 else ""),
    ]


def _lines(rows: Sequence[EnsembleShown]) -> Figure:
    data = []
    for at, name in enumerate(dict.fromkeys(row.name for row in rows)):
        mine = [row for row in rows if row.name == name]
        curve = {"values": [row.solve for row in mine], "intervals": [row.solve_ci for row in mine]}
        look = ("ink", "dash", "x") if name == BEST_ARM else LOOKS[(at - 1) % len(LOOKS)]
        trace = curve_line([row.k for row in mine], curve, label(name))
        style = {"line": {"color": f"var(--{look[0]})", "width": 2.5, "dash": look[1]}}
        data.append({**trace, **style, "marker": {"symbol": look[2], "size": 8}, "mode": "lines+markers"})
    drawn = over_attempts(data)
    ticks = sorted({row.k for row in rows})
    drawn["layout"]["xaxis"] |= {
        "type": "log",
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": list(map(str, ticks)),
    }
    return drawn


def _opened(rows: Sequence[OpenedShown]) -> list[Part]:
    if not rows:
        return []
    body = ""
    for row in rows:
        named = f"{row.family}: " if len(rows) > 1 else ""
        body += paragraph(
            f"{named}{row.missed:,} problems are missed by all of {', '.join(row.inside)} in {row.samples} samples "
            f"each at temperature {number(row.temperature)}. Extrapolated alphas open {row.opened:,} of them, "
            f"{row.below:,} below 0 and {row.above:,} above 1: one alpha solves such a problem in at least 4 samples."
        )
        body += paragraph(
            f"The control: {row.fresh_samples:,} fresh samples of {row.best_inside}, the best inside, as many as all "
            f"extrapolated alphas had together, open {row.control:,} by the same rule."
            if row.control is not None
            else f"No fresh samples of {row.best_inside}, the best inside, are at hand to hold against it."
        )
        cells = [[number(each.alpha), f"{each.opened:,}"] for each in row.by_alpha]
        body += table(("alpha", "problems opened"), cells, f"Table of opened problems {row.family or ''}".rstrip())
    return [(Section("opened", "Opened by extrapolation", "Opened", body), {})]


def _groups(rows: Sequence[GroupShown]) -> list[Part]:
    if not rows:
        return []
    family = [row for row in rows if row.family == rows[0].family]
    dialled = [row for row in family if row.alpha is not None]
    named = f" of {family[0].family}" if len({row.family for row in rows}) > 1 else ""
    told = cut("; ".join(f"{row.group} at {row.model}: {percent(row.solve_1)}" for row in dialled), 1500)
    values: dict[str, list[AlphaValue]] = {}
    for row in dialled:
        values.setdefault(row.group, []).append((row.alpha or 0.0, row.solve_1, row.solve_1_ci))
    body = paragraph(f"Problems in groups, by what alpha they ask for{named}: the share of attempts that solve them.")
    body += chart("groups", "Share of attempts solved over alpha, by group", told)
    heads = ("group", "problems", "model", "of attempts", "within 5 attempts")
    cells = [
        [
            cut(row.group, 60),
            f"{row.problems:,}",
            cut(row.model, 60),
            f"{percent(row.solve_1)}\n{interval(row.solve_1_ci)}",
            f"{percent(row.solve_5)}\n{interval(row.solve_5_ci)}",
        ]
        for row in family
    ]
    body += table(heads, cells, "Table of groups by alpha")
    return [
        (Section("groups", "Which problems each alpha solves", "Groups", body), {"groups": groups_over_alpha(values)})
    ]
