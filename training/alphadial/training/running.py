"""Programs of the corpus run in this process, under the step budget: they are ours, whatever faults they carry."""

from __future__ import annotations

import random
from typing import Any

from alphadial.envs.problems.tiny.build import MAX_VALUE
from alphadial.envs.problems.tiny.variants import reference, templates
from alphadial.envs.sandbox.guest.steps import Budget, compile_steps, namespace


class _ExhaustedError(BaseException):
    """The step budget ended; a BaseException because nothing of ours may take it for a program's error."""


def _exhausted() -> None:
    raise _ExhaustedError


def load_function(source: str, steps: int = 12_000) -> tuple[Any, Any]:
    """The function ``f`` of a step-counted program, and a call that refills its budget."""
    budget = Budget(steps, _exhausted)
    names = namespace(budget)
    exec(compile_steps(source), names)

    def fresh() -> None:
        names["_tick"] = budget.reset()

    fresh()
    return names["f"], fresh


def public_verdict(source: str, template: str, map_name: str, post_name: str, rng: random.Random) -> str:
    """Verdict on three small random tests."""
    right = load_function(reference(template, "linear", map_name, post_name))[0]
    try:
        candidate, fresh = load_function(source)
    except SyntaxError:
        return "CE"
    try:
        for _ in range(3):
            a = [rng.randint(0, MAX_VALUE) for _ in range(rng.randint(1, 6))]
            k = rng.randint(*templates()[template].k_range)
            fresh()
            if candidate(list(a), k) != right(list(a), k):
                return "WA"
    except _ExhaustedError:
        return "TLE"
    except Exception:
        return "RTE"
    return "AC"
