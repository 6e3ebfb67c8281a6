"""What a controller learns before a run: the outcomes of the dev split, where a table of them is at hand."""

from __future__ import annotations

from pathlib import Path

from alphadial.agents.errors import OptionError, OutcomeTableError
from alphadial.agents.experiments.compare.shipped_tables import (
    SHIPPED_SAMPLES,
    replay_dataset,
    shipped_table,
    table_config,
)
from alphadial.agents.experiments.outcomes import Expected, OutcomeTable, load_outcomes
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.options import DEFAULT_ALPHAS, AttemptOptions
from alphadial.controller import guarded
from alphadial.controller.types import Controller
from alphadial.envs.errors import ProblemError
from alphadial.merge_engine import Family

LEARNT_ON = "dev"


def teach(controller: Controller, config: RunConfig, options: AttemptOptions, fit: Path | None = None) -> None:
    """Fits a controller on the dev split's outcomes at the run's temperature.

    Args:
        controller: as new.
        config: the run that it is to choose for.
        options: what the run was asked for.
        fit: an outcome table of the dev split; None means the one that comes with alphadial, if any.

    Raises:
        OptionError: the controller cannot choose without such a table, and there is none; or ``fit`` does not fit.
        ProblemError: ``fit`` is given, and the problem set has no dev split.
    """
    table, missing = _dev_table(config, options, fit)
    if table is not None:
        with guarded(controller):
            controller.fit(replay_dataset(table).log)
        return
    with guarded(controller):
        needs_fit = controller.needs_fit
    if needs_fit:
        raise OptionError(
            f"controller {config.controller} learns from a dev table, and {missing}; uniform and two-ends need none"
        )


def _dev_table(config: RunConfig, options: AttemptOptions, fit: Path | None) -> tuple[OutcomeTable | None, str]:
    """The table, or None and what there is instead."""
    if config.weights is None:
        if fit is not None:
            raise OptionError("--fit takes a table bound to its weights: it cannot be used with --unverified-weights")
        return None, "none can be used with --unverified-weights"
    try:
        dev = options.load_other_split(LEARNT_ON if fit is None else _split_of(fit))
    except ProblemError as error:
        if fit is not None:
            raise
        return None, str(error)
    family, temperature, remedy = options.own_family(), config.temperature, _remedy(config, options.own_family())
    try:
        if fit is not None:
            names = [model.name for model in config.models]
            return load_outcomes(fit, Expected(family.name, dev.hash, temperature, config.weights, names)), ""
        table = shipped_table(table_config(family, config.models, dev, temperature, SHIPPED_SAMPLES, seed=0))
    except OutcomeTableError as error:
        if fit is not None:
            raise OptionError(f"--fit: {error}; {remedy}") from error
        return None, f"the shipped one does not serve ({error}): {remedy}"
    return table, f"none ships for {family.name} at temperature {temperature:g}: {remedy}"


def _split_of(fit: Path) -> str:
    """The split that a table is of: dev, or a share called so."""
    split = load_outcomes(fit).split
    if split.partition(":")[0] != LEARNT_ON:
        raise OptionError(f"--fit {fit}: its split is {split}, and controllers learn on {LEARNT_ON}: make one of it")
    return split


def _remedy(config: RunConfig, family: Family) -> str:
    """The commands that make a table which fits the run."""
    alphas = [model.alpha for model in config.models if model.alpha is not None]
    spelled = "" if tuple(alphas) == DEFAULT_ALPHAS else f" --alphas={','.join(f'{alpha:g}' for alpha in alphas)}"
    return (
        f"make one with alphadial frontier {family.path} --split {LEARNT_ON} --samples 16 "
        f"--temperature {config.temperature:g}{spelled} --out DIR, and pass --fit DIR/outcomes.json"
    )
