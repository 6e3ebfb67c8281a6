"""Where the outcomes of ``alphadial/Weight-v0`` come from: a recorded table, or attempts made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from alphadial.agents.errors import AgentsError
from alphadial.agents.experiments.compare.shipped_tables import replay_dataset, whole_shipped_table
from alphadial.agents.experiments.outcomes import kind_of
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.runner import rollout
from alphadial.controller.types import OutcomeKind, OutcomeLog
from alphadial.envs.forking import OfOneProcess
from alphadial.envs.problems import load_split
from alphadial.envs.types import Problem, Rules
from alphadial.merge_engine import Family, load_family, model_name

_SEEDS = 2**53

Episode = Callable[[int], tuple[OutcomeKind, str]]
"""Makes the next attempt, with the alpha at a position of the grid: what became of it, and its verdict ("" unknown)."""


class Source(Protocol):
    """Outcomes of attempts, episode by episode. Several environments may share one."""

    alphas: tuple[float, ...]
    """The grid, ascending."""
    problems: tuple[str, ...]
    max_attempts: int | None
    """Attempts that an episode can make with one alpha; None: no such limit."""

    def begin(self, problem: int, generator: np.random.Generator) -> Episode:
        """A new episode on the problem at a position."""

    def close(self) -> None:
        """Frees what it holds. Idempotent."""


class Replay:
    """Outcomes of a table, each sample at most once per episode, in an order drawn for the episode.

    Args:
        log: the grid of outcomes.
        problems: (P,), their names.
    """

    def __init__(self, log: OutcomeLog, problems: Sequence[str]) -> None:
        self.alphas = tuple(arm.alpha or 0.0 for arm in log.arms)
        self.problems = tuple(problems)
        self.max_attempts: int | None = log.kinds.shape[2]
        self.log = log

    @classmethod
    def shipped(cls, family: str | Family, split: str, temperature: float | None = None) -> Self:
        """The outcomes that come with alphadial.

        Raises:
            AgentsError: none come for this family, split and temperature.
            OutcomeTableError: they are of other weights.
        """
        loaded = load_family(family) if isinstance(family, str) else family
        heat = loaded.temperature if temperature is None else temperature
        problems = load_split(loaded.problem_set, split, recorded=True)
        table = whole_shipped_table(loaded, problems, heat)
        if table is None:
            raise AgentsError(f"no outcomes of {loaded.name} {split} at temperature {heat:g} come with alphadial")
        found = replay_dataset(table)
        return cls(found.log, found.log.problems)

    def begin(self, problem: int, generator: np.random.Generator) -> Episode:
        """See ``Source``."""
        alphas, samples = self.log.kinds.shape[1:]
        return _ReplayEpisode(self.log.kinds[problem], np.argsort(generator.random((alphas, samples)), axis=1))

    def close(self) -> None:
        """See ``Source``."""


class _ReplayEpisode:
    """Implements ``Episode`` with state of its own, so that a copy goes on by itself.

    Args:
        kinds: (alphas, samples), the outcomes on one problem.
        orders: (alphas, samples), the order in which the samples of each alpha are seen.
    """

    def __init__(self, kinds: npt.NDArray[np.uint8], orders: npt.NDArray[np.int64]) -> None:
        self._kinds, self._orders = kinds, orders
        self._seen = [0] * len(orders)

    def __call__(self, alpha: int) -> tuple[OutcomeKind, str]:
        seen = self._seen[alpha]
        if seen == self._orders.shape[1]:
            raise AgentsError(f"this episode has seen all {seen} samples of the alpha at position {alpha}")
        self._seen[alpha] += 1
        return OutcomeKind(int(self._kinds[alpha, self._orders[alpha, seen]])), ""


class Live(OfOneProcess):
    """Attempts made through the runner, none of them stored.

    Args:
        family: whose alphas are tried.
        problems: to try them on.
        alphas: the grid, ascending.
        deps: what attempts are made with; the policy answers as the family's models.
        rules: of every attempt; None: a single turn, to pass every test.
        temperature: None: the family's.
    """

    def __init__(
        self,
        family: Family,
        problems: Sequence[Problem],
        alphas: Sequence[float],
        deps: AttemptDeps,
        *,
        rules: Rules | None = None,
        temperature: float | None = None,
    ) -> None:
        self.alphas = tuple(alphas)
        self.problems = tuple(problem.id for problem in problems)
        self.max_attempts: int | None = None
        self._family, self._deps, self._rules = family, deps, rules or Rules()
        self._problems = tuple(problems)
        self._temperature = family.temperature if temperature is None else temperature

    def begin(self, problem: int, generator: np.random.Generator) -> Episode:
        """See ``Source``; attempts raise AgentsError and EnvsError, of policy or judge."""
        seed, numbers = int(generator.integers(_SEEDS)), count()
        return lambda alpha: self._attempt(self._problems[problem], alpha, f"{seed}/{next(numbers)}")

    def close(self) -> None:
        """See ``Source``; policy and judge stay open."""

    def _attempt(self, problem: Problem, alpha: int, seed: str) -> tuple[OutcomeKind, str]:
        (made,) = rollout(
            [problem],
            self._deps,
            model=model_name(self._family, self.alphas[alpha]),
            seed=seed,
            temperature=self._temperature,
            max_tokens=self._family.max_tokens,
            rules=self._rules,
            prompt=self._family.prompt,
            parser=self._family.parser,
        )
        return kind_of(made.report.failure_kind), str(made.report.verdict or "")
