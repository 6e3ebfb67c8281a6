"""Rivals of the implicit reward model, on the same inputs: how they are fitted, and what they say of other cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from time import process_time

import numpy as np
import numpy.typing as npt

from alphadial.controller import Equilibrium, project_rows
from alphadial.controller.implicit.logistic import chances, fit_logistic
from alphadial.controller.implicit.network import BATCH, Adam, Network, train_network
from alphadial.controller.implicit.state_driven import train_state_driven

Floats = npt.NDArray[np.float64]
Predict = Callable[[Floats], Floats]
"""(N, p) to the (N,) logits."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a table as a model reads them."""

    inputs: Floats
    """(N, p); column 0 is the constant, the last ``arm_columns`` are the arm's."""
    solved: Floats
    tried: Floats
    arm_columns: int

    def part(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Cells:
        return Cells(self.inputs[rows], self.solved[rows], self.tried[rows], self.arm_columns)


@dataclass(frozen=True)
class Fitted:
    predict: Predict
    parameters: int
    """Numbers that may differ from 0."""
    used: int
    """Numbers that do."""


Setting = dict[str, float]


@dataclass(frozen=True)
class Contender:
    name: str
    settings: tuple[Setting, ...]
    fit: Callable[[Cells, Setting, int], Fitted]
    """Takes cells, a setting and a seed."""
    seeded: bool


STEPS = 1000
KAPPA = 0.9
TOLERANCE = 1e-3
"""How exactly states and gradients are solved while a model is differentiated: batches are noisier than that."""
HIDDEN = 6
"""Units of each layer of the network that gives the states."""


def size(width: int) -> int:
    """Numbers of an equilibrium model of 2 * HIDDEN states: what the rivals are made to have too."""
    states = 2 * HIDDEN
    return states * states + states * width + states + width


@lru_cache(maxsize=8)
def source_of_states(cells: Cells, decay: float, seed: int) -> Network:
    """One network serves all settings that differ in what comes after it."""
    return train_network(cells.inputs, cells.solved, cells.tried, hidden=HIDDEN, decay=decay, steps=STEPS, seed=seed)


def state_driven(cells: Cells, setting: Setting, seed: int) -> Fitted:
    source = source_of_states(cells, setting["decay"], seed).as_equilibrium(cells.inputs, KAPPA)
    model = train_state_driven(
        source, cells.inputs, cells.solved, cells.tried, penalty=setting["penalty"], ridge=setting["ridge"]
    )
    return Fitted(lambda inputs: model.outputs(inputs)[:, 0], size(cells.inputs.shape[1]), model.parameters)


def source_network(cells: Cells, setting: Setting, seed: int) -> Fitted:
    network = source_of_states(cells, setting["decay"], seed)
    return Fitted(network.logits, network.parameters, network.parameters)


def implicitly_differentiated(cells: Cells, setting: Setting, seed: int) -> Fitted:
    model, _ = differentiate(cells, setting["decay"], STEPS, seed)
    return Fitted(lambda inputs: model.outputs(inputs)[:, 0], size(cells.inputs.shape[1]), model.parameters)


def differentiate(
    cells: Cells,
    decay: float,
    steps: int,
    seed: int,
    reached: Callable[[Equilibrium], bool] = lambda model: False,
) -> tuple[Equilibrium, tuple[int, float]]:
    """An equilibrium model by stochastic gradients through its equilibria, A projected onto the ball after each step.

    Every 50 steps ``reached`` may end it. Gives the model too, the steps and the seconds, without those of ``reached``.
    """
    generator, width, states = np.random.default_rng(seed), cells.inputs.shape[1], 2 * HIDDEN
    a = project_rows(generator.normal(size=(states, states)) / states, KAPPA)
    b = generator.normal(size=(states, width)) * np.sqrt(2 / width)
    c, d = generator.normal(size=(1, states)) / np.sqrt(states), np.zeros((1, width))
    parts, scale, watched = [a, b, c, d], cells.tried.mean(), 0.0
    adam, began = Adam(parts, decay, steps), process_time()
    for step in range(1, steps + 1):
        rows = generator.integers(len(cells.inputs), size=BATCH)
        adam.step(gradient(Equilibrium(a, b, c, d, KAPPA), cells.part(rows), scale))
        a[:] = project_rows(a, KAPPA)
        if step % 50 == 0:
            looked = process_time()
            stop = reached(Equilibrium(a, b, c, d, KAPPA))
            watched += process_time() - looked
            if stop:
                break
    return Equilibrium(a, b, c, d, KAPPA), (step, process_time() - began - watched)


def gradient(model: Equilibrium, cells: Cells, scale: float) -> tuple[Floats, Floats, Floats, Floats]:
    """The gradient of the mean deviance by A, B, C and D; V = active * (V A + G) is solved by iteration."""
    states = model.states(cells.inputs, TOLERANCE)
    logits = states @ model.c[0] + cells.inputs @ model.d[0]
    wrong = (cells.tried * chances(logits) - cells.solved) / scale / len(logits)
    active = states @ model.a.T + cells.inputs @ model.b.T > 0
    direct = np.outer(wrong, model.c[0])
    back = direct * active
    while True:
        following = active * (back @ model.a + direct)
        moved = np.abs(following - back).sum(axis=1).max()
        back = following
        if moved * model.kappa <= TOLERANCE * (1 - model.kappa) * np.abs(back).sum(axis=1).max(initial=1e-12):
            break
    return back.T @ states, back.T @ cells.inputs, wrong[None] @ states, wrong[None] @ cells.inputs


def small_network(cells: Cells, setting: Setting, seed: int) -> Fitted:
    wanted, width = size(cells.inputs.shape[1]), cells.inputs.shape[1]
    hidden = min(range(1, 200), key=lambda units: abs(units * (width + units + 2) + 1 - wanted))
    network = train_network(
        cells.inputs, cells.solved, cells.tried, hidden=hidden, decay=setting["decay"], steps=STEPS, seed=seed
    )
    return Fitted(network.logits, network.parameters, network.parameters)


def radial(cells: Cells, setting: Setting, seed: int) -> Fitted:
    """Logistic regression on radial functions of the arm, each alone and times every column of the problem."""
    arms = np.unique(cells.inputs[:, -cells.arm_columns :], axis=0)
    of_problem = cells.inputs.shape[1] - cells.arm_columns
    centres = spread_out(arms, min(len(arms), max(1, round(size(cells.inputs.shape[1]) / of_problem))))

    def columns(inputs: Floats) -> Floats:
        far = ((inputs[:, None, -cells.arm_columns :] - centres) ** 2).sum(axis=2)
        near = np.exp(-far / (2 * setting["width"] ** 2))
        crossed = near[:, :, None] * inputs[:, None, :of_problem]
        return np.hstack([inputs[:, :1], crossed.reshape(len(inputs), -1)])

    weights = fit_logistic(columns(cells.inputs), cells.solved, cells.tried, setting["ridge"])
    return Fitted(lambda inputs: columns(inputs) @ weights, len(weights), len(weights))


def spread_out(points: Floats, count: int) -> Floats:
    """Points each of which is the farthest from those before it."""
    chosen = [int(np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1)))]
    while len(chosen) < count:
        far = ((points[:, None] - points[chosen]) ** 2).sum(axis=2).min(axis=1)
        chosen.append(int(far.argmax()))
    return points[chosen]


def linear(cells: Cells, setting: Setting, seed: int) -> Fitted:
    """Logistic regression on the inputs, and on the arm's columns times the problem's: smaller than all the others."""

    def columns(inputs: Floats) -> Floats:
        arm, problem = inputs[:, -cells.arm_columns :], inputs[:, 1 : -cells.arm_columns]
        return np.hstack([inputs, (arm[:, :, None] * problem[:, None]).reshape(len(inputs), -1)])

    weights = fit_logistic(columns(cells.inputs), cells.solved, cells.tried, setting["ridge"])
    return Fitted(lambda inputs: columns(inputs) @ weights, len(weights), len(weights))


def rate_of_the_arm(cells: Cells, setting: Setting, seed: int) -> Fitted:
    """The solve rate of the arm, or of the nearest that was tried."""
    arms, which = np.unique(cells.inputs[:, -cells.arm_columns :], axis=0, return_inverse=True)
    solved = np.bincount(which.ravel(), cells.solved) + 0.5
    failed = np.bincount(which.ravel(), cells.tried - cells.solved) + 0.5
    logits = np.log(solved / failed)

    def predict(inputs: Floats) -> Floats:
        asked, place = np.unique(inputs[:, -cells.arm_columns :], axis=0, return_inverse=True)
        nearest = ((asked[:, None] - arms) ** 2).sum(axis=2).argmin(axis=1)
        found: Floats = logits[nearest][place.ravel()]
        return found

    return Fitted(predict, len(arms), len(arms))


def _grid(**choices: tuple[float, ...]) -> tuple[Setting, ...]:
    found: list[Setting] = [{}]
    for name, values in choices.items():
        found = [{**setting, name: value} for setting in found for value in values]
    return tuple(found)


DECAYS = (0.03, 0.3, 3.0, 30.0)
RIDGES = (1e-4, 1e-2, 1.0)
CONTENDERS = (
    Contender(
        "implicit, state-driven", _grid(decay=DECAYS, penalty=(1e-3, 3e-2), ridge=(1e-3, 1.0)), state_driven, True
    ),
    Contender("implicit, differentiated", _grid(decay=DECAYS), implicitly_differentiated, True),
    Contender("network of its states", _grid(decay=DECAYS), source_network, True),
    Contender("network", _grid(decay=DECAYS), small_network, True),
    Contender("logistic, radial basis", _grid(width=(0.7, 1.5), ridge=RIDGES), radial, False),
    Contender("logistic, linear", _grid(ridge=RIDGES), linear, False),
    Contender("rate of the arm", ({},), rate_of_the_arm, False),
)
"""The first is the one that others are held against; its own source and the last two are smaller, and no rivals."""
