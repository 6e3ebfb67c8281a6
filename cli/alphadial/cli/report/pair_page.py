"""The page of two runs of the same problems."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import fields

from alphadial.agents.experiments.attempt_flow import arm_names
from alphadial.agents.experiments.paired_runs import Flip, PairedRate, RunPair, program_diff
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.run_totals import Totals
from alphadial.agents.types import Attempt
from alphadial.cli.report.page import Page, Section, Tile, chart, paragraph, table
from alphadial.cli.report.text import arm, cut, duration, html, interval, label, percent, points
from alphadial.cli.report.traces import Figure, error_bars, figure, line, with_band
from alphadial.cli.visible import visible

MOST_FLIPS = 300
"""Flipped problems whose programs are shown."""
_DIFF_CHARACTERS = 12_000
"""One diff is cut after so many characters."""
_DIFF_BYTES = 5_000_000
"""All diffs together are no larger."""
_SIGN_CLASS = {"-": "gone", "+": "come"}
_VERDICTS = ("coverage", "limit_s", "feedback", "language")
"""Settings that decide what counts as solved, or what may be handed in."""


def pair_page(pair: RunPair) -> Page:
    """The page: paired difference, what both used up, what sets them apart, and the problems that flipped."""
    names = run_names(pair)
    best = pair.rates[0]
    drawn = _figures(pair, names)
    won = sum(flip.by_first for flip in pair.flips)
    flipped = f"{won} solved by A alone, {len(pair.flips) - won} by B alone"
    body, shown = _flips(pair, names)
    sections = [
        Section("difference", "How much more A solves", "Difference", _difference(pair, bool(drawn))),
        Section("flips", "Problems that flipped", "Flipped", body),
        Section("used", "What both used up", "Used", _used(pair)),
        Section("settings", "What sets the runs apart", "Settings", _settings(pair)),
    ]
    return Page(
        title=f"{names[0]} against {names[1]}",
        lead=_lead(pair),
        banner=_banner(pair),
        tiles=[
            Tile("A solves", percent(best.first.value), f"{names[0]} {interval(best.first.interval)}"),
            Tile("B solves", percent(best.second.value), f"{names[1]} {interval(best.second.interval)}"),
            Tile("A less B, points", points(best.difference.value, signed=True), interval(best.difference.interval)),
            Tile("flipped problems", f"{len(pair.flips):,}", flipped),
        ],
        sections=sections,
        figures=drawn,
        facts={f"run {letter}": str(run.folder) for letter, run in zip("AB", (pair.first, pair.second), strict=True)},
        keys="" if not shown else "j or → opens the next flipped problem, k or ← the previous one.",
    )


def run_names(pair: RunPair) -> tuple[str, str]:
    """What the runs are called: by their folders, and by letters where those have one name."""
    names = [visible(cut(run.folder.resolve().name, 40).replace("\n", " ")) for run in (pair.first, pair.second)]
    return ("A", "B") if names[0] == names[1] else (names[0], names[1])


def _lead(pair: RunPair) -> str:
    best, whole = pair.rates[0], len(pair.problems)
    without = [
        f"{len(run.config.problems) - whole:,} of {letter} that the other run does not have"
        for letter, run in zip("AB", (pair.first, pair.second), strict=True)
        if len(run.config.problems) > whole
    ]
    if pair.left_out:
        without.append(f"{pair.left_out:,} that a run could not measure or has not come to the end of")
    left_out = f", without {' and '.join(without)}" if without else ""
    return f"{best.what.capitalize()}, paired over {best.problems:,} problems of {pair.templates:,} templates{left_out}"


def _banner(pair: RunPair) -> str:
    one, other = pair.first.config, pair.second.config
    apart = [name for name in _VERDICTS if getattr(one, name) != getattr(other, name)]
    return f"The runs differ in {', '.join(apart)}: they were not judged alike." if apart else ""


def _difference(pair: RunPair, drawn: bool) -> str:
    body = paragraph(_how(pair))
    if drawn:
        told = cut("; ".join(f"{rate.place}: {points(rate.difference.value)} points" for rate in _placed(pair)), 1500)
        body += f'<div class="pair">{chart("pair-rates", "Solved by each run", told)}'
        body += f"{chart('pair-gain', 'A less B, in points', told)}</div>"
    heads = ("share of", "A less B, points", "A", "B", "problems")
    rates = _placed(pair) if _controlled(pair) else pair.rates
    return body + table(heads, map(_cells, rates), "Table of differences", folded=False)


def _how(pair: RunPair) -> str:
    words = (
        "Every difference is paired: per problem the first run's share less the second's, as a mean over problems, "
        "with its 95 % interval, clustered by template. "
    )
    one, other = pair.first.config, pair.second.config
    if _controlled(pair):
        words += (
            f"A may make {one.samples:,} attempts per problem and B {other.samples:,}: both are told within as many."
        )
    elif one.controller or other.controller:
        words += (
            "One run is under a controller and stops at a solution, the other is not: all that both have in common is "
            "whether a problem was solved at all, with different numbers of attempts."
        )
    else:
        words += f"A makes {one.samples:,} attempts per problem and arm, B {other.samples:,}."
    return words


def _cells(rate: PairedRate) -> list[str]:
    return [
        arm(rate.what),
        f"{points(rate.difference.value, signed=True)}\n{interval(rate.difference.interval)}",
        f"{percent(rate.first.value)}\n{interval(rate.first.interval)}",
        f"{percent(rate.second.value)}\n{interval(rate.second.interval)}",
        f"{rate.problems:,}",
    ]


def _controlled(pair: RunPair) -> bool:
    return pair.first.config.controller is not None and pair.second.config.controller is not None


def _placed(pair: RunPair) -> list[PairedRate]:
    """The rates of a chart, in their order."""
    placed = [rate for rate in pair.rates if rate.place and rate.problems]
    return sorted(placed, key=lambda rate: int(rate.place)) if _controlled(pair) else placed


def _figures(pair: RunPair, names: Sequence[str]) -> dict[str, Figure]:
    rates = _placed(pair)
    if not rates:
        return {}
    controlled = _controlled(pair)
    xs = list(range(len(rates)))
    ticks = {"tickmode": "array", "tickvals": xs, "ticktext": [label(arm(rate.place), 20) for rate in rates]}
    axis = {**ticks, "title": {"text": "k, attempts per problem" if controlled else "arm"}}
    looks = (("blue", "solid", "circle"), ("vermillion", "dash", "square"))
    data = []
    for at, (name, look) in enumerate(zip(names, looks, strict=True)):
        sides = [(rate.first, rate.second)[at] for rate in rates]
        bounds = [side.interval for side in sides]
        title = f"{'AB'[at]}: {label(name, 30)}"
        data += with_band(line(xs, [side.value for side in sides], bounds, title), bounds, look)
    gains = [rate.difference for rate in rates]
    zero = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 0, "y1": 0, "line": {"color": "var(--quiet)"}}
    share = "problems solved" if controlled else "attempts that solve"
    return {
        "pair-rates": figure(data, xaxis=axis, yaxis={"tickformat": ".0%", "title": {"text": share}}),
        "pair-gain": figure(
            [error_bars(xs, gains)],
            xaxis={**axis, "range": [-0.5, len(rates) - 0.5]},
            yaxis={"tickformat": "+.0%", "title": {"text": "A less B"}},
            shapes=[zero],
        ),
    }


def _used(pair: RunPair) -> str:
    rows = [
        ("attempts", lambda used: f"{used.attempts:,}"),
        ("attempts per problem", lambda used: f"{used.attempts / len(pair.problems):.2f}"),
        ("tokens in", lambda used: f"{used.prompt_tokens:,}"),
        ("tokens out", lambda used: f"{used.completion_tokens:,}"),
        ("CPU of the programs", lambda used: duration(used.cpu_s)),
        ("time of the judge", lambda used: duration(used.judge_s)),
        ("time of the tools", lambda used: duration(used.tools_s)),
        ("time of the model", lambda used: duration(used.model_s)),
        ("cost", _cost),
    ]
    cells = [(name, *map(told, pair.used)) for name, told in rows]
    words = f"All attempts on the {len(pair.problems):,} problems of both runs. Costs are in the prices of each run."
    return paragraph(words) + table(("", "A", "B"), cells, "Table of what both used up", folded=False)


def _cost(used: Totals) -> str:
    return "–" if used.cost is None else f"{used.cost:.4g}"


def _settings(pair: RunPair) -> str:
    one, other = pair.first.config, pair.second.config
    apart = [field.name for field in fields(RunConfig) if getattr(one, field.name) != getattr(other, field.name)]
    rows = [[name.replace("_", " "), *(_setting(getattr(config, name)) for config in (one, other))] for name in apart]
    if not rows:
        return paragraph("Nothing: both are runs of one configuration.")
    words = "Every setting that is not the same in both; everything else is."
    return paragraph(words) + table(("setting", "A", "B"), rows, "Table of settings", folded=False)


def _setting(value: object) -> str:
    if isinstance(value, tuple):
        return f"{len(value):,}"
    return "–" if value is None else cut(str(value), 80).replace("\n", " ")


def _flips(pair: RunPair, names: Sequence[str]) -> tuple[str, int]:
    """The problems that flipped, with the diff of their programs, and how many of them are shown."""
    if not pair.flips:
        return paragraph("None: both runs solved the same problems."), 0
    shown = pair.flips[:MOST_FLIPS]
    words = (
        "Solved by one run and not by the other. The lines that the failing program has alone are marked −, those of "
        "the program that solved +; of the failing run it is the attempt that passed most levels."
    )
    if len(shown) < len(pair.flips):
        words += f" Here are {len(shown):,} of {len(pair.flips):,}."
    blocks, room = [], _DIFF_BYTES
    for flip, lines in zip(shown, _diffs(pair, shown), strict=True):
        block = _flip(pair, flip, names, lines if room > 0 else None)
        room -= len(block)
        blocks.append(block)
    heads = [f"<h3>{html(f'Solved by {letter} alone')}</h3>" for letter in "AB"]
    parts = [
        [block for flip, block in zip(shown, blocks, strict=True) if flip.by_first is by_first]
        for by_first in (True, False)
    ]
    body = "".join(head + "".join(part) for head, part in zip(heads, parts, strict=True) if part)
    return paragraph(words) + body, len(shown)


def _diffs(pair: RunPair, flips: Sequence[Flip]) -> Iterator[list[str]]:
    """The diff of each flipped problem's programs, which are read run by run."""
    programs: dict[str, str] = {}
    for run, ours in ((pair.first, True), (pair.second, False)):
        picked = [flip.solved if flip.by_first is ours else flip.failed for flip in flips]
        ids = [attempt.id for attempt in picked if attempt is not None]
        programs |= {attempt.id: cut(attempt.program, _DIFF_CHARACTERS) for attempt in run.whole(ids)}
    for flip in flips:
        failed = programs.get(flip.failed.id, "") if flip.failed is not None else ""
        yield program_diff(failed, programs.get(flip.solved.id, ""))


def _flip(pair: RunPair, flip: Flip, names: Sequence[str], lines: list[str] | None) -> str:
    runs = (pair.first, pair.second) if flip.by_first else (pair.second, pair.first)
    letters = "AB" if flip.by_first else "BA"
    told = [
        (f"{letters[0]} solved it", _attempt(flip.solved, runs[0].config)),
        (f"{letters[1]} did not", "no attempt" if flip.failed is None else _attempt(flip.failed, runs[1].config)),
        ("attempts", f"A {flip.attempts[0]:,}, B {flip.attempts[1]:,}"),
    ]
    commands = [
        f"alphadial show {attempt.id} --run {shlex.quote(str(run.folder))}"
        for attempt, run in zip((flip.solved, flip.failed), runs, strict=True)
        if attempt is not None
    ]
    facts = "".join(f"<dt>{html(name)}</dt><dd>{html(value)}</dd>" for name, value in told)
    shown = paragraph("Too much to show here.") if lines is None else _diff(lines)
    how = "".join(f"<p><code>{html(visible(command))}</code></p>" for command in commands)
    summary = f"<summary>{html(cut(flip.problem, 200))}</summary>"
    return f'<details class="flip">{summary}<dl class="facts">{facts}</dl>{shown}{how}</details>'


def _attempt(attempt: Attempt, config: RunConfig) -> str:
    name = arm(arm_names(config)[attempt.arm_key])
    verdict = attempt.verdict or "unmeasurable"
    cause = f", {cut(attempt.cause, 120)}" if attempt.cause else ""
    return f"{verdict} at {name}, attempt {attempt.sample + 1}, level {attempt.level_reached}{cause}"


def _diff(lines: Sequence[str]) -> str:
    if not any(line.strip() for line in lines):
        return paragraph("Neither run has a program here.")
    marked = "".join(f'<span class="{_SIGN_CLASS.get(line[0], "same")}">{html(line)}</span>\n' for line in lines)
    return f'<div class="copied"><pre class="diff" tabindex="0">{marked}</pre></div>'
