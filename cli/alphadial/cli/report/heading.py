"""The head of a run's page: what was run, how far it is, and the figures worth seeing first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alphadial.agents.runs.config import ArmChoice, RunConfig
from alphadial.agents.runs.run_totals import Totals
from alphadial.cli.report.page import Tile
from alphadial.cli.report.text import arm, duration, interval, number, percent

_ARMS_TOLD = 40
"""Arms of which everything is told, at most."""


def lead(config: RunConfig) -> str:
    """What was run, in a line."""
    dials = sum(model.alpha is not None for model in config.models)
    if config.arms is not None:
        attempts = f"up to {config.samples:,} attempts each over {len(config.arms)} arms"
        return f"{len(config.problems):,} problems, {attempts}, seed {config.seed}"
    if config.controller:
        attempts = f"up to {config.samples:,} attempts each over {dials} alphas"
    else:
        attempts = f"{config.samples:,} attempts each at {dials} alphas"
        attempts += f" and {len(config.models) - dials} other checkpoints" if len(config.models) > dials else ""
    rest = f"temperature {config.temperature:g}, setting {config.setting}, seed {config.seed}"
    return f"{len(config.problems):,} problems, {attempts}, {rest}"


def banner(counts: dict[str, Any], controlled: bool) -> str:
    """Says that a run is not finished; empty when it is."""
    if counts["finished"]:
        return ""
    of = "at most " if controlled else ""
    return (
        f"Unfinished: {counts['attempts']:,} of {of}{counts['planned']:,} attempts are made. The figures below are of "
        "these alone; the same command that began the run goes on from there."
    )


def facts(config: RunConfig, counts: dict[str, Any]) -> dict[str, str]:
    """Everything that determined the run; empty values stand for what it did not have."""
    return {
        "command": config.command,
        "family": config.label,
        "problems": f"{config.problem_set}, {config.split}, {len(config.problems):,} problems",
        "split hash": config.split_hash,
        "coverage": config.coverage or "every level",
        "controller": config.controller or "",
        "controller's knowledge": config.fitted or "",
        "budget": "" if config.budget is None else f"{config.budget:,} attempts over all problems, {config.allocation}",
        **(_alike(config) if config.arms is None else _arms(config.arms)),
        "feedback and seed": f"{config.feedback}, {config.seed}",
        "attempts": f"{counts['attempts']:,}, of which {counts['unmeasurable']:,} unmeasurable",
        "run": config.run_id,
        "weights": config.weights or "not verified",
    }


def _alike(config: RunConfig) -> dict[str, str]:
    """What all attempts of a run over alphas have in common."""
    return {
        "setting": f"{config.setting}, at most {config.max_turns} turns",
        "sampling": f"temperature {config.temperature:g}, at most {config.max_tokens:,} tokens",
        "prompt and parser": f"{config.prompt}, {config.parser}",
    }


def _arms(choices: Sequence[ArmChoice]) -> dict[str, str]:
    """What each arm of a run stands for."""
    return {
        f"arm {arm(str(choice.arm))}": f"{choice.model}, temperature {choice.temperature:g}, {choice.setting}, at most "
        f"{choice.max_turns} turns of {choice.max_tokens:,} tokens, {choice.prompt}, {choice.parser}"
        for choice in choices[:_ARMS_TOLD]
    }


def tiles(said: dict[str, Any]) -> list[Tile]:
    """The figures at the top: of a run over alphas, or of one under a controller."""
    counts = said["counts"]
    solved = Tile("problems solved", f"{counts['solved']:,}", f"of {counts['problems']:,}, at least once")
    unmeasurable = f"{counts['unmeasurable']:,} unmeasurable"
    made = Tile("attempts", f"{counts['attempts']:,}", unmeasurable)
    if said["within_k"]:
        return [*_within(said["within_k"], counts), made, *used(said["totals"])]
    rows = [row for row in said["frontier"]["rows"] if row["solve"] is not None]
    found = []
    if rows:
        best = max(rows, key=lambda row: row["solve"])
        rate = f"{percent(best['solve'])} of attempts solve {interval(best['solve_ci'])}"
        found.append(Tile("best alpha", number(best["alpha"]), rate))
    curves = said["pass_at_k"]
    if curves and curves["pair"]:
        pair = " and ".join(map(number, curves["pair"]["alphas"]))
        found.append(
            Tile(f"best pair, {curves['at']} attempts", percent(curves["pair"]["value"]), f"{pair} taking turns")
        )
    return [*found, solved, made, *used(said["totals"])]


def used(totals: Totals) -> list[Tile]:
    """What attempts used up."""
    tokens = f"{totals.prompt_tokens:,} in, {totals.completion_tokens:,} out"
    tools = f"tools {duration(totals.tools_s)}, " if totals.tools_s else ""
    waited = f"judge {duration(totals.judge_s)}, {tools}model {duration(totals.model_s)}"
    return [
        Tile("tokens", f"{totals.prompt_tokens + totals.completion_tokens:,}", tokens),
        Tile("CPU of the programs", duration(totals.cpu_s), waited),
        *([Tile("cost", f"{totals.cost:.4g}", "in the currency of the prices")] if totals.cost is not None else []),
    ]


def _within(curve: dict[str, Any], counts: dict[str, Any]) -> list[Tile]:
    last, first = curve["values"][-1], curve["values"][0]
    each = counts["attempts"] / max(1, counts["solved"])
    solved = f"{counts['solved']:,} of {counts['problems']:,} {interval(curve['intervals'][-1])}"
    return [
        Tile("problems solved", percent(last), solved),
        Tile("at the first attempt", percent(first), interval(curve["intervals"][0])),
        Tile("attempts per solved problem", f"{each:.2f}" if counts["solved"] else "–", "failed problems' included"),
    ]
