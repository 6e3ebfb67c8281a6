"""What attempts used up, all together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alphadial.agents.types import Attempt


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over attempts. Times are in seconds."""

    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cpu_s: float = 0.0
    """CPU time of the programs."""
    judge_s: float = 0.0
    model_s: float = 0.0
    tools_s: float = 0.0
    cost: float | None = None
    """In the currency of the run's prices; None where no attempt has a price."""


def totals(attempts: Iterable[Attempt]) -> Totals:
    """What these attempts used up."""
    made = list(attempts)
    costs = [attempt.cost for attempt in made if attempt.cost is not None]
    return Totals(
        attempts=len(made),
        prompt_tokens=sum(attempt.prompt_tokens for attempt in made),
        completion_tokens=sum(attempt.completion_tokens for attempt in made),
        cpu_s=sum(attempt.cpu_s for attempt in made),
        judge_s=sum(attempt.judge_s for attempt in made),
        model_s=sum(attempt.model_s for attempt in made),
        tools_s=sum(attempt.tools_s for attempt in made),
        cost=sum(costs) if costs else None,
    )
