"""State-driven training: an equilibrium model is fitted to states, row by row, by convex problems alone.

Tsai, Decugis, El Ghaoui, Atamturk: State-driven Implicit Modeling (arXiv 2209.09389). The states are those of a trained
network. Rows of (A, B) reproduce what goes into each state, with an l1 penalty that makes them sparse, and with A's
part in the ball that makes the model well posed. Then the states are made anew with the learned (A, B), and (C, D) is
fitted to the outcomes on them, so that it makes up for what (A, B) leaves out. No gradient passes through
an equilibrium.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from alphadial.controller.implicit.equilibrium import Equilibrium
from alphadial.controller.implicit.l1_rows import RowProblem, solve_rows
from alphadial.controller.implicit.logistic import fit_logistic

Floats = npt.NDArray[np.float64]


def train_state_driven(
    source: Equilibrium,
    inputs: Floats,
    solved: Floats,
    tried: Floats,
    *,
    penalty: float,
    ridge: float,
    executor: Executor | None = None,
) -> Equilibrium:
    """An equilibrium model with the states of another one.

    Args:
        source: whose states are taken; its kappa bounds the new one too.
        inputs: (N, p); column 0 is the constant 1.
        solved: (N,) attempts that solved.
        tried: (N,) attempts that were measured.
        penalty: of the absolute values of a row of (A, B), beside half the mean squared error of its state.
        ridge: of the squares of (C, D), beside the mean deviance of an attempt.
        executor: computes rows side by side; None: one after another. The result is the same.
    """
    a, b = fit_states(source, inputs, penalty, executor)
    draft = Equilibrium(a, b, np.zeros((1, len(a))), np.zeros((1, inputs.shape[1])), source.kappa)
    columns = np.hstack([inputs, draft.states(inputs)])
    weights = fit_logistic(columns, solved, tried, ridge)
    c, d = weights[None, inputs.shape[1] :], weights[None, : inputs.shape[1]]
    return Equilibrium(a, b, c, d, source.kappa)


def fit_states(
    source: Equilibrium, inputs: Floats, penalty: float, executor: Executor | None = None
) -> tuple[Floats, Floats]:
    """(A, B) that reproduce what goes into the states of a model at ``inputs`` (N, p)."""
    states = source.states(inputs)
    entering = states @ source.a.T + inputs @ source.b.T
    columns = np.hstack([states, inputs])
    problem = RowProblem.of(columns.T @ columns / len(columns), states.shape[1], source.kappa, penalty)
    rows = solve_rows(problem, entering.T @ columns / len(columns), executor)
    return rows[:, : states.shape[1]], rows[:, states.shape[1] :]
