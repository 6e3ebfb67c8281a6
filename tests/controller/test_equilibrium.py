from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import product
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphadial.controller import ControllerError, Equilibrium, project_rows
from alphadial.controller.implicit.l1_rows import RowProblem, shrink, solve_rows
from alphadial.controller.implicit.logistic import chances, fit_logistic, mean_deviance
from alphadial.controller.implicit.network import Network, slopes, train_network
from alphadial.controller.implicit.state_driven import fit_states, train_state_driven

Floats = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def model_of(seed: int, kappa: float, states: int = 5, inputs: int = 3) -> Equilibrium:
    draw = np.random.default_rng(seed).normal
    a = project_rows(draw(size=(states, states)) * 3, kappa)
    return Equilibrium(a, draw(size=(states, inputs)), draw(size=(2, states)), draw(size=(2, inputs)), kappa)


def network_of(seed: int, hidden: int = 4, width: int = 3) -> Network:
    draw = np.random.default_rng(seed).normal
    return Network(
        draw(size=(hidden, width)), draw(size=(hidden, hidden)), draw(size=hidden), draw(size=hidden), draw(size=1)
    )


def inputs_of(seed: int, count: int = 40, width: int = 3) -> Floats:
    inputs = np.random.default_rng(seed + 1).normal(size=(count, width))
    inputs[:, 0] = 1
    return inputs


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(0, 0.95))
def test_states_are_equilibria_and_the_tolerance_is_kept(seed: int, kappa: float) -> None:
    model, inputs = model_of(seed, kappa), inputs_of(seed)
    states, exact = model.states(inputs), model.states(inputs, tolerance=1e-11)
    assert np.abs(exact - np.maximum(exact @ model.a.T + inputs @ model.b.T, 0)).max() < 1e-8 * max(1, exact.max())
    assert np.abs(states - exact).max() <= 1.01e-6 * max(1, exact.max())


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(0, 0.99))
def test_the_right_side_is_a_contraction(seed: int, kappa: float) -> None:
    model, inputs = model_of(seed, kappa), inputs_of(seed)
    one, other = np.random.default_rng(seed).normal(size=(2, len(inputs), 5)) * 10
    step = [np.maximum(state @ model.a.T + inputs @ model.b.T, 0) for state in (one, other)]
    assert (np.abs(step[0] - step[1]).max(axis=1) <= kappa * np.abs(one - other).max(axis=1) + 1e-12).all()


@pytest.mark.parametrize("kappa", [0.3, 0.9])
def test_a_model_without_that_guarantee_is_refused_and_projection_mends_it(kappa: float) -> None:
    model = model_of(0, kappa)
    wild = model.a.copy()
    wild[3, 1] += 2
    with pytest.raises(ControllerError, match=r"row 3 of its matrix a sum to .*kappa is 0\.\d; project_rows"):
        Equilibrium(wild, model.b, model.c, model.d, kappa)
    Equilibrium(project_rows(wild, kappa), model.b, model.c, model.d, kappa)


@pytest.mark.parametrize("kappa", [1.0, -0.1, 2.0, float("nan")])
def test_kappa_below_one_is_asked_for(kappa: float) -> None:
    model = model_of(0, 0.5)
    with pytest.raises(ControllerError, match=r"kappa of an equilibrium model lies in \[0, 0.999\]"):
        Equilibrium(model.a, model.b, model.c, model.d, kappa)


def test_matrices_that_do_not_fit_or_are_not_finite_are_refused() -> None:
    model = model_of(0, 0.5)
    with pytest.raises(ControllerError, match=r"matrix c .* is \(2, 4\), where \(2, 5\) fits"):
        Equilibrium(model.a, model.b, model.c[:, :4], model.d, 0.5)
    with pytest.raises(ControllerError, match="matrix a"):
        Equilibrium(model.a[:, :4], model.b, model.c, model.d, 0.5)
    with pytest.raises(ControllerError, match="matrix d"):
        Equilibrium(model.a, model.b, model.c, model.d[:1], 0.5)
    with pytest.raises(ControllerError, match="not finite"):
        Equilibrium(model.a, model.b * np.nan, model.c, model.d, 0.5)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(0.05, 0.99))
def test_a_network_is_an_equilibrium_whose_matrix_is_strictly_upper_triangular(seed: int, kappa: float) -> None:
    network, inputs = network_of(seed), inputs_of(seed)
    model = network.as_equilibrium(inputs, kappa)
    assert not np.tril(model.a).any()
    assert model.outputs(inputs)[:, 0] == pytest.approx(network.logits(inputs), rel=1e-9, abs=1e-9)
    elsewhere = inputs * [1, 50, -50]
    assert model.outputs(elsewhere)[:, 0] == pytest.approx(network.logits(elsewhere), rel=1e-9, abs=1e-9)


def nearest_by_brute_force(vector: Floats, radius: float) -> Floats:
    """Tries every set of entries that stay: on each the nearest point of the ball's face is known."""
    if np.abs(vector).sum() <= radius:
        return vector
    best, nearest = np.inf, np.zeros_like(vector)
    for kept in product([False, True], repeat=len(vector)):
        stays = np.array(kept)
        if not stays.any():
            continue
        sizes = np.abs(vector[stays]) - (np.abs(vector[stays]).sum() - radius) / stays.sum()
        point = np.zeros_like(vector)
        point[stays] = np.sign(vector[stays]) * sizes
        if (sizes >= 0).all() and (distance := float(((point - vector) ** 2).sum())) < best:
            best, nearest = distance, point
    return nearest


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-5, 5).map(lambda value: round(value, 3)), min_size=1, max_size=6), st.floats(0.01, 8))
def test_projection_onto_the_l1_ball_is_the_nearest_point(entries: list[float], radius: float) -> None:
    vector = np.array(entries)
    found = project_rows(vector[None], radius)[0]
    assert np.abs(found).sum() <= radius * (1 + 1e-12)
    assert found == pytest.approx(nearest_by_brute_force(vector, radius), abs=1e-9)


def test_projection_onto_a_ball_of_radius_zero_and_no_ball() -> None:
    vector = np.array([3.0, -1.0, 0.5])
    assert not shrink(vector, 0.0, 0.0).any()
    assert shrink(vector, 0.75, np.inf).tolist() == [2.25, -0.25, 0.0]


def row_problem(seed: int, radius: float, penalty: float) -> tuple[RowProblem, Floats]:
    draw = np.random.default_rng(seed).normal
    columns = draw(size=(30, 6)) @ draw(size=(6, 6))
    target = columns @ draw(size=6) + draw(size=30)
    return RowProblem.of(columns.T @ columns / 30, 3, radius, penalty), columns.T @ target / 30


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(0.05, 2), st.floats(1e-4, 1))
def test_a_row_meets_the_conditions_of_a_minimum(seed: int, radius: float, penalty: float) -> None:
    """The objective is convex, so that a row from which no direction leads down is the minimum."""
    problem, target = row_problem(seed, radius, penalty)
    row = problem.solve(target)
    slopes, size = target - problem.gram @ row, float(np.abs(target).max())
    inside = np.arange(6) < 3
    assert np.abs(row[:3]).sum() <= radius * (1 + 1e-12)
    filled = np.abs(row[:3]).sum() >= radius * (1 - 1e-9)
    multiplier = max(float(np.abs(slopes[:3]).max()) - penalty, 0.0) if filled else 0.0
    limits = penalty + np.where(inside, multiplier, 0)
    assert (np.abs(slopes) <= limits + 1e-4 * size).all()
    assert slopes[row != 0] == pytest.approx((limits * np.sign(row))[row != 0], abs=1e-4 * size)


def test_rows_beside_each_other_have_the_bits_of_rows_one_after_another() -> None:
    problem, _ = row_problem(1, 0.7, 1e-2)
    targets = np.random.default_rng(2).normal(size=(6, 6))
    serial = solve_rows(problem, targets)
    with ThreadPoolExecutor(3) as executor:
        assert solve_rows(problem, targets, executor).tobytes() == serial.tobytes()
    assert np.array([problem.solve(target) for target in targets[::-1]])[::-1].tobytes() == serial.tobytes()


@pytest.mark.thorough
def test_a_model_trained_by_processes_has_the_bits_of_one_trained_by_none() -> None:
    inputs = inputs_of(5)
    tried = np.full(len(inputs), 8.0)
    solved = np.round(tried * chances(inputs[:, 1]))
    source = network_of(5).as_equilibrium(inputs, 0.9)
    serial = train_state_driven(source, inputs, solved, tried, penalty=1e-3, ridge=1e-3)
    with ProcessPoolExecutor(2, get_context("spawn")) as executor:
        beside = train_state_driven(source, inputs, solved, tried, penalty=1e-3, ridge=1e-3, executor=executor)
    for name in ("a", "b", "c", "d"):
        assert getattr(beside, name).tobytes() == getattr(serial, name).tobytes()


def test_states_of_a_network_are_reproduced_with_fewer_numbers_as_the_penalty_grows() -> None:
    inputs = inputs_of(3, count=200)
    source = network_of(3, hidden=2).as_equilibrium(inputs, 0.9)
    wanted, kept, errors = source.states(inputs), [], []
    for penalty in (1e-3, 1e-1):
        a, b = fit_states(source, inputs, penalty)
        model = Equilibrium(a, b, source.c, source.d, 0.9)
        kept.append(model.parameters)
        errors.append(float(np.abs(model.states(inputs) - wanted).mean()))
    assert kept[0] > kept[1]
    assert errors[0] < 0.05 < errors[1]


def test_logistic_regression_finds_the_minimum_of_its_convex_loss() -> None:
    inputs, tried = inputs_of(7, count=300), np.full(300, 10.0)
    solved = np.round(10 * chances(inputs @ [0.5, -2, 1]))
    weights = fit_logistic(inputs, solved, tried, ridge=0.01)
    slope = inputs.T @ (tried * chances(inputs @ weights) - solved) / tried.sum() + [0, 0.01, 0.01] * weights
    assert np.abs(slope).max() < 1e-5
    assert mean_deviance(inputs @ weights, solved, tried) < mean_deviance(np.zeros(300), solved, tried)


def test_the_networks_slopes_are_those_of_its_deviance() -> None:
    network, inputs = network_of(9), inputs_of(9)
    tried = np.full(len(inputs), 10.0)
    solved = np.round(10 * chances(inputs[:, 1]))
    found = slopes(network, inputs, solved / 10, tried / 10)
    for place, part in enumerate(network.parts()):
        moved = [part.copy(), part.copy()]
        moved[0].flat[0] += 1e-6
        moved[1].flat[0] -= 1e-6
        either = [
            Network(*(one if other == place else kept for other, kept in enumerate(network.parts()))) for one in moved
        ]
        high, low = (mean_deviance(one.logits(inputs), solved, tried) for one in either)
        assert found[place].flat[0] == pytest.approx((high - low) / 2e-6, abs=1e-6)


def test_training_a_network_lowers_the_deviance_and_repeats_to_the_bit() -> None:
    inputs, tried = inputs_of(9, count=100), np.full(100, 10.0)
    solved = np.round(10 * chances(3 * np.abs(inputs[:, 1]) - 2))
    networks = [train_network(inputs, solved, tried, hidden=6, decay=0.0, steps=60, seed=4) for _ in range(2)]
    assert mean_deviance(networks[0].logits(inputs), solved, tried) < mean_deviance(np.zeros(100), solved, tried) - 0.02
    assert networks[0].logits(inputs).tobytes() == networks[1].logits(inputs).tobytes()
    assert networks[0].parameters == 6 * 3 + 6 * 6 + 6 + 6 + 1
