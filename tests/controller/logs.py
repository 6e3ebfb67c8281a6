"""Short words for outcome logs written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alphadial.controller import OutcomeKind, OutcomeLog

A, W, T, U = OutcomeKind.SOLVED, OutcomeKind.CORRECTNESS, OutcomeKind.OPTIMISATION, OutcomeKind.UNMEASURABLE


def log_of(alphas: Sequence[float], cells: Sequence[Sequence[Sequence[OutcomeKind]]]) -> OutcomeLog:
    return OutcomeLog(tuple(alphas), np.array(cells, dtype=np.uint8))
