"""From the arguments of ``alphadial run`` to a run under a controller, and to its results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.experiments.compare.shipped_tables import SHIPPED_SAMPLES, bench, shipped_table, table_config
from alphadial.agents.experiments.outcomes import Expected, OutcomeTable, load_outcomes
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs.config import ModelChoice, Planner, RunConfig
from alphadial.agents.runs.controlled import run_controlled
from alphadial.agents.runs.run_summary import summarise
from alphadial.cli.errors import CliError
from alphadial.cli.extras import need
from alphadial.cli.options import DEFAULT_ALPHAS, parse_alphas, split_list
from alphadial.cli.output import STDOUT, print_line, results, write_json
from alphadial.cli.sampling import choose_temperature, default_folder
from alphadial.cli.session import Machine, session
from alphadial.cli.summary import run_table
from alphadial.controller import guarded, make_controller
from alphadial.controller.errors import ControllerError
from alphadial.controller.types import Budget, Context, Controller
from alphadial.envs.errors import ProblemError
from alphadial.envs.problems import Split, load_split
from alphadial.envs.types import DEFAULT_TURNS, Feedback, Problem, Setting
from alphadial.merge_engine import Family


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for; None: the default."""

    family: Family
    split: str
    attempts: int
    controller: str
    setting: Setting
    seed: int
    budget: int | None
    alphas: str
    temperature: float | None
    fit: Path | None
    prompt: str | None
    max_turns: int | None
    feedback: Feedback
    problem_set: str | None
    problems: str | None


def execute(wishes: Wishes, out: Path | None, json_to: str | None, machine: Machine) -> None:
    """Makes the run, or what is left of it, and shows its results.

    Raises:
        CliError, ControllerError, AgentsError, EnvsError, MergeEngineError: something that the user can mend.
    """
    if not machine.verified and machine.server is None:
        raise CliError("--unverified-weights is for --server: weights in this process are always verified")
    if machine.server is None:
        need("sampling in this process (without --server)", "torch", "transformers", extra="local")
    family = wishes.family
    if wishes.setting is Setting.REASONING and wishes.max_turns not in (None, 1):
        raise CliError(f"--max-turns {wishes.max_turns} is for --setting tools or agentic: reasoning answers once")
    temperature = choose_temperature(wishes.temperature, family)
    named = wishes.problem_set is not None
    split = load_split(wishes.problem_set or family.problem_set, wishes.split, recorded=not named)
    problems = (
        split.select(split_list(wishes.problems, "--problems")) if wishes.problems is not None else split.problems
    )
    dials = parse_alphas(wishes.alphas, family)
    controller = make_controller(wishes.controller, dials, seed=wishes.seed, horizon=wishes.attempts)
    models = choose_models(family, dials, unverified_weights=not machine.verified)
    teach(controller, wishes, temperature, models, split.problem_set)
    config = configure(wishes, temperature, split, problems, models, controller)
    folder = out or default_folder(config)
    model = next(iter(models))
    first = Planner(config).attempt(problems[0], model, 0)
    with session(config, family, problems, folder, machine, first) as opened:
        with opened.progress as progress:
            run_controlled(config, problems, controller, opened.deps, opened.folder.store, progress.update)
        summary = summarise(config, problems, opened.folder.store.attempts())
        opened.folder.write("run.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")
        opened.folder.write("controller.json", written_state(controller) + "\n")
    if json_to is not None:
        write_json(json_to, summary)
    if json_to != STDOUT:
        results().print(run_table(summary))
        print_line(f"run folder: {folder}")
        print_line(f"look closer: alphadial report {folder}")


def configure(
    wishes: Wishes,
    temperature: float,
    split: Split,
    problems: Sequence[Problem],
    models: tuple[ModelChoice, ...],
    controller: Controller,
) -> RunConfig:
    """The configuration of the run."""
    family = wishes.family
    return RunConfig(
        command="run",
        family=family.name,
        problem_set=split.problem_set,
        split=split.name,
        split_hash=split.hash,
        problems=tuple(problem.id for problem in problems),
        models=models,
        samples=wishes.attempts,
        temperature=temperature,
        max_tokens=family.max_tokens,
        seed=wishes.seed,
        prompt=wishes.prompt or family.prompt,
        parser=family.parser,
        setting=wishes.setting,
        max_turns=wishes.max_turns or DEFAULT_TURNS[wishes.setting],
        feedback=wishes.feedback,
        controller=wishes.controller,
        fitted=blake2b(written_state(controller).encode(), digest_size=8).hexdigest(),
        budget=wishes.budget,
    )


def written_state(controller: Controller) -> str:
    """The controller's state as JSON.

    Raises:
        ControllerError: one of the user's own has none.
    """
    with guarded(controller):
        return json.dumps(dict(controller.state()), sort_keys=True, allow_nan=False)


def teach(
    controller: Controller, wishes: Wishes, temperature: float, models: tuple[ModelChoice, ...], problem_set: str
) -> None:
    """Fits the controller on the outcome table of the dev split, where there is one.

    Raises:
        CliError: it cannot choose without such a table, and there is none; or ``--fit`` names one that does not fit.
    """
    table, missing = _dev_table(wishes, temperature, models, problem_set)
    if table is not None:
        with guarded(controller):
            controller.fit(bench(table).log)
        return
    try:
        with guarded(controller):
            controller.select(Context("p"), (), Budget(wishes.attempts))
    except ControllerError:
        raise CliError(
            f"controller {wishes.controller} learns from a dev table, and {missing}; uniform and two-ends need none"
        ) from None


def _dev_table(
    wishes: Wishes, temperature: float, models: tuple[ModelChoice, ...], problem_set: str
) -> tuple[OutcomeTable | None, str]:
    """The table, or None and what there is instead."""
    family = wishes.family
    weights_ids = {model.name: model.weights_id for model in models if model.weights_id is not None}
    if len(weights_ids) < len(models):
        if wishes.fit is not None:
            raise CliError("--fit takes a table bound to weights ids: it cannot be used with --unverified-weights")
        return None, "none can be used with --unverified-weights"
    try:
        dev = load_split(problem_set, "dev", recorded=True)
    except ProblemError as error:
        if wishes.fit is not None:
            raise
        return None, str(error)
    try:
        if wishes.fit is not None:
            return load_outcomes(wishes.fit, Expected(family.name, dev.hash, temperature, weights_ids)), ""
        table = shipped_table(table_config(family, models, dev, temperature, SHIPPED_SAMPLES, seed=0))
    except OutcomeTableError as error:
        if wishes.fit is not None:
            raise CliError(f"--fit: {error}; {_remedy(wishes, temperature)}") from error
        return None, f"the shipped one does not serve ({error}): {_remedy(wishes, temperature)}"
    return table, f"none ships for {family.name} at temperature {temperature:g}: {_remedy(wishes, temperature)}"


def _remedy(wishes: Wishes, temperature: float) -> str:
    alphas = "" if wishes.alphas == DEFAULT_ALPHAS else f" --alphas={wishes.alphas}"
    return (
        f"make one with alphadial frontier {wishes.family.path} --split dev --samples 16 "
        f"--temperature {temperature:g}{alphas} --out DIR, and pass --fit DIR/outcomes.json"
    )
