"""A whole run under a controller, from what was asked for to its results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from alphadial.agents.errors import OptionError
from alphadial.agents.experiments.fit_rates import FIT_FILE, fit_rates
from alphadial.agents.runs.allocating import choose_allocation
from alphadial.agents.runs.arms import NAMELESS, complete_arms, over_arms
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.controlled import run_controlled
from alphadial.agents.runs.fit_tables import TableReading
from alphadial.agents.runs.options import AttemptOptions, Notify, run_config
from alphadial.agents.runs.run_folder import RUN_FILE
from alphadial.agents.runs.run_summary import summarise
from alphadial.agents.runs.session import (
    OnProgress,
    OnSession,
    RuntimeConfig,
    Session,
    default_folder,
    open_judge,
    open_session,
    refuse_unserved,
    silent,
)
from alphadial.agents.runs.teaching import teach
from alphadial.agents.runs.until_solved import attempt_until_solved
from alphadial.agents.types import DEFAULT_AGENT
from alphadial.controller import guarded, make_controller, save_state
from alphadial.controller.types import Arm, Controller
from alphadial.envs.problems import Split
from alphadial.envs.types import Setting
from alphadial.merge_engine import Family

ONE_MODEL = "fixed"
"""What a run of one model without an alpha, and without arms, has for a controller."""
STATE_FILE = "controller.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(AttemptOptions):
    """What a run under a controller can be asked for."""

    attempts: int = 5
    """Attempts per problem, at most."""
    controller: str = "posterior"
    """Name of the controller, or ``package.module:Class`` of one of the user's own."""
    budget: int | None = None
    """Attempts over all problems, shared out as it pays on dev (see ``allocating``); None means no such limit."""
    fit: Sequence[Path] = ()
    """Outcome tables to learn from, see ``teaching``; () means those of the dev split that come with alphadial."""
    reading: TableReading = TableReading()  # noqa: RUF009 - frozen
    """How foreign tables in ``fit`` are read."""
    arms: Sequence[Arm] = ()
    """What the controller chooses from, in place of ``alphas``. An arm without a model has ``family`` or ``model``."""
    families: Sequence[Family] = ()
    """Those whose names arms have for a model; every other model of an arm is one of a server's."""

    def check(self) -> None:
        """Refuses options that do not go together.

        Raises:
            OptionError: as ``AttemptOptions``; or arms that nobody says the problems or the models of.
        """
        if not self.arms or self.family is not None or self.model is not None:
            super(RunOptions, self).check()
        elif nameless := [arm for arm in self.arms if not arm.model]:
            raise OptionError(f"arm {nameless[0]}: {NAMELESS}")
        elif self.problem_set is None and len({family.problem_set for family in self.families}) != 1:
            raise OptionError("arms of several families or of models: say with --problem-set what they are to attempt")

    def checked_turns(self) -> int:
        """How many answers an attempt may give; arms say for themselves which of them give several.

        Raises:
            OptionError: as ``AttemptOptions``.
        """
        return self.turns_of(self.setting) if self.arms else super(RunOptions, self).checked_turns()

    @property
    def all_families(self) -> tuple[Family, ...]:
        """Every family whose models may be asked, each once."""
        named = [*([self.family] if self.family is not None else []), *self.families]
        return tuple({family.name: family for family in named}.values())

    def own_family(self) -> Family:
        """The family whose problems are attempted, where none are named.

        Raises:
            OptionError: there is none.
        """
        return self.all_families[0] if self.arms and self.all_families else super(RunOptions, self).own_family()


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
    split = options.load_split()
    config = _configure(options, split, runtime)
    if options.prices is not None:
        options.prices.check(choice.model for choice in config.choices)
    controller, learnt = _make_controller(options, config), None
    if controller is not None:
        chosen = split.problems if options.problems is None else split.select(options.problems)
        families = options.all_families
        learnt = teach(controller, config, options, families, chosen, options.fit, notify, options.reading)
        allocation = choose_allocation(config, learnt, len(chosen), notify)
        config = replace(config, fitted=_digest(controller), allocation=allocation)
    refuse_unserved(config.choices, runtime)
    with open_judge(runtime, split.problems) as judge:
        problems = options.prepare(split, judge, notify)
        config = replace(config, problems=tuple(problem.id for problem in problems))
        folder = out or default_folder(config)
        with open_session(config, options.all_families, problems, folder, runtime, judge, notify) as session:
            if learnt is not None:
                session.folder.write(FIT_FILE, fit_rates(learnt).to_json())
            _make_attempts(session, controller, on_session(session))
            summary = summarise(config, problems, session.folder.store.attempts())
            session.folder.write(RUN_FILE, json.dumps(summary, indent=1, allow_nan=False) + "\n")
            if controller is not None:
                with guarded(controller):
                    save_state(controller, folder / STATE_FILE)
    return FinishedRun(summary, folder)


def _configure(options: RunOptions, split: Split, runtime: RuntimeConfig) -> RunConfig:
    """The configuration of the run, without what the controller is to know."""
    verified = not runtime.unverified_weights
    controller = options.controller if options.model is None or options.arms else ONE_MODEL
    config = run_config(
        options,
        "run",
        split,
        () if options.arms else options.models(),
        options.attempts,
        verified=verified,
        controller=controller,
        budget=options.budget,
    )
    if options.arms:
        families = options.all_families
        names = [family.name for family in families if verified or family.name in runtime.in_process]
        config = over_arms(config, complete_arms(options, options.arms, families, names))
    if config.agent != DEFAULT_AGENT and Setting.AGENTIC not in config.settings:
        raise OptionError(f"--agent {config.agent} works in the setting agentic alone: add --setting agentic")
    return config


def _make_controller(options: RunOptions, config: RunConfig) -> Controller | None:
    """The controller that chooses among the arms; None where there is one model without an alpha, and no arms."""
    if config.controller == ONE_MODEL and config.arms is None and options.model is not None:
        return None
    arms = [choice.arm for choice in config.choices]
    return make_controller(options.controller, arms, seed=options.seed, horizon=options.attempts)


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
