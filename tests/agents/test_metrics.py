"""Against cases worked out by hand."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphadial.agents.experiments.metrics import (
    ClusterBootstrap,
    cost_of_pass,
    eff_at_k,
    efficiency,
    failure_rates,
    hodges_lehmann,
    level_score,
    pass_at_k,
    pass_n_at_k,
    rates,
)


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


def test_ratio_of_two_templates_by_hand() -> None:
    # a: 3 over 1, b: 1 over 1. Draws aa: 3, bb: 1, ab and ba: 4 / 2.
    estimate = ClusterBootstrap(["a", "b"]).ratio([3.0, 1.0], [1.0, 1.0])
    assert (estimate.value, estimate.low, estimate.high) == (2.0, 1.0, 3.0)


def test_ratio_leaves_out_what_was_not_measured() -> None:
    estimate = ClusterBootstrap(["a", "b", "c", "d"]).ratio([3.0, np.nan, 7.0, 6.0], [1.0, 1.0, np.nan, 2.0])
    assert (estimate.value, estimate.low, estimate.high) == (3.0, 3.0, 3.0)
    assert np.isnan(ClusterBootstrap(["a"]).ratio([np.nan], [1.0]).value)


def test_one_template_gives_no_interval() -> None:
    bootstrap = ClusterBootstrap(["a", "a", "b"])
    for estimate in (bootstrap.mean([0.0, 1.0, np.nan]), bootstrap.ratio([1.0, 0.0, np.nan], [1.0, 1.0, 1.0])):
        assert (estimate.value, estimate.interval) == (0.5, [None, None])
    assert None not in bootstrap.mean([0.0, 1.0, 1.0]).interval


@pytest.mark.parametrize(("solved", "attempts"), [(7, 5), (-1, 5)])
def test_pass_at_k_refuses_what_cannot_be(solved: int, attempts: int) -> None:
    with pytest.raises(ValueError, match="0 <= solved <= attempts"):
        pass_at_k(solved, attempts, 2)
    assert np.isnan(pass_at_k(np.nan, 5, 2))


def test_level_score_of_what_was_not_measured() -> None:
    assert np.isnan(level_score(np.nan, 1.0, 2.0))
    assert level_score(np.inf, 1.0, 2.0) == 0.0
    with pytest.raises(ValueError, match="above the reference"):
        level_score(0.5, 3.0, 2.0)


def test_pass_n_at_k_by_hand() -> None:
    # Four attempts, two pass the public tests, one of these is right; two are drawn, one submitted. Of the 6 draws one
    # holds both passing ones (right half of the time), two the right one alone: (0.5 + 2) / 6.
    assert pass_n_at_k(1, 2, 4, 1, 2) == pytest.approx(2.5 / 6)
    # The same, but both may be submitted: the right one need only be drawn, pass@2 = 1/2.
    assert pass_n_at_k(1, 2, 4, 2, 2) == pytest.approx(0.5)
    # Public tests that tell everything: any right attempt among k is submitted.
    assert pass_n_at_k(2, 2, 5, 1, 3) == pytest.approx(float(pass_at_k(2, 5, 3)))
    # Public tests that tell nothing: one at random of k is one attempt.
    assert pass_n_at_k(2, 5, 5, 1, 3) == pytest.approx(2 / 5)
    found = pass_n_at_k([0, 0, 1, 1], [0, 3, 1, 1], [4, 4, 1, 2], 1, 2)
    assert found.tolist() == pytest.approx([0.0, 0.0, np.nan, 1.0], nan_ok=True)


def test_pass_n_at_k_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="at most k = 2, not 3"):
        pass_n_at_k(1, 2, 4, 3, 2)
    with pytest.raises(ValueError, match="solved <= passed_public <= attempts"):
        pass_n_at_k(3, 2, 4, 1, 2)


@given(st.lists(st.sampled_from(["right", "public", "wrong"]), min_size=1, max_size=6), st.data())
def test_pass_n_at_k_is_the_mean_over_all_draws(attempts: list[str], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(attempts)))
    n = data.draw(st.integers(1, k))
    chances = []
    for draw in itertools.combinations(attempts, k):
        shown = [attempt for attempt in draw if attempt != "wrong"]
        submissions = list(itertools.combinations(shown, min(n, len(shown))))
        chances.append(sum("right" in submitted for submitted in submissions) / len(submissions))
    solved, shown_in_all = attempts.count("right"), len(attempts) - attempts.count("wrong")
    exact = sum(chances) / len(chances)
    assert float(pass_n_at_k(solved, shown_in_all, len(attempts), n, k)) == pytest.approx(exact, abs=1e-12)
    assert float(pass_n_at_k(solved, shown_in_all, len(attempts), k, k)) == pytest.approx(
        float(pass_at_k(solved, len(attempts), k)), abs=1e-12
    )


def test_pass_n_at_k_of_many_attempts() -> None:
    # As at (n, k) = (100, 300) of 600: no factorial overflows. Everything shown is right but one, so one miss is left.
    assert pass_n_at_k(599, 600, 600, 100, 300) == pytest.approx(1.0)
    assert pass_n_at_k(1, 600, 600, 100, 300) == pytest.approx(100 / 600)


def test_hodges_lehmann_by_hand() -> None:
    # Means of pairs of 1, 2, 9: 1, 1.5, 5, 2, 5.5, 9; their median lies between 2 and 5.
    assert hodges_lehmann([1.0, 2.0, 9.0]) == 3.5
    assert hodges_lehmann([4.0]) == 4.0


def test_efficiency_by_hand() -> None:
    # Limit 2, reference 1: half of the time that the reference leaves, the reference, twice as fast, too slow.
    assert [level_score(time_s, 1.0, 2.0) for time_s in (1.5, 1.0, 0.5, 2.5)] == [0.5, 1.0, 1.5, 0.0]
    assert level_score(math.inf, 1.0, 2.0) == 0.0
    assert efficiency([9.0, 0.5, 1.0, 0.0], [0, 3, 3, 4]) == pytest.approx(0.45)


def test_eff_at_k_by_hand() -> None:
    # The best of two of 0.2, 0.6, 1: 0.6, 1, 1.
    assert eff_at_k([0.6, 0.2, 1.0], 2) == pytest.approx(2.6 / 3)
    assert eff_at_k([0.6, 0.2, 1.0], 1) == pytest.approx(0.6)
    assert eff_at_k([0.6, 0.2, 1.0], 3) == pytest.approx(1.0)
    assert eff_at_k([[0.5, np.nan], [np.nan, np.nan]], 1).tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert np.isnan(eff_at_k([0.5], 2))
    with pytest.raises(ValueError, match="at least 1"):
        eff_at_k([0.5], 0)


@given(st.lists(st.floats(0, 2), min_size=1, max_size=7), st.data())
def test_eff_at_k_is_the_mean_best_of_all_draws(scores: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(scores)))
    best = [max(draw) for draw in itertools.combinations(scores, k)]
    assert float(eff_at_k(scores, k)) == pytest.approx(sum(best) / len(best), abs=1e-9)


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_eff_at_k_of_ones_and_zeros_is_pass_at_k(case: tuple[int, int, int]) -> None:
    n, c, k = case
    assert float(eff_at_k([1.0] * c + [0.0] * (n - c), k)) == pytest.approx(float(pass_at_k(c, n, k)), abs=1e-12)


def test_failure_rates_by_hand() -> None:
    # Problem a: 1, 1 and 2 of 4; problem b: 1, 0 and 0 of 1; nothing measured of c.
    found = failure_rates(ClusterBootstrap(["a", "b", "c"]), [1, 1, 0], [1, 0, 0], [2, 0, 0])
    assert found.solve.value == pytest.approx((1 / 4 + 1) / 2)
    assert found.correctness_failure.value == pytest.approx(1 / 8)
    assert found.optimisation_failure.value == pytest.approx(1 / 4)
    assert (found.solve.low, found.solve.high) == (0.25, 1.0)


def test_cost_of_pass_by_hand() -> None:
    # a: 8 for 4 attempts, 2 each, half of them solve: 4 a solution. b: 6 each, a quarter solve: 24. Both: 4 over 3/8.
    bootstrap = ClusterBootstrap(["a", "b"])
    found = cost_of_pass(bootstrap, [8.0, 24.0], [2, 1], [4, 4])
    assert (found.value, found.low, found.high) == pytest.approx((4 / 0.375, 4.0, 24.0))
    # Draws of the problem that is never solved alone: no price buys a solution.
    found = cost_of_pass(bootstrap, [8.0, 24.0], [2, 0], [4, 4])
    assert (found.value, found.low, found.high) == (16.0, 4.0, math.inf)
    assert cost_of_pass(bootstrap, [8.0, 0.0], [0, 0], [4, 0]).value == math.inf
