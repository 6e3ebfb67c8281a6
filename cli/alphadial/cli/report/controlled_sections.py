"""What the page of a controlled run says that others do not: counts by arm, transitions, choices, and the dev table."""

from __future__ import annotations

from typing import Any

from alphadial.agents.experiments.fit_rates import FitRates
from alphadial.cli.report import figures, flow_figures
from alphadial.cli.report.page import Part, Section, chart, paragraph, table
from alphadial.cli.report.text import arm, cut, percent

_KEY = "".join(
    f'<span class="kind-{kind}">{sign} {name}</span>'
    for kind, sign, name in (
        ("solved", "✓", "solved"),
        ("correctness", "✗", "wrong"),
        ("optimisation", "◷", "too slow"),
        ("unmeasurable", "?", "unmeasurable"),
    )
)
_OPEN_ROWS = 14
"""Rows of a table that is not folded away."""


def controlled_parts(said: dict[str, Any]) -> list[Part]:
    """The sections of a run under a controller; none for any other."""
    if not said["by_number"]:
        return []
    fitted = [_fitted_on(said["fitted_on"])] if said["fitted_on"] else []
    return [_arms(said["by_number"]), _transitions(said), _choices(said["choices"]), *fitted]


def _arms(said: dict[str, Any]) -> Part:
    words = (
        "Counts, and no rates: the controller gave each arm the problems that it thought it good for, and those that "
        "others had failed on, so that the shares of two arms say nothing of which is better."
    )
    totals = [sum(ends) for ends in said["ends"]]
    told = "; ".join(
        f"{arm(name)}: {n} attempts, {ends[0]} solved"
        for name, n, ends in zip(said["arms"], totals, said["ends"], strict=True)
    )
    body = paragraph(words) + '<div class="pair">'
    body += chart("by-number", "Arms chosen, by attempt number", f"How often each arm was chosen. {cut(told, 1500)}")
    body += chart("by-arm", "How the attempts of each arm ended", cut(told, 1500)) + "</div>"
    ended = [name for name, _ in flow_figures.ENDED.values()]
    heads = ("number", "arm", "attempts", *ended, *(f"as attempt {number}" for number in said["numbers"]))
    rows = [
        [
            f"{at + 1}",
            arm(name),
            f"{totals[at]:,}",
            *map(_count, said["ends"][at]),
            *(_count(row[at]) for row in said["counts"]),
        ]
        for at, name in enumerate(said["arms"])
    ]
    body += table(heads, rows, "Table of attempts by arm")
    drawn = {"by-number": flow_figures.by_number(said), "by-arm": flow_figures.by_arm(said)}
    return Section("arms", "Attempts by arm", "Arms", body), drawn


def _transitions(said: dict[str, Any]) -> Part:
    rows, arms = said["transitions"], said["by_number"]["arms"]
    words = (
        "What the controller tried after which failure of the attempt before on the same problem, and how that ended. "
        "Problems that are still unsolved after a failure are harder than the rest: counts again, and no rates."
    )
    told = "; ".join(f"{flow_figures.AFTER[row['after']]}, {arm(row['arm'])}: {row['n']} attempts" for row in rows)
    body = paragraph(words) + chart("flow", "From the last failure over the next arm to its outcome", cut(told, 1500))
    heads = ("last failure", "next arm", *(name for name, _ in flow_figures.ENDED.values()), "n")
    cells = [
        [flow_figures.AFTER[row["after"]], arm(row["arm"]), *map(_count, row["ends"]), f"{row['n']:,}"] for row in rows
    ]
    body += table(heads, cells, "Table of transitions", folded=len(cells) > _OPEN_ROWS)
    return Section("transitions", "After a failure", "Transitions", body), {"flow": flow_figures.flow(rows, arms)}


def _choices(chosen: dict[str, Any]) -> Part:
    shown, everything = len(chosen["rows"]), chosen["problems"]
    words = "Per problem its attempts in order: the arm, and what came of it. An attempt opens whole; "
    words += "why tells the probability of each choice and the controller's reason."
    if shown < everything:
        words += f" Here are the {shown:,} problems with the most attempts, of {everything:,}."
    body = f'{paragraph(words)}<div class="key">{_KEY}</div><div id="choice-rows" class="choices"></div>'
    return Section("choices", "The controller's choices", "Choices", body), {}


def _fitted_on(rates: FitRates) -> Part:
    """Unconditional rates, from where every arm tried every problem."""
    measured = [row for row in rates.rows if row.solve is not None]
    words = (
        f"The outcomes that the controller was given before this run: there every arm tried all of "
        f"{rates.problems:,} problems, so that these are rates of the arms, though not of this run's problems."
    )
    heads = ("arm", *(name for name, *_ in figures.RATES.values()), "attempts", "unmeasurable")
    cells = [[arm(row.arm), *figures.rate_cells(row.model_dump())] for row in rates.rows]
    body, drawn = paragraph(words), {}
    if measured:
        told = cut("; ".join(f"{arm(row.arm)}: {percent(row.solve)} solved" for row in measured), 1500)
        rows = [row.model_dump() for row in measured]
        if all(row.alpha is not None and row.arm == f"{row.alpha:g}" for row in measured):
            drawn = {"dev-rates": figures.rates(rows), "dev-path": figures.path(rows, {})}
            body += f'<div class="pair">{chart("dev-rates", "Rates by alpha, with 95 % intervals", told)}'
            body += f"{chart('dev-path', 'Correctness against optimisation failures', told)}</div>"
        else:
            drawn = {"dev-rates": flow_figures.solved_by_arm(rows)}
            body += chart("dev-rates", "Attempts that solve, by arm, with 95 % intervals", told)
    body += table(heads, cells, "Table of rates by arm", folded=len(cells) > _OPEN_ROWS or bool(drawn))
    return Section("fitted", "What the controller was fitted on", "Fitted on", body), drawn


def _count(count: int) -> str:
    return f"{count:,}" if count else "–"
