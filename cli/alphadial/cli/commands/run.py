"""``alphadial run``: many problems, a budget of attempts, and a controller that chooses alpha for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.options import (
    DEFAULT_ALPHAS,
    DEFAULT_CONCURRENCY,
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT_S,
    AlphasOption,
    ConcurrencyOption,
    FamilyArgument,
    FeedbackOption,
    FitOption,
    JsonOption,
    LimitOption,
    MaxTurnsOption,
    ProblemSetOption,
    ProblemsOption,
    PromptOption,
    RetriesOption,
    RunOutOption,
    SandboxOption,
    SeedOption,
    ServerOption,
    SettingOption,
    SplitOption,
    TemperatureOption,
    TimeoutOption,
    UnverifiedOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from alphadial.agents.runs.controller_run import FinishedRun


def run(
    family: FamilyArgument,
    split: SplitOption = None,
    attempts: Annotated[int, typer.Option("--attempts", min=1, metavar="N", help="Per problem, at most.")] = 5,
    controller: Annotated[
        str, typer.Option("--controller", metavar="NAME", help="Chooses alpha; or your own, as package.module:Class.")
    ] = "posterior",
    setting: SettingOption = "reasoning",
    seed: SeedOption = 0,
    budget: Annotated[
        int | None, typer.Option("--budget", min=1, metavar="N", help="Attempts in all.", show_default="no limit")
    ] = None,
    alphas: AlphasOption = DEFAULT_ALPHAS,
    temperature: TemperatureOption = None,
    fit: FitOption = None,
    prompt: PromptOption = None,
    max_turns: MaxTurnsOption = None,
    feedback: FeedbackOption = "public",
    problem_set: ProblemSetOption = None,
    problems: ProblemsOption = None,
    limit: LimitOption = None,
    out: RunOutOption = None,
    json_to: JsonOption = None,
    server: ServerOption = None,
    unverified_weights: UnverifiedOption = False,
    concurrency: ConcurrencyOption = DEFAULT_CONCURRENCY,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    retries: RetriesOption = DEFAULT_RETRIES,
    sandbox: SandboxOption = "bubblewrap",
    workers: WorkersOption = None,
) -> None:
    """Attempt problems until solved; a controller chooses alpha each time. The same command resumes a stopped run."""
    from alphadial.agents.runs.controller_run import RunOptions, attempt_problems
    from alphadial.cli.options import open_runtime, open_server_options, parse_problems, pick, split_list
    from alphadial.cli.output import check_json_target, say
    from alphadial.cli.run_progress import RunWatch
    from alphadial.envs.types import Feedback, Setting
    from alphadial.merge_engine import load_family

    check_json_target(json_to)
    options = RunOptions(
        family=load_family(family),
        split=split,
        problem_set=problem_set,
        problems=parse_problems(problems),
        limit_s=limit,
        attempts=attempts,
        controller=controller,
        budget=budget,
        alphas=split_list(alphas, "--alphas"),
        temperature=temperature,
        seed=seed,
        fit=fit,
        prompt=prompt,
        setting=pick(Setting, setting, "--setting"),
        max_turns=max_turns,
        feedback=pick(Feedback, feedback, "--feedback"),
    )
    with RunWatch() as watch:
        asked = open_server_options(concurrency, timeout, retries, watch.waits)
        runtime = open_runtime(server, unverified_weights, sandbox, workers, asked)
        finished = attempt_problems(options, out, runtime, watch.begin, say)
    show_run(finished, json_to)


def show_run(finished: FinishedRun, json_to: str | None) -> None:
    """Shows what the run came to, and where it is."""
    from alphadial.cli.output import STDOUT, print_line, results, write_json
    from alphadial.cli.summary import run_table

    if json_to is not None:
        write_json(json_to, finished.summary)
    if json_to != STDOUT:
        results().print(run_table(finished.summary))
        print_line(f"run folder: {finished.folder}")
        print_line(f"look closer: alphadial report {finished.folder}")
