"""From the arguments of ``alphadial run`` to a run under a controller, and to its results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from alphadial.agents.compare.tables import SHIPPED_SAMPLES, bench, shipped_table, table_config
from alphadial.agents.config import ModelChoice, Planner, RunConfig
from alphadial.agents.controlled import run_controlled
from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.outcomes import Expected, OutcomeTable, load_outcomes
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.run_summary import summarise
from alphadial.cli.errors import CliError
from alphadial.cli.extras import need
from alphadial.cli.options import parse_alphas, split_list
from alphadial.cli.output import STDOUT, print_line, results, write_json
from alphadial.cli.sampling import default_folder
from alphadial.cli.session import Machine, session
from alphadial.cli.summary import run_table
from alphadial.controller import make_controller
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
    split = load_split(wishes.problem_set or family.problem_set, wishes.split)
    problems = (
        split.select(split_list(wishes.problems, "--problems")) if wishes.problems is not None else split.problems
    )
    dials = parse_alphas(wishes.alphas, family)
    controller = make_controller(wishes.controller, dials, seed=wishes.seed, horizon=wishes.attempts)
    models = choose_models(family, dials, unverified_weights=not machine.verified)
    teach(controller, wishes, models, split.problem_set)
    config = configure(wishes, split, problems, models, controller)
    folder = out or default_folder(config)
    model = next(iter(models))
    first = Planner(config).attempt(problems[0], model, 0)
    with session(config, family, problems, folder, machine, first) as opened:
        with opened.progress as progress:
            run_controlled(
                config,
                problems,
                controller=controller,
                make=opened.make,
                store=opened.folder.store,
                on_progress=progress.update,
            )
        summary = summarise(config, problems, opened.folder.store.attempts())
        opened.folder.write("run.json", json.dumps(summary, indent=1, allow_nan=False) + "\n")
        opened.folder.write("controller.json", json.dumps(dict(controller.state()), allow_nan=False) + "\n")
    if json_to is not None:
        write_json(json_to, summary)
    if json_to != STDOUT:
        results().print(run_table(summary))
        print_line(f"run folder: {folder}")
        print_line(f"look closer: alphadial report {folder}")


def configure(
    wishes: Wishes,
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
        temperature=_temperature(wishes),
        max_tokens=family.max_tokens,
        seed=wishes.seed,
        prompt=wishes.prompt or family.prompt,
        parser=family.parser,
        setting=wishes.setting,
        max_turns=wishes.max_turns or DEFAULT_TURNS[wishes.setting],
        feedback=wishes.feedback,
        controller=wishes.controller,
        fitted=blake2b(json.dumps(dict(controller.state()), sort_keys=True).encode(), digest_size=8).hexdigest(),
        budget=wishes.budget,
    )


def teach(controller: Controller, wishes: Wishes, models: tuple[ModelChoice, ...], problem_set: str) -> None:
    """Fits the controller on the outcome table of the dev split, where there is one.

    Raises:
        CliError: it cannot choose without such a table, and there is none.
        OutcomeTableError: ``--fit`` names one that does not fit.
    """
    table, missing = _dev_table(wishes, models, problem_set)
    if table is not None:
        controller.fit(bench(table).log)
        return
    try:
        controller.select(Context("p"), (), Budget(wishes.attempts))
    except ControllerError:
        raise CliError(
            f"controller {wishes.controller} learns from a dev table, and there is none: {missing}. Make one with "
            f"alphadial frontier {wishes.family.path} --split dev --samples 16 --temperature {_temperature(wishes):g} "
            "--out DIR, and pass --fit DIR/outcomes.json; uniform and two-ends need none"
        ) from None


def _dev_table(wishes: Wishes, models: tuple[ModelChoice, ...], problem_set: str) -> tuple[OutcomeTable | None, str]:
    """The table, or None and why there is none."""
    family, temperature = wishes.family, _temperature(wishes)
    try:
        dev = load_split(problem_set, "dev")
    except ProblemError as error:
        if wishes.fit is not None:
            raise
        return None, str(error)
    if wishes.fit is not None:
        weights_ids = {model.name: model.weights_id or "" for model in models}
        return load_outcomes(wishes.fit, Expected(family.name, dev.hash, temperature, weights_ids)), ""
    try:
        table = shipped_table(table_config(family, models, dev, temperature, SHIPPED_SAMPLES, seed=0))
    except OutcomeTableError as error:
        return None, str(error)
    return table, f"none ships for {family.name} at temperature {temperature:g}"


def _temperature(wishes: Wishes) -> float:
    return wishes.family.temperature if wishes.temperature is None else wishes.temperature
