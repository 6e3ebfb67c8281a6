"""Against cases worked out by hand."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphadial.agents.metrics import ClusterBootstrap, pass_at_k, rates


def test_pass_at_k_by_hand() -> None:
    # n = 5, c = 2, k = 3: the only way to miss is to draw all 3 failures: 1 - 1 / C(5, 3).
    assert pass_at_k(2, 5, 3) == pytest.approx(0.9)
    assert pass_at_k([0, 1, 5], [5, 5, 5], 1).tolist() == pytest.approx([0.0, 0.2, 1.0])
    assert pass_at_k(3, 5, 3) == pytest.approx(1.0)
    assert np.isnan(pass_at_k(1, 2, 3))
    with pytest.raises(ValueError, match="at least 1"):
        pass_at_k(1, 2, 0)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_formula(case: tuple[int, int, int]) -> None:
    n, c, k = case
    exact = 1 - Fraction(math.comb(n - c, k), math.comb(n, k))
    assert float(pass_at_k(c, n, k)) == pytest.approx(float(exact), abs=1e-12)


def test_a_mean_over_problems_not_over_attempts() -> None:
    # 1 of 1 and 0 of 9: the mean of the problems' rates is 0.5, whatever the number of attempts.
    assert ClusterBootstrap(["a", "b"]).mean(rates([1, 0], [1, 9])).value == 0.5


def test_problems_without_measurable_attempts_are_left_out() -> None:
    values = rates([1, 0, 0], [2, 0, 4])
    assert values.tolist() == pytest.approx([0.5, np.nan, 0.0], nan_ok=True)
    assert ClusterBootstrap(["a", "a", "b"]).mean(values).value == 0.25
    assert np.isnan(ClusterBootstrap(["a"]).mean([np.nan]).value)


def test_interval_of_two_templates_by_hand() -> None:
    # Template a has problems 1, 1; template b has one problem, 0. Draws: aa (1/4) mean 1, bb (1/4) mean 0,
    # ab and ba (1/2) mean 2/3. The 2.5 % and 97.5 % points are therefore 0 and 1.
    bootstrap = ClusterBootstrap(["a", "a", "b"])
    estimate = bootstrap.mean([1.0, 1.0, 0.0])
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((2 / 3, 0.0, 1.0))


def test_whole_templates_are_drawn() -> None:
    # Ten templates, each of ten equal problems: the interval is that of ten values, not of a hundred.
    clustered = ClusterBootstrap([f"t{i}" for i in range(10) for _ in range(10)])
    values = [float(i % 2) for i in range(10) for _ in range(10)]
    estimate = clustered.mean(values)
    # The mean of ten fair coins: P(at most 1 head) = 0.011, P(at most 2) = 0.055.
    assert (estimate.low, estimate.high) == (0.2, 0.8)
    apart = ClusterBootstrap([f"t{i}" for i in range(100)])
    narrow = apart.mean(values)
    assert narrow.high - narrow.low < 0.5 * (estimate.high - estimate.low)


def test_exact_bootstrap_of_three_templates() -> None:
    values = np.array([0.0, 0.3, 1.0])
    estimate = ClusterBootstrap(["a", "b", "c"], resamples=20_000).mean(values)
    means = sorted(values[list(draw)].mean() for draw in itertools.product(range(3), repeat=3))
    # 27 equally likely draws: the 2.5 % point lies in the first, the 97.5 % point in the last.
    assert (estimate.low, estimate.high) == pytest.approx((means[0], means[-1]))


def test_differences_are_paired() -> None:
    bootstrap = ClusterBootstrap([f"t{i}" for i in range(8)])
    first = np.linspace(0, 1, 8)
    estimate = bootstrap.difference(first + 0.125, first)
    # Problem by problem the difference is constant, so no resample can change it.
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.125, 0.125, 0.125))


def test_the_same_seed_gives_the_same_interval() -> None:
    clusters, values = [f"t{i}" for i in range(20)], np.linspace(0, 1, 20)
    assert ClusterBootstrap(clusters).mean(values) == ClusterBootstrap(clusters).mean(values)
    assert ClusterBootstrap(clusters).mean(values) != ClusterBootstrap(clusters, seed=1).mean(values)


def test_no_problems_is_an_error() -> None:
    with pytest.raises(ValueError, match="no problems"):
        ClusterBootstrap([])
