from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from alphadial.controller import (
    Arm,
    BaseController,
    Budget,
    Choice,
    Context,
    Controller,
    ControllerError,
    Decision,
    Outcome,
    OutcomeLog,
    Situation,
    Trial,
    controller_names,
    make_controller,
)
from alphadial.controller import conformance as suite
from alphadial.controller.posterior import Posterior
from alphadial.controller.seen import SeenDecisions
from alphadial.controller.thompson import Thompson
from alphadial.controller.uniform import Uniform

GRID = (-0.5, 0, 0.25, 0.5, 1, 1.5)


@pytest.mark.parametrize("behaviour", suite.BEHAVIOURS, ids=lambda behaviour: str(behaviour.__name__))
@pytest.mark.parametrize("name", controller_names())
def test_every_controller_shows_every_behaviour(name: str, behaviour: Callable[[suite.Make], None]) -> None:
    behaviour(lambda seed: make_controller(name, GRID, seed=seed))


@pytest.mark.parametrize("grid", [(0.5,), (0, 1)])
@pytest.mark.parametrize("name", controller_names())
def test_small_grids(name: str, grid: tuple[float, ...]) -> None:
    suite.decides_on_its_arms(lambda seed: make_controller(name, grid, seed=seed))


@pytest.mark.parametrize("options", [{"verdicts": False}, {"correlated": 0, "independent": 0}, {"smoothing": 0.1}])
def test_options_of_the_posterior(options: dict[str, Any]) -> None:
    suite.check(lambda seed: make_controller("posterior", GRID, seed=seed, **options))


@pytest.mark.parametrize(("name", "options"), [("fixed", {"arm": 1}), ("rule", {"start": 0.5, "step": 2})])
def test_given_options_need_no_log(name: str, options: dict[str, Any]) -> None:
    suite.check(lambda seed: make_controller(name, GRID, seed=seed, **options))
    controller = make_controller(name, GRID, **options)
    (decision,) = controller.select(Context("p"), [], Budget(1))
    assert decision.arm.alpha == next(iter(options.values()))


class TheirOwn(BaseController):
    """The least a user writes."""

    name = "their-own"

    def _choose(self, situation: Situation) -> Choice:
        return Choice(len(situation.history) % len(self.arms), "one after the other")


def test_a_controller_of_a_users_own() -> None:
    suite.check(lambda seed: TheirOwn(GRID, seed=seed))


class Impure(TheirOwn):
    def _choose(self, situation: Situation) -> Choice:
        self.asked = getattr(self, "asked", 0) + 1
        return Choice(self.asked % len(self.arms), "counts calls")


class OffItsArms(TheirOwn):
    def select(self, context: Context, history: Sequence[Trial], budget: Budget, n: int = 1) -> tuple[Decision, ...]:
        return tuple(
            dataclasses.replace(made, arm=Arm(alpha=0.3)) for made in super().select(context, history, budget, n)
        )


class Overspending(TheirOwn):
    def select(self, context: Context, history: Sequence[Trial], budget: Budget, n: int = 1) -> tuple[Decision, ...]:
        return super().select(context, history, Budget(99), max(n, 1))


class WrongPropensity(Uniform):
    def _choose(self, situation: Situation) -> Choice:
        return dataclasses.replace(super()._choose(situation), propensity=0.5)


class SameUnderAllSeeds(Uniform):
    def draw(self, decision_id: str) -> float:
        return random.Random(decision_id).random()


class Forgetful(Thompson):
    def _memory(self) -> dict[str, Any]:
        return {**super()._memory(), "tally": [[0] * len(self.arms)] * 2}


class CountsTwice(Thompson):
    def update(self, decision: Decision, outcome: Outcome) -> None:
        self._seen = SeenDecisions()
        super().update(decision, outcome)


class Gullible(Thompson):
    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Gullible:
        return super().from_state({"strength": 1.0, **state})


class Unlearning(TheirOwn):
    def _learn(self, log: OutcomeLog) -> None:
        self.fits = getattr(self, "fits", 0) + 1

    def _memory(self) -> dict[str, Any]:
        return {"fits": getattr(self, "fits", 0)}


class FitsAnything(TheirOwn):
    def fit(self, log: Any) -> None:
        return


class Unsaid(Posterior):
    @property
    def needs_fit(self) -> bool:
        return False

    def select(self, context: Context, history: Sequence[Trial], budget: Budget, n: int = 1) -> tuple[Decision, ...]:
        if super().needs_fit:
            raise ControllerError("call fit first")
        return super().select(context, history, budget, n)


@pytest.mark.parametrize(
    ("faulty", "behaviour"),
    [
        (Impure, suite.decides_by_seed),
        (OffItsArms, suite.decides_on_its_arms),
        (Overspending, suite.decides_several_at_once),
        (WrongPropensity, suite.propensities_match_frequencies),
        (SameUnderAllSeeds, suite.seeds_draw_independently),
        (CountsTwice, suite.learns_each_decision_once),
        (Forgetful, suite.survives_a_round_trip),
        (Gullible, suite.refuses_corrupted_states),
        (Unsaid, suite.says_whether_it_needs_fit),
        (Unlearning, suite.fit_replaces),
        (FitsAnything, suite.refuses_unfit_logs),
    ],
)
def test_the_suite_finds_faulty_controllers(
    faulty: type[BaseController], behaviour: Callable[[suite.Make], None]
) -> None:
    def make(seed: int) -> Controller:
        return faulty(GRID, seed=seed)

    with pytest.raises(AssertionError):
        behaviour(make)
