"""The benchmark of log sizes: exact coverage of what a controller attempts, and how it fares with small logs."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphadial.agents import load_outcome_csv
from alphadial.controller import Arm, Context, OutcomeKind, OutcomeLog, make_controller

REPOSITORY = Path(__file__).parents[2]
SHARED = REPOSITORY.parent / "shared" / "data" / "outcomes"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no outcome tables in ../shared/data/outcomes")


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(REPOSITORY / "benchmarks" / "log_sizes.py"))


def test_coverage_is_exact(benchmark: dict[str, Any]) -> None:
    """Two arms with 2 and 1 solved of 4 samples, one arm after the other: 1 - 1/2 * 3/4 after two attempts."""
    solved = np.array([[[1, 1, 0, 0], [1, 0, 0, 0]]], dtype=bool)
    kinds = np.where(solved, OutcomeKind.SOLVED, OutcomeKind.CORRECTNESS).astype(np.uint8)
    log = OutcomeLog((Arm("a"), Arm("b")), kinds, (Context("p"),))
    controller = make_controller("round-robin", log.arms)
    controller.fit(log)
    shares = benchmark["coverage"](controller, log, 3)
    assert shares.tolist() == pytest.approx([1 / 2, 1 - 1 / 2 * 3 / 4, 1 - 2 / 4 * 1 / 3 * 3 / 4])


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), [("evalperf_pass100_T1.0", 7), ("cruxeval_output_T0.8", 10)])
def test_small_logs_do_not_fall_behind_round_robin(benchmark: dict[str, Any], name: str, size: int) -> None:
    """Within half a point at every k, give or take three standard errors of so few draws."""
    percent = name.startswith("evalperf")
    log = benchmark["whole"](load_outcome_csv(SHARED / f"{name}.csv", percent=percent).log)
    found = benchmark["beyond"](log, size, draws=6, attempts=10)["posterior"]
    assert found["least"] > -0.5 - 3 * found["least_error"]
    assert min(found["beyond"]) == found["least"]
