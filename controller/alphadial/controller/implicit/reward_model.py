"""The solve rate of any arm on any problem, as an equilibrium model that a log taught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from alphadial.controller.errors import ControllerError, StateError
from alphadial.controller.fields import FORMAT, Fields
from alphadial.controller.implicit.equilibrium import LARGEST_KAPPA, Equilibrium
from alphadial.controller.implicit.logistic import chances
from alphadial.controller.implicit.network import train_network
from alphadial.controller.implicit.reward_inputs import RewardInputs
from alphadial.controller.implicit.state_driven import train_state_driven
from alphadial.controller.types import Arm, Context, OutcomeLog

Floats = npt.NDArray[np.float64]
NAME = "implicit-reward"
WORDS = 24
"""How many words of statements are read, at most."""


class ImplicitRewardModel:
    """Solve rates by arm and context; arms that the log lacks are scored by where they lie."""

    def __init__(self, inputs: RewardInputs, equilibrium: Equilibrium) -> None:
        """A model of its two halves; ``fit`` makes them."""
        self.inputs, self.equilibrium = inputs, equilibrium

    @classmethod
    def fit(
        cls,
        log: OutcomeLog,
        *,
        hidden: int = 6,
        kappa: float = 0.9,
        penalty: float = 1e-3,
        ridge: float = 1e-3,
        decay: float = 0.1,
        steps: int = 2000,
        seed: int = 0,
        executor: Executor | None = None,
    ) -> Self:
        """The model that state-driven training makes of a log.

        Args:
            log: outcomes; features and statements are read from its contexts.
            hidden: units of each of the two layers of the network that the states are taken from.
            kappa: bound of the rows of the matrix from state to state, above 0 and below 1.
            penalty: l1 penalty of the rows of (A, B).
            ridge: penalty of the squares of (C, D).
            decay: weight decay of the network.
            steps: training steps of the network.
            seed: of its first weights and batches.
            executor: computes rows side by side, to the same bits as without.

        Raises:
            ControllerError: kappa is out of range, or the log has no measured attempt.
        """
        if not 0 < kappa <= LARGEST_KAPPA:
            raise ControllerError(f"kappa lies above 0 and up to {LARGEST_KAPPA}, and is {kappa:g}")
        inputs = RewardInputs.of(log, WORDS)
        rows, solved, tried = cells(inputs, log)
        network = train_network(rows, solved, tried, hidden=hidden, decay=decay, steps=steps, seed=seed)
        source = network.as_equilibrium(rows, kappa)
        found = train_state_driven(source, rows, solved, tried, penalty=penalty, ridge=ridge, executor=executor)
        return cls(inputs, found)

    def rates(self, contexts: Sequence[Context], arms: Sequence[Arm]) -> Floats:
        """(P, A): the estimated chance that an attempt with an arm solves a problem.

        Raises:
            ControllerError: nothing is known of an arm.
        """
        logits = self.equilibrium.outputs(self.inputs.rows(contexts, arms))
        return chances(logits).reshape(len(contexts), len(arms))

    def state(self) -> dict[str, Any]:
        """All of it, for JSON."""
        of = self.equilibrium
        matrices = {"a": of.a.tolist(), "b": of.b.tolist(), "c": of.c.tolist(), "d": of.d.tolist()}
        return {"format": FORMAT, "controller": NAME, **self.inputs.memory(), "kappa": of.kappa, **matrices}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The model that ``state`` told of.

        Raises:
            StateError: a field is missing, unknown or wrong, or the model is not known to have one equilibrium.
        """
        fields = Fields(state, NAME)
        inputs = RewardInputs.recall(fields)
        a = fields.numbers("a", (None, None))
        b, c = fields.numbers("b", (len(a), inputs.width)), fields.numbers("c", (1, len(a)))
        d, kappa = fields.numbers("d", (1, inputs.width)), fields.number("kappa", 0)
        fields.finish()
        try:
            return cls(inputs, Equilibrium(a, b, c, d, kappa))
        except ControllerError as error:
            raise StateError(str(error)) from error


def cells(inputs: RewardInputs, log: OutcomeLog) -> tuple[Floats, Floats, Floats]:
    """Rows (N, p) of the cells of a log that were measured, their solved attempts (N,) and their attempts (N,)."""
    contexts = log.contexts or tuple(Context(str(row)) for row in range(len(log.kinds)))
    counts = log.counts().astype(np.float64)
    solved, tried = counts[:, :, 0].ravel(), counts.sum(axis=2).ravel()
    measured = tried > 0
    if not measured.any():
        raise ControllerError("a log without one measured attempt teaches no solve rate")
    return inputs.rows(contexts, log.arms)[measured], solved[measured], tried[measured]
