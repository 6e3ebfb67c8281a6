"""A whole run under a controller, from what was asked for to its results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from alphadial.agents.errors import OptionError
from alphadial.agents.runs.config import ModelChoice
from alphadial.agents.runs.controlled import run_controlled
from alphadial.agents.runs.options import AttemptOptions, Notify, run_config
from alphadial.agents.runs.run_summary import summarise
from alphadial.agents.runs.session import (
    OnProgress,
    OnSession,
    RuntimeConfig,
    Session,
    default_folder,
    open_judge,
    open_session,
    present_models,
    silent,
)
from alphadial.agents.runs.teaching import teach
from alphadial.agents.runs.until_solved import attempt_until_solved
from alphadial.controller import guarded, make_controller, save_state
from alphadial.controller.types import Controller

ONE_MODEL = "fixed"
"""What a run of one model without an alpha has for a controller."""
RUN_FILE = "run.json"
STATE_FILE = "controller.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(AttemptOptions):
    """What a run under a controller can be asked for."""

    attempts: int = 5
    """Attempts per problem, at most."""
    controller: str = "posterior"
    """Name of the controller, or ``package.module:Class`` of one of the user's own."""
    budget: int | None = None
    """Attempts over all problems; None means no such limit."""
    fit: Path | None = None
    """An outcome table to learn from; None means the one of the dev split that comes with alphadial."""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What a run under a controller came to."""

    summary: dict[str, Any]
    """The values that ``run_summary.summarise`` gives; also in the folder, as run.json."""
    folder: Path


def attempt_problems(
    options: RunOptions,
    out: Path | None = None,
    runtime: RuntimeConfig = RuntimeConfig(),  # noqa: B008 - frozen
    on_session: OnSession = silent,
    notify: Notify = lambda text: None,
) -> FinishedRun:
    """Attempts every problem until it is solved or its attempts are spent; a controller chooses alpha each time.

    May be interrupted anywhere: the same options find the same folder, and the run goes on from what it holds.

    Args:
        options: what is attempted, and how.
        out: the run folder; None means the one of these options in ``runs/``.
        runtime: where it is made.
        on_session: told when the run begins.
        notify: told remarks, such as which problems are left out.

    Raises:
        OptionError: an option that cannot be used.
        ControllerError, AgentsError, EnvsError, MergeEngineError: as making the attempts does.
    """
    options.check()
    runtime.check()
    if options.model is not None and runtime.server is None:
        raise OptionError(f"--model {options.model} is a model of a server: name it with --server URL")
    split = options.load_split()
    models = options.models()
    controller = _make_controller(options, models)
    config = run_config(
        options,
        "run",
        split,
        models,
        options.attempts,
        verified=not runtime.unverified_weights,
        controller=ONE_MODEL if controller is None else options.controller,
        budget=options.budget,
    )
    if controller is not None:
        teach(controller, config, options, options.fit)
        config = replace(config, fitted=_digest(controller))
    present_models(models, runtime, notify)
    with open_judge(runtime, split.problems) as judge:
        problems = options.prepare(split, judge, notify)
        config = replace(config, problems=tuple(problem.id for problem in problems))
        folder = out or default_folder(config)
        with open_session(config, options.family, problems, folder, runtime, judge) as session:
            _make_attempts(session, controller, on_session(session))
            summary = summarise(config, problems, session.folder.store.attempts())
            session.folder.write(RUN_FILE, json.dumps(summary, indent=1, allow_nan=False) + "\n")
            if controller is not None:
                with guarded(controller):
                    save_state(controller, folder / STATE_FILE)
    return FinishedRun(summary, folder)


def _make_controller(options: RunOptions, models: Sequence[ModelChoice]) -> Controller | None:
    """The controller that chooses among the models; None where there is one without an alpha."""
    if options.model is not None:
        return None
    alphas = [model.alpha for model in models if model.alpha is not None]
    return make_controller(options.controller, alphas, seed=options.seed, horizon=options.attempts)


def _make_attempts(session: Session, controller: Controller | None, on_progress: OnProgress) -> None:
    config, problems, store = session.config, session.problems, session.folder.store
    if controller is None:
        attempt_until_solved(config, problems, session.deps, store, on_progress)
    else:
        run_controlled(config, problems, controller, session.deps, store, on_progress)


def _digest(controller: Controller) -> str:
    """A hash of what a controller knows.

    Raises:
        ControllerError: one of the user's own has no state.
    """
    with guarded(controller):
        state = json.dumps(dict(controller.state()), sort_keys=True, allow_nan=False)
    return blake2b(state.encode(), digest_size=8).hexdigest()
