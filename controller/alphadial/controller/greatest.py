"""The chance that each of several Betas gives the greatest value, integrated over cells of [0, 1]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CELLS = 512
_MIDDLES = (np.arange(_CELLS) + 0.5) / _CELLS
_LOGS, _LOGS_OF_REST = np.log(_MIDDLES), np.log1p(-_MIDDLES)
_LOG_2 = np.log(2.0)


def beta_cells(solved: Floats, failed: Floats) -> tuple[Floats, Floats]:
    """The mass of Betas with these parameters (N,) in each cell (N, C), and the log of the mass below it.

    Half of a cell's own mass counts as below it, so that two values in one cell are each the greater one half the time.
    """
    density = (solved - 1)[:, None] * _LOGS + (failed - 1)[:, None] * _LOGS_OF_REST
    # A parameter below 1 has its density rise to infinity at that end: there the cell's mass is the integral itself.
    for end, exponent in ((0, np.minimum(solved, 1)), (-1, np.minimum(failed, 1))):
        density[:, end] += (exponent - 1) * _LOG_2 - np.log(exponent)
    mass = np.exp(density - density.max(axis=1, keepdims=True))
    mass /= mass.sum(axis=1, keepdims=True)
    return mass, np.log(np.maximum(mass.cumsum(axis=1) - mass / 2, 1e-300))


def chances_of_greatest(mass: Floats, log_below: Floats) -> tuple[Floats, Floats]:
    """Upper bounds for a uniform draw, and the chance of each row (N,) of ``beta_cells`` to hold the greatest value.

    The bounds (N - 1,) leave out the last one, so that rounding cannot push a draw past the end.
    """
    chances = (mass * np.exp(log_below.sum(axis=0) - log_below)).sum(axis=1)
    chances = np.maximum(chances / chances.sum(), 1e-12)
    chances /= chances.sum()
    return chances.cumsum()[:-1], chances
