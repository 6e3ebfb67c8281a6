"""What the page says, in which order, and in which words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from alphadial.agents.experiments.attempt_flow import arm_names
from alphadial.agents.experiments.run_description import describe
from alphadial.agents.runs.reading_runs import StoredRun
from alphadial.agents.types import Attempt
from alphadial.cli.report import figures, heading
from alphadial.cli.report.controlled_sections import controlled_parts
from alphadial.cli.report.page import Page, Part, Section, chart, dial, paragraph, table
from alphadial.cli.report.text import arm, cut, interval, number, percent, points
from alphadial.cli.report.transcripts import Packed
from alphadial.cli.visible import visible


def run_page(run: StoredRun, packed: Packed, seed: int, remark: str = "") -> Page:
    """The page of a run over alphas, or under a controller."""
    said = describe(run)
    rows = [row for row in said["frontier"]["rows"] if row["solve"] is not None] if said["frontier"] else []
    shown = controlled_parts(said)
    parts = [*(shown or [*_frontier(said, rows), *_groups(said)]), *_attempts_needed(said), *_problems(said)]
    sections = [section for section, _ in parts]
    drawn = {name: figure for _, drawings in parts for name, figure in drawings.items()}
    config, counts, names = run.config, said["counts"], arm_names(run.config)
    under = f" under {config.controller}" if config.controller else ""
    best = max(rows, key=lambda row: row["solve"])["alpha"] if rows else None
    alphas = sorted({model.alpha for model in config.models if model.alpha is not None})
    show = f"alphadial show ID --run {shlex.quote(str(run.folder))}"
    listed = said["choices"]["rows"] if said["choices"] else ()
    return Page(
        title=f"{config.label} on {config.split}{under}",
        lead=heading.lead(config),
        banner=heading.banner(counts, config.controller is not None),
        tiles=heading.tiles(said),
        sections=[*sections, _transcripts(run, packed, seed, show, remark)],
        figures=drawn,
        dial=dial(alphas, best) if alphas else "",
        arms=list(map(arm, said["heat"]["arms"])),
        problems=[visible(cut(problem, 500), lines=True) for problem in said["heat"]["problems"]],
        choices=[[visible(cut(name, 500), lines=True), [_brief(one, names) for one in made]] for name, made in listed],
        command=visible(show),
        payload=packed.payload,
        facts=heading.facts(config, counts),
        keys="With an attempt open, j or → goes to the next of the list, k or ← to the previous one, Escape closes it. "
        "Copy and download give texts as they are shown: what cannot be seen is spelled out, and long ones are cut.",
    )


def _frontier(said: dict[str, Any], rows: list[dict[str, Any]]) -> list[Part]:
    named = [(name, row) for name, row in said["frontier"]["checkpoints"].items() if row["solve"] is not None]
    heads = ("alpha", *(name for name, *_ in figures.RATES.values()), "attempts", "unmeasurable")
    if not rows and named:
        body = table(
            ("model", *heads[1:]), [[name, *figures.rate_cells(row)] for name, row in named], "Table of rates by model"
        )
        return [(Section("frontier", "What became of the attempts", "Rates", body), {})]
    if not rows:
        nothing = paragraph("Not one attempt could be measured: alphadial doctor tells what is wrong.")
        return [(Section("frontier", "The frontier", "Frontier", nothing), {})]
    told = "; ".join(f"alpha {row['alpha']:g}: {percent(row['solve'])} solved" for row in rows)
    intro = "What becomes of an attempt as alpha moves from low to high, and past both."
    cells = [[number(row["alpha"]), *figures.rate_cells(row)] for row in rows]
    cells += [[name, *figures.rate_cells(row)] for name, row in named]
    body = paragraph(intro) + '<div class="pair">'
    body += chart("rates", "Rates by alpha, with 95 % intervals", told)
    body += chart("path", "Correctness against optimisation failures", f"The path of alpha. {told}") + "</div>"
    body += table(heads, cells, "Table of rates by alpha")
    drawn = {"rates": figures.rates(rows), "path": figures.path(rows, said["frontier"]["checkpoints"])}
    return [(Section("frontier", "The frontier", "Frontier", body), drawn)]


def _groups(said: dict[str, Any]) -> list[Part]:
    """Groups of problems over alpha, where there are several."""
    by_group = {name: rows for name, rows in said["frontier"]["by_group"].items() if rows} if said["frontier"] else {}
    if len(by_group) < 2:
        return []
    values = {
        name: [(row["alpha"], row["solve"], tuple(row["solve_ci"])) for row in rows] for name, rows in by_group.items()
    }
    told = "; ".join(
        f"{name} at {row['model']}: {percent(row['solve'])}" for name, rows in by_group.items() for row in rows
    )
    body = paragraph("Problems in groups: the share of attempts that solve them, as alpha moves.")
    body += chart("groups", "Share of attempts solved over alpha, by group", cut(told, 1500))
    heads = ("group", "alpha", *(name for name, *_ in figures.RATES.values()), "attempts", "unmeasurable")
    cells = [
        [cut(name, 60), number(row["alpha"]), *figures.rate_cells(row)]
        for name, rows in by_group.items()
        for row in rows
    ]
    body += table(heads, cells, "Table of groups by alpha")
    return [
        (
            Section("groups", "Which problems each alpha solves", "Groups", body),
            {"groups": figures.groups_over_alpha(values)},
        )
    ]


def _attempts_needed(said: dict[str, Any]) -> list[Part]:
    """pass@k, or what a controller solved within k attempts."""
    curves, within = said["pass_at_k"], said["within_k"]
    if within:
        told = "; ".join(f"k = {k}: {percent(value)}" for k, value in zip(within["ks"], within["values"], strict=True))
        body = paragraph("Share of problems solved by their first k attempts, with its 95 % interval.")
        body += chart("attempts-needed", "Solved within k attempts", told)
        rows = zip(within["ks"], within["values"], within["intervals"], within["spent"], strict=True)
        cells = [[str(k), f"{percent(value)}\n{interval(bounds)}", f"{spent:,}"] for k, value, bounds, spent in rows]
        body += table(("k", "problems solved", "attempts made by then"), cells, "Table of problems solved")
        drawn = figures.within_k(within, said["config"].controller)
        return [(Section("passk", "Solved within k attempts", "Within k", body), {"attempts-needed": drawn})]
    if not curves:
        return []
    ks, pair, best = curves["ks"], curves["pair"], curves["curves"][curves["best"]]
    words = (
        f"Every curve spends the same k attempts per problem. Best at k = {curves['at']}: alpha {number(best['alpha'])}"
    )
    if pair:
        (gain,), (bounds,) = pair["gain"]["values"], pair["gain"]["intervals"]
        first, second = map(number, pair["alphas"])
        words += f", and of two alphas taking turns {first} and {second}: {points(gain)} points {interval(bounds)} more"
    words += ". Both were picked on these very attempts, which flatters them a little."
    heads = ["alpha", *(f"k = {k}" for k in ks)]
    named = [(number(curve["alpha"]), curve) for curve in curves["curves"]]
    named += [(" and ".join(map(number, pair["alphas"])), pair)] if pair else []
    cells = [[name, *(_estimates(curve))] for name, curve in named]
    body = paragraph(words) + chart("attempts-needed", "pass@k", "; ".join(f"{row[0]}: {row[-1]}" for row in cells))
    body += table(heads, cells, "Table of pass@k")
    return [
        (Section("passk", "Solved within k attempts", "pass@k", body), {"attempts-needed": figures.pass_at_k(curves)})
    ]


def _estimates(curve: dict[str, Any]) -> list[str]:
    pairs = zip(curve["values"], curve["intervals"], strict=True)
    return [f"{percent(value)}\n{interval(bounds)}" for value, bounds in pairs]


def _problems(said: dict[str, Any]) -> list[Part]:
    heat = said["heat"]
    if not heat["problems"]:
        return []
    somewhere = sum(any(row) for row in heat["solved"])
    words = (
        f"{somewhere:,} of {len(heat['problems']):,} problems were solved with some arm. Those that the first arms "
        "solve are at the top, those that none solves at the bottom. A cell leads to its attempts."
    )
    if said["choices"]:
        words += " Empty cells were never tried."
    body = paragraph(words) + chart("heat", "Share of attempts solved", words)
    return [(Section("problems", "Problems by arm", "Problems", body), {"heat": figures.heat(heat)})]


def _transcripts(run: StoredRun, packed: Packed, seed: int, show: str, remark: str) -> Section:
    total, here = len(run.attempts), len(packed.ids)
    words = f"All {total:,} attempts of this run."
    if here < total:
        words = f"A sample of {here:,} of {total:,} attempts, drawn with seed {seed}; {visible(show)} shows any other."
    body = f"""{paragraph(f"{words} {remark}".rstrip())}
<div class="filters" role="search">
<label>Problem
<input id="filter-problem" type="search" list="problem-names" autocomplete="off" placeholder="any"></label>
<datalist id="problem-names"></datalist>
<label>Arm<select id="filter-arm"><option value="">any</option></select></label>
<label>Verdict<select id="filter-verdict"><option value="">any</option></select></label>
</div>
<p id="found" role="status">Unpacking…</p>
<div id="list" class="list"></div>
<button type="button" id="more" class="more" hidden>Show more</button>"""
    return Section("attempts", "Attempts", "Attempts", body)


def _brief(attempt: Attempt, names: Mapping[str, str]) -> dict[str, Any]:
    """An attempt as the list of choices shows it."""
    return {
        "id": visible(attempt.id),
        "problem": visible(cut(attempt.problem, 500), lines=True),
        "sample": attempt.sample,
        "arm": arm(names[attempt.arm_key]),
        "model": visible(attempt.model),
        "verdict": attempt.verdict,
        "failure_kind": attempt.failure_kind,
        "propensity": attempt.propensity,
        "success_prob": attempt.success_prob,
        "reason": visible(cut(attempt.reason, 300), lines=True),
    }
