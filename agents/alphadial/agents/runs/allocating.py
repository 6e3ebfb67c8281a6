"""How a run shares out its budget among its problems: by index where that solved more of dev, in rounds otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alphadial.agents.experiments.compare.datasets import Notify, ReplayDataset
from alphadial.agents.experiments.metrics import ClusterBootstrap, Floats
from alphadial.agents.runs.config import RunConfig
from alphadial.controller import (
    Allocation,
    Budget,
    Controller,
    guarded,
    make_controller,
    replay_budget,
    sample_orders,
)

_FOLDS = 5
_ORDERS = 10
_STOPS = (0.01, 0.02, 0.05, 0.1)
"""Chances below which a problem may be given up."""
_ROUNDS, _BY_INDEX = Allocation(), Allocation(by_index=True)


def choose_allocation(
    config: RunConfig, learnt: ReplayDataset | None, problems: int, notify: Notify = lambda text: None
) -> Allocation:
    """Replays both ways on what the controller learns from, and takes the one that solves more there.

    The controller learns from four fifths of the templates and is tried on the last one, with as many attempts per
    problem as the run has. Where going by index pays, a problem is given up below the greatest of a few chances that
    costs no solved problem there.

    Args:
        config: of the run, with its controller and budget.
        learnt: what the controller learns from; None: nothing.
        problems: how many the run attempts.
        notify: told in one line what was chosen and why.

    Raises:
        ControllerError: the controller fails.
    """
    if config.budget is None or config.budget >= problems * config.samples or learnt is None:
        return _ROUNDS
    if len(set(learnt.templates)) < _FOLDS:
        notify("--budget goes in rounds: too few templates on dev to tell what else would pay")
        return _ROUNDS
    each = config.budget / problems
    if not _estimates(config, learnt):
        notify(f"--budget goes in rounds: controller {config.controller} estimates no chances")
        return _ROUNDS
    solved = {way: _solved(config, learnt, each, way) for way in (_ROUNDS, _BY_INDEX)}
    gain = ClusterBootstrap(learnt.templates, seed=config.seed).difference(solved[_BY_INDEX], solved[_ROUNDS])
    said = f"solves {100 * gain.value:+.1f} [{100 * gain.low:.1f}, {100 * gain.high:.1f}] points of dev against rounds"
    if gain.value <= 0:
        notify(f"--budget goes in rounds: to the problem with the best chance first it {said}")
        return _ROUNDS
    chosen = _BY_INDEX
    for stop in _STOPS:
        way = Allocation(by_index=True, stop=stop)
        if _solved(config, learnt, each, way).mean() < solved[_BY_INDEX].mean():
            break
        chosen = way
    given_up = f", and given up below {chosen.stop:g}" if chosen.stop else ""
    notify(f"--budget goes to the problem with the best chance first{given_up}: that {said}")
    return chosen


def _solved(config: RunConfig, learnt: ReplayDataset, each: float, allocation: Allocation) -> Floats:
    """Per problem of dev (P,), in which share of the orders it is solved, with ``each`` attempts per problem."""
    places = {template: place for place, template in enumerate(dict.fromkeys(learnt.templates))}
    folds = np.array([places[template] % _FOLDS for template in learnt.templates])
    orders = sample_orders(learnt.log.kinds.shape, _ORDERS, config.seed)
    attempts = min(config.samples, learnt.log.kinds.shape[2])
    solved = np.zeros(len(folds))
    for fold in range(_FOLDS):
        inside = np.flatnonzero(folds == fold)
        controller = _taught(config, learnt, np.flatnonzero(folds != fold).tolist())
        with guarded(controller):
            played = replay_budget(
                controller,
                learnt.part(inside.tolist()).log,
                orders=orders[:, inside],
                attempts=attempts,
                total=max(1, round(each * len(inside))),
                allocation=allocation,
            )
        solved[inside] = played.solved.mean(axis=0)
    return solved


def _taught(config: RunConfig, learnt: ReplayDataset, rows: Sequence[int]) -> Controller:
    """A controller as the run has it, which has learnt from some of the problems."""
    arms = [choice.arm for choice in config.choices]
    controller = make_controller(str(config.controller), arms, seed=config.seed, horizon=config.samples)
    with guarded(controller):
        controller.fit(learnt.log.of_problems(rows))
    return controller


def _estimates(config: RunConfig, learnt: ReplayDataset) -> bool:
    """Whether the controller says what chance an attempt has."""
    controller = _taught(config, learnt, range(len(learnt.templates)))
    with guarded(controller):
        (decision,) = controller.select(learnt.log.contexts[0], (), Budget(1))
    return decision.success_prob is not None
