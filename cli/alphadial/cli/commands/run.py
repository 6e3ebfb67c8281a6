"""``alphadial run``: many problems, a budget of attempts, and a controller that chooses alpha for each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alphadial.cli.options import (
    DEFAULT_ALPHAS,
    AlphasOption,
    FamilyArgument,
    JsonOption,
    ProblemsOption,
    RunOutOption,
    SandboxOption,
    SeedOption,
    ServerOption,
    SplitOption,
    TemperatureOption,
    UnverifiedOption,
    WorkersOption,
)


def run(
    family: FamilyArgument,
    split: SplitOption = "test",
    attempts: Annotated[int, typer.Option("--attempts", min=1, metavar="N", help="Per problem, at most.")] = 5,
    controller: Annotated[
        str, typer.Option("--controller", metavar="NAME", help="Chooses alpha; or your own, as package.module:Class.")
    ] = "posterior",
    setting: Annotated[
        str, typer.Option("--setting", metavar="NAME", help="reasoning (answer once), tools or agentic.")
    ] = "reasoning",
    seed: SeedOption = 0,
    budget: Annotated[
        int | None, typer.Option("--budget", min=1, metavar="N", help="Attempts in all.", show_default="no limit")
    ] = None,
    alphas: AlphasOption = DEFAULT_ALPHAS,
    temperature: TemperatureOption = None,
    fit: Annotated[
        Path | None,
        typer.Option("--fit", metavar="FILE", help="outcomes.json to learn from.", show_default="shipped dev table"),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="NAME", help="Prompting strategy.", show_default="the family's")
    ] = None,
    max_turns: Annotated[
        int | None, typer.Option("--max-turns", min=1, metavar="N", help="Per attempt.", show_default="1, 3 or 20")
    ] = None,
    feedback: Annotated[
        str, typer.Option("--feedback", metavar="NAME", help="What tools say within an attempt: public or judge.")
    ] = "public",
    problem_set: Annotated[
        str | None,
        typer.Option("--problem-set", metavar="NAME", help="Instead of the family's.", show_default="the family's"),
    ] = None,
    problems: ProblemsOption = None,
    out: RunOutOption = None,
    json_to: JsonOption = None,
    server: ServerOption = None,
    unverified_weights: UnverifiedOption = False,
    sandbox: SandboxOption = "bubblewrap",
    workers: WorkersOption = None,
) -> None:
    """Attempt problems until solved; a controller chooses alpha each time. The same command resumes a stopped run."""
    from alphadial.cli.controlled import Wishes, execute
    from alphadial.cli.options import pick
    from alphadial.cli.output import check_json_target
    from alphadial.cli.session import Machine
    from alphadial.envs.types import Feedback, Setting
    from alphadial.merge_engine import load_family

    check_json_target(json_to)
    wishes = Wishes(
        family=load_family(family),
        split=split,
        attempts=attempts,
        controller=controller,
        setting=pick(Setting, setting, "--setting"),
        seed=seed,
        budget=budget,
        alphas=alphas,
        temperature=temperature,
        fit=fit,
        prompt=prompt,
        max_turns=max_turns,
        feedback=pick(Feedback, feedback, "--feedback"),
        problem_set=problem_set,
        problems=problems,
    )
    execute(wishes, out, json_to, Machine(server, not unverified_weights, sandbox, workers))
