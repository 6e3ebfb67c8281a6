"""What any controller must show. ``check(make)`` runs all of it, over a controller of your own too.

Each behaviour takes ``make``: a seed in, a controller that has learnt nothing out. It raises AssertionError.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from alphadial.controller.errors import ControllerError, StateError
from alphadial.controller.types import (
    Arm,
    Budget,
    Context,
    Controller,
    Decision,
    Outcome,
    OutcomeKind,
    OutcomeLog,
    Trial,
    as_arms,
)

Make = Callable[[int], Controller]

_FAILURES = (Outcome(OutcomeKind.CORRECTNESS, "WA"), Outcome(OutcomeKind.OPTIMISATION, "TLE"))
_NAMES = tuple(f"problem-{number}" for number in range(12))
_DRAWS = 4000


def example_log(arms: Sequence[Arm | float], problems: int = 30, samples: int = 8, seed: int = 0) -> OutcomeLog:
    """A seeded log in which the first arms fail by optimisation, the last by correctness; a few are unmeasurable."""
    generator = np.random.default_rng(seed)
    places = np.linspace(0, 1, len(arms))
    suits = generator.uniform(0, 1, size=(problems, 1))
    solves = np.exp(-8 * (places - suits) ** 2)
    slow = (1 - solves) * (places < suits)
    draws = generator.uniform(size=(problems, len(arms), samples))
    kinds = np.where(draws < solves[..., None], OutcomeKind.SOLVED, OutcomeKind.CORRECTNESS)
    kinds = np.where(
        (draws >= solves[..., None]) & (draws < (solves + slow)[..., None]), OutcomeKind.OPTIMISATION, kinds
    )
    kinds = np.where(generator.uniform(size=kinds.shape) < 0.02, OutcomeKind.UNMEASURABLE, kinds)
    return OutcomeLog(as_arms(arms), kinds.astype(np.uint8))


def decides_by_seed(make: Make) -> None:
    """The same seed, problem and history give the same decision, whatever was asked in between and in which order."""
    first, second = _fitted(make, 7), _fitted(make, 7)
    asked = [(name, _history(first, length)) for name in _NAMES for length in (0, 1, 2, 5)]
    forward = [_select(first, name, history) for name, history in asked]
    backward = [_select(second, name, history) for name, history in reversed(asked)]
    assert forward == backward[::-1], "decisions depend on the order in which problems are asked about"
    assert forward == [_select(first, name, history) for name, history in asked], "select changes the controller"


def decides_on_its_arms(make: Make) -> None:
    """Arms are the controller's, ids are PROBLEM#N, propensities and estimates are probabilities."""
    controller = _fitted(make, 0)
    assert list(controller.arms) == sorted(set(controller.arms)), "arms are not ascending"
    for name in _NAMES:
        for length in range(2 * len(controller.arms) + 2):
            decision = _select(controller, name, _history(controller, length))
            assert decision.id == f"{name}#{length}", f"decision id {decision.id}, not {name}#{length}"
            assert decision.arm in controller.arms, f"arm {decision.arm} is none of its own"
            assert 0 < decision.propensity <= 1, f"propensity {decision.propensity}"
            assert decision.success_prob is None or 0 <= decision.success_prob <= 1, (
                f"success_prob {decision.success_prob}"
            )
            assert decision.context == Context(name), "a decision carries the context that it was asked with"
            assert decision.reason, "no reason given"
            assert "\n" not in decision.reason, "a reason is one line"


def decides_several_at_once(make: Make) -> None:
    """``n`` attempts have consecutive ids; the first is the one that n = 1 gives; the budget bounds ``n``."""
    controller = _fitted(make, 3)
    history = _history(controller, 2)
    several = controller.select(Context("batch"), history, Budget(4), 4)
    assert [decision.id for decision in several] == [f"batch#{number}" for number in range(2, 6)]
    assert several[0] == _select(controller, "batch", history), "the first of a batch is not the single decision"
    for budget, n in ((Budget(3), 4), (Budget(9, total=3), 4), (Budget(3), 0)):
        _refused(lambda b=budget, n=n: controller.select(Context("batch"), history, b, n), f"{n} attempts of {budget}")  # type: ignore[misc]


def takes_any_history(make: Make) -> None:
    """Histories may be long, hold unmeasurable attempts, and be of any sequence type."""
    controller = _fitted(make, 5)
    lost = [Trial(controller.arms[0], Outcome(OutcomeKind.UNMEASURABLE))] * 3
    assert _select(controller, "lost", lost).id == "lost#3"
    long = _history(controller, 300)
    assert _select(controller, "long", long) == _select(controller, "long", tuple(long))


def propensities_match_frequencies(make: Make) -> None:
    """Each arm comes as often as its propensity says, over many problems, within 5 standard errors."""
    controller = _fitted(make, 11)
    for length in (0, 1, 3):
        history = _history(controller, length)
        decisions = [_select(controller, f"draw-{number}", history) for number in range(_DRAWS)]
        told: dict[Arm, set[float]] = {}
        for decision in decisions:
            told.setdefault(decision.arm, set()).add(round(decision.propensity, 9))
        seen = Counter(decision.arm for decision in decisions)
        for arm, propensities in told.items():
            assert len(propensities) == 1, f"arm {arm} has propensities {sorted(propensities)} in one situation"
            chance = propensities.pop()
            error = 5 * np.sqrt(chance * (1 - chance) / _DRAWS) + 1e-9
            assert abs(seen[arm] / _DRAWS - chance) <= error, f"arm {arm}: {seen[arm]} of {_DRAWS} at {chance}"


def seeds_draw_independently(make: Make) -> None:
    """A controller that draws does so differently under different seeds."""
    ones = [_select(_fitted(make, seed), "seeded", []) for seed in range(40)]
    if max(decision.propensity for decision in ones) < 0.9:
        assert len({decision.arm for decision in ones}) > 1, "40 seeds draw the same arm"


def learns_each_decision_once(make: Make) -> None:
    """A repeated update changes nothing."""
    once, twice = _fitted(make, 2), _fitted(make, 2)
    for number, name in enumerate(_NAMES):
        decision = _select(once, name, [])
        outcome = Outcome(OutcomeKind.SOLVED, "AC") if number % 3 == 0 else _FAILURES[number % 2]
        once.update(decision, outcome)
        twice.update(decision, outcome)
        twice.update(decision, outcome)
    assert _text(once) == _text(twice), "an update that came twice counted twice"


def says_whether_it_needs_fit(make: Make) -> None:
    """``needs_fit`` is true where ``select`` refuses before ``fit``, and never after it."""
    controller = make(6)
    needs = controller.needs_fit
    try:
        _select(controller, "early", [])
    except ControllerError:
        assert needs, "select refuses before fit, and needs_fit does not say so"
    else:
        assert not needs, "needs_fit, and select works without"
    assert not _fitted(make, 6).needs_fit, "it needs fit after fit"


def fit_replaces(make: Make) -> None:
    """Fitting twice is fitting once, to the last log."""
    controller, fresh = make(4), make(4)
    controller.fit(example_log(controller.arms, seed=1))
    controller.fit(example_log(controller.arms, seed=2))
    fresh.fit(example_log(fresh.arms, seed=2))
    assert _text(controller) == _text(fresh), "an earlier fit shows"


def refuses_unfit_logs(make: Make) -> None:
    """``fit`` takes no empty log, and none that lacks one of its arms; it takes one that holds more."""
    controller = make(0)
    arms = controller.arms
    _refused(lambda: controller.fit(OutcomeLog(arms, np.zeros((0, len(arms), 4), np.uint8))), "an empty log")
    _refused(lambda: controller.fit(example_log(arms).of_arms(arms[1:])), "a log without one of the arms")
    controller.fit(example_log((*arms, Arm("another", 1.0))))
    _select(controller, "more", [])


def survives_a_round_trip(make: Make) -> None:
    """State goes through JSON and back: the same state, the same decisions, also after updates."""
    controller = _fitted(make, 13)
    for name in _NAMES:
        controller.update(_select(controller, name, []), _FAILURES[len(name) % 2])
    again = type(controller).from_state(json.loads(_text(controller)))
    assert _text(again) == _text(controller), "the state changed on its way"
    for length in (0, 1, 4):
        history = _history(controller, length)
        assert _select(again, "trip", history) == _select(controller, "trip", history), "a decision changed"
    again.update(_select(again, "trip", []), _FAILURES[0])
    controller.update(_select(controller, "trip", []), _FAILURES[0])
    assert _text(again) == _text(controller), "an update after loading differs"


def refuses_corrupted_states(make: Make) -> None:
    """A state without one of its fields, with one of another type, or with one more, is refused by the field's name."""
    controller = _fitted(make, 0)
    state = json.loads(_text(controller))
    broken = {name: {key: value for key, value in state.items() if key != name} for name in state}
    broken |= {f"{name} ": {**state, name: {"no": object}} for name in state} | {"extra": {**state, "extra": 1}}
    for label, faulty in broken.items():
        message = "nothing: it was taken"
        try:
            type(controller).from_state(faulty)
        except StateError as error:
            message = str(error)
        assert repr(label.strip()) in message, f"a state with a fault in {label.strip()!r}; refused with {message}"


BEHAVIOURS: tuple[Callable[[Make], None], ...] = (
    decides_by_seed,
    decides_on_its_arms,
    decides_several_at_once,
    takes_any_history,
    propensities_match_frequencies,
    seeds_draw_independently,
    learns_each_decision_once,
    says_whether_it_needs_fit,
    fit_replaces,
    refuses_unfit_logs,
    survives_a_round_trip,
    refuses_corrupted_states,
)


def check(make: Make) -> None:
    """Runs every behaviour.

    Raises:
        AssertionError: the first that does not hold, and how.
    """
    for behaviour in BEHAVIOURS:
        behaviour(make)


def _fitted(make: Make, seed: int) -> Controller:
    controller = make(seed)
    controller.fit(example_log(controller.arms))
    return controller


def _history(controller: Controller, length: int) -> list[Trial]:
    """Failures of both kinds, walking the arms."""
    arms = controller.arms
    return [Trial(arms[(3 * step + 1) % len(arms)], _FAILURES[step % 2]) for step in range(length)]


def _select(controller: Controller, name: str, history: Sequence[Trial]) -> Decision:
    (decision,) = controller.select(Context(name), history, Budget(10))
    return decision


def _text(controller: Controller) -> str:
    return json.dumps(controller.state(), sort_keys=True, allow_nan=False)


def _refused(act: Callable[[], object], what: str) -> None:
    try:
        act()
    except ControllerError:
        return
    raise AssertionError(f"{what} was not refused")
