"""Short words for outcome logs written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alphadial.controller import Arm, OutcomeKind, OutcomeLog, as_arms

A, W, T, U = OutcomeKind.SOLVED, OutcomeKind.CORRECTNESS, OutcomeKind.OPTIMISATION, OutcomeKind.UNMEASURABLE


def log_of(arms: Sequence[Arm | float], cells: Sequence[Sequence[Sequence[OutcomeKind]]]) -> OutcomeLog:
    return OutcomeLog(as_arms(arms), np.array(cells, dtype=np.uint8))
