"""Short words for outcome logs written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alphadial.controller import Kind, OutcomeLog

A, W, T, U = Kind.SOLVED, Kind.CORRECTNESS, Kind.OPTIMISATION, Kind.UNMEASURABLE


def log_of(alphas: Sequence[float], cells: Sequence[Sequence[Sequence[Kind]]]) -> OutcomeLog:
    return OutcomeLog(tuple(alphas), np.array(cells, dtype=np.uint8))
