"""``alphadial run``: many problems, a budget of attempts, and a controller that chooses alpha for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.arm_options import (
    ArmsOption,
    FeaturesOption,
    FitOption,
    FitTemperaturesOption,
    PercentOption,
    load_arms,
    load_reading,
)
from alphadial.cli.options import (
    DEFAULT_CONCURRENCY,
    DEFAULT_CONTROLLER,
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT_S,
    AgentOption,
    AlphasOption,
    BoxOption,
    BudgetOption,
    ConcurrencyOption,
    ControllerOption,
    FeedbackOption,
    JsonOption,
    LanguageOption,
    LimitOption,
    MaxTokensOption,
    MaxTurnsOption,
    ModelOption,
    OptionalFamilyArgument,
    ParserOption,
    PricesOption,
    ProblemSetOption,
    ProblemsOption,
    PromptOption,
    RetriesOption,
    RunOutOption,
    SandboxOption,
    SeedOption,
    ServerOption,
    SettingOption,
    SharedVerifierOption,
    SplitOption,
    TemperatureOption,
    TimeoutOption,
    UnverifiedOption,
    WorkersOption,
    load_optional_family,
    load_prices,
    pick,
    split_optional,
)
from alphadial.cli.output import check_json_target

if TYPE_CHECKING:
    from pathlib import Path

    from alphadial.agents.runs.controller_run import FinishedRun, RunOptions


def run(
    family: OptionalFamilyArgument = None,
    model: ModelOption = None,
    split: SplitOption = None,
    attempts: Annotated[int, typer.Option("--attempts", min=1, metavar="N", help="Per problem, at most.")] = 5,
    controller: ControllerOption = None,
    setting: SettingOption = "reasoning",
    agent: AgentOption = "langgraph",
    seed: SeedOption = 0,
    budget: BudgetOption = None,
    alphas: AlphasOption = None,
    arms: ArmsOption = None,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = None,
    fit: FitOption = None,
    features: FeaturesOption = None,
    percent: PercentOption = False,
    fit_temperatures: FitTemperaturesOption = None,
    prompt: PromptOption = None,
    parser: ParserOption = None,
    language: LanguageOption = None,
    max_turns: MaxTurnsOption = None,
    feedback: FeedbackOption = "public",
    problem_set: ProblemSetOption = None,
    problems: ProblemsOption = None,
    limit: LimitOption = None,
    prices: PricesOption = None,
    out: RunOutOption = None,
    json_to: JsonOption = None,
    server: ServerOption = None,
    unverified_weights: UnverifiedOption = False,
    concurrency: ConcurrencyOption = DEFAULT_CONCURRENCY,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    retries: RetriesOption = DEFAULT_RETRIES,
    sandbox: SandboxOption = "bubblewrap",
    box: BoxOption = "rootfs",
    allow_shared_verifier: SharedVerifierOption = False,
    workers: WorkersOption = None,
) -> None:
    """Attempt problems until solved; a controller chooses each time. The same command resumes a stopped run."""
    from alphadial.agents.runs.controller_run import RunOptions
    from alphadial.envs.types import Feedback, Setting

    check_json_target(json_to)
    chosen = load_arms(arms, model, (controller, alphas, fit))
    options = RunOptions(
        family=load_optional_family(family), model=model, split=split, problem_set=problem_set,
        problems=split_optional(problems, "--problems"), limit_s=limit, prices=load_prices(prices), attempts=attempts,
        controller=controller or DEFAULT_CONTROLLER, budget=budget, alphas=split_optional(alphas, "--alphas"),
        temperature=temperature, max_tokens=max_tokens, seed=seed, fit=tuple(fit or ()),
        reading=load_reading(features, percent, fit_temperatures), arms=chosen.arms, families=chosen.families,
        prompt=prompt, parser=parser, language=language, setting=pick(Setting, setting, "--setting"), agent=agent,
        max_turns=max_turns, feedback=pick(Feedback, feedback, "--feedback"),
    )  # fmt: skip
    where = (sandbox, box, workers, allow_shared_verifier)
    asked = (server, unverified_weights, where, chosen.in_process, (concurrency, timeout, retries))
    show_run(make_run(options, out, *asked), json_to)


def make_run(
    options: RunOptions,
    out: Path | None,
    server: str | None,
    unverified_weights: bool,
    where: tuple[str, str, int | None, bool],
    in_process: frozenset[str],
    patience: tuple[int, float, int],
) -> FinishedRun:
    """Makes the run, or what is left of it, and shows its attempts meanwhile."""
    from alphadial.agents.runs.controller_run import attempt_problems
    from alphadial.cli.options import open_runtime, open_server_options
    from alphadial.cli.output import say
    from alphadial.cli.run_progress import RunWatch

    with RunWatch() as watch:
        asked = open_server_options(*patience, watch.waits)
        sandbox, box, workers, shared = where
        runtime = open_runtime(server, unverified_weights, sandbox, workers, asked, in_process, box, shared)
        return attempt_problems(options, out, runtime, watch.begin, say)


def show_run(finished: FinishedRun, json_to: str | None) -> None:
    """Draws the picture into the run folder, and shows what the run came to."""
    from alphadial.cli.output import STDOUT, print_line, results, write_json
    from alphadial.cli.summary import run_tables

    picture = draw_picture(finished.folder)
    if json_to is not None:
        write_json(json_to, finished.summary)
    if json_to != STDOUT:
        results().print(run_tables(finished.summary))
        print_line(f"run folder: {finished.folder}")
        if picture is not None:
            print_line(f"picture: {picture}")
        print_line(f"look closer: alphadial report {finished.folder}")


def draw_picture(folder: Path) -> Path | None:
    """Draws the counts of a run into its folder, where there are any and matplotlib is there."""
    from alphadial.agents.experiments.attempt_flow import arm_names, by_number
    from alphadial.agents.runs.reading_runs import read_run
    from alphadial.cli.output import say
    from alphadial.cli.plots import MISSING, can_draw

    if not can_draw():
        say(MISSING)
        return None
    run = read_run(folder)
    if not run.attempts:
        return None
    from alphadial.cli.plots.run_picture import draw_run

    picture = folder / "run.png"
    draw_run(by_number(run.attempts, arm_names(run.config)), picture)
    return picture
