"""Does an equilibrium model foretell solve rates where nothing was tried better than rivals of its size?

    python benchmarks/implicit_reward.py [--tables FOLDER] [--outcomes lcb.csv] [--out FILE]

Tables are those that ``alphadial compare`` stands on (SPLIT-TEMPERATURE, default: the shipped ones of tiny), and a CSV
of models with features and dates. Each comparison is fitted on one part and reported on another:

    none        problems at random, beside the shifts
    alphas      fitted on alphas of [0, 1], reported on the others, on the same problems
    templates   fitted on dev, reported on problems of test whose template dev lacks
    dates       (CSV) fitted on the earlier 70 % of the problems, reported on the later ones

All contenders read the same inputs: features, words of the statement, alpha, temperature, and of models without a dial
how often they were right on the problems that are fitted. Template, role and size of a tiny problem are no inputs: the
first two would give the answer away, and no statement says the third. Settings are chosen by the deviance in
rehearsals of the shift within what is fitted: one end of the alphas is held out, or a quarter of the templates, or the
later problems; nothing that is reported is looked at. Errors are means over problems of the means over cells, of three
seeds where a seed matters; intervals are of a bootstrap by template, by problem for the CSV.

Then training: processor seconds of state-driven training, of the same model by implicit differentiation for a number of
steps, and to the deviance that the first reached; rows one after another and by two processes, compared bit by bit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import numpy.typing as npt
from reward_contenders import (
    CONTENDERS,
    KAPPA,
    STEPS,
    Cells,
    Contender,
    Fitted,
    Setting,
    differentiate,
    source_of_states,
)

from alphadial.agents import ReplayDataset, join_tables, load_outcome_csv, load_outcomes
from alphadial.agents.experiments.compare import shipped_tables
from alphadial.agents.experiments.metrics import ClusterBootstrap, Estimate
from alphadial.controller import OutcomeLog
from alphadial.controller.implicit.logistic import chances, mean_deviance
from alphadial.controller.implicit.network import train_network
from alphadial.controller.implicit.reward_inputs import RewardInputs
from alphadial.controller.implicit.reward_model import WORDS, cells
from alphadial.controller.implicit.state_driven import fit_states, train_state_driven
from alphadial.envs import load_split

Floats = npt.NDArray[np.float64]
RESULTS = Path(__file__).parent / "results" / "implicit_reward.json"
SHIPPED = Path(shipped_tables.__file__).parent / "shipped" / "tiny"
SEEDS = (0, 1, 2)
MEASURES = ("brier", "deviance", "off")
LEAST = 1e-3
"""Chances are taken as no less, and no more than 1 minus it, in the deviance: one sure mistake is not all there is."""
MOST_CELLS = 3000
"""Settings are chosen on so many cells at most."""


Pair = tuple[ReplayDataset, ReplayDataset]
"""What is fitted, and what is asked."""


@dataclass(frozen=True)
class Shift:
    """What is fitted, and what is reported."""

    name: str
    fitted: ReplayDataset
    reported: ReplayDataset
    rehearsals: tuple[Pair, ...]
    """Parts of what is fitted that settings are chosen on."""


def load_tables(folder: Path, split: str) -> ReplayDataset:
    """The tables of all temperatures of a split, as one, with statements."""
    problems = load_split("tiny-problems", split).problems
    tables = [load_outcomes(path) for path in sorted(folder.glob(f"{split}-[0-9]*"))]  # without controls
    if not tables:
        raise SystemExit(f"{folder} holds no table of split {split}")
    return join_tables([shipped_tables.replay_dataset(table, problems).at(table.temperature) for table in tables])


def of_arms(data: ReplayDataset, keeps: Callable[[float], bool]) -> ReplayDataset:
    arms = [arm for arm in data.log.arms if keeps(arm.alpha or 0.0)]
    return ReplayDataset(data.log.of_arms(arms), data.templates)


def split_problems(data: ReplayDataset, reported: npt.NDArray[np.bool_]) -> Pair:
    return data.part(np.flatnonzero(~reported).tolist()), data.part(np.flatnonzero(reported).tolist())


def quarters(data: ReplayDataset) -> tuple[Pair, ...]:
    """Twice three quarters of the templates, and the quarter that is held out."""
    names = sorted(set(data.templates))
    order, quarter = np.random.default_rng(1).permutation(names).tolist(), len(names) // 4
    helds = set(order[:quarter]), set(order[quarter : 2 * quarter])
    return tuple(split_problems(data, np.array([template in held for template in data.templates])) for held in helds)


def ends(data: ReplayDataset) -> tuple[Pair, ...]:
    """The least alpha held out, and the greatest."""
    alphas = [arm.alpha or 0.0 for arm in data.log.arms]
    return tuple((of_arms(data, end.__ne__), of_arms(data, end.__eq__)) for end in (min(alphas), max(alphas)))


def by_date(data: ReplayDataset) -> Pair:
    """The earlier 70 % of the problems, and the later ones."""
    dates = np.array([float(context.features["date"]) for context in data.log.contexts])
    return split_problems(data, dates > np.quantile(dates, 0.7))


def shifts_of_tables(folder: Path) -> list[Shift]:
    dev, test = load_tables(folder, "dev"), load_tables(folder, "test")
    depth = max(dev.log.kinds.shape[2], test.log.kinds.shape[2])
    kinds = [
        np.pad(part.log.kinds, ((0, 0), (0, 0), (0, depth - part.log.kinds.shape[2])), constant_values=3)
        for part in (dev, test)
    ]
    log = OutcomeLog(dev.log.arms, np.concatenate(kinds), dev.log.contexts + test.log.contexts)
    both = ReplayDataset(log, dev.templates + test.templates)
    unseen = [row for row, template in enumerate(test.templates) if template not in set(dev.templates)]
    inside, outside = of_arms(both, lambda alpha: 0 <= alpha <= 1), of_arms(both, lambda alpha: not 0 <= alpha <= 1)
    rehearsals = ends(inside)
    return [
        Shift("alphas", inside, outside, rehearsals),
        *(
            Shift(f"alphas: {alpha:g} alone", inside, of_arms(both, alpha.__eq__), rehearsals)
            for alpha in sorted({arm.alpha or 0.0 for arm in outside.log.arms})
        ),
        Shift("templates", dev, test.part(unseen), quarters(dev)),
        at_random("none", both),
    ]


def at_random(name: str, data: ReplayDataset) -> Shift:
    """Three tenths of the problems are reported."""
    chosen = np.zeros(len(data.templates), dtype=bool)
    chosen[np.random.default_rng(0).permutation(len(chosen))[: round(0.3 * len(chosen))]] = True
    fitted, reported = split_problems(data, chosen)
    return Shift(name, fitted, reported, quarters(fitted))


def shifts_of_csv(path: Path) -> list[Shift]:
    data = load_outcome_csv(path)
    earlier, later = by_date(data)
    return [Shift(f"{path.stem}: dates", earlier, later, (by_date(earlier),)), at_random(f"{path.stem}: none", data)]


def read_cells(inputs: RewardInputs, log: OutcomeLog) -> Cells:
    return Cells(*cells(inputs, log), inputs.arm_columns)


def choose(contender: Contender, folds: Sequence[tuple[Cells, Cells]]) -> Setting:
    """The setting of the least deviance on what is held out."""

    def deviance(setting: Setting) -> float:
        each = [
            mean_deviance(contender.fit(known, setting, 0).predict(asked.inputs), asked.solved, asked.tried)
            for known, asked in folds
        ]
        return float(np.mean(each))

    return min(contender.settings, key=deviance) if len(contender.settings) > 1 else contender.settings[0]


def thinned(pair: Pair) -> tuple[Cells, Cells]:
    """A rehearsal as cells."""
    fitted, asked = pair
    inputs = RewardInputs.of(fitted.log, WORDS)
    known = read_cells(inputs, fitted.log)
    few = np.random.default_rng(2).permutation(len(known.tried))[:MOST_CELLS]
    return known.part(few), read_cells(inputs, asked.log)


def errors(fitted: Fitted, inputs: RewardInputs, log: OutcomeLog) -> dict[str, Floats]:
    """(P,) for each measure: means over the arms of a problem."""
    logits = fitted.predict(inputs.rows(log.contexts, log.arms)).reshape(len(log.contexts), len(log.arms))
    counts = log.counts()
    with np.errstate(invalid="ignore"):
        rates = counts[:, :, 0] / counts.sum(axis=2)
    said = chances(logits)
    bounded = np.clip(said, LEAST, 1 - LEAST)
    cell = {
        "brier": (said - rates) ** 2 + rates * (1 - rates),
        "deviance": -(rates * np.log(bounded) + (1 - rates) * np.log(1 - bounded)),
        "off": np.abs(said - rates),
    }
    return {name: np.nanmean(values, axis=1) for name, values in cell.items()}


def compare(shifts: Sequence[Shift]) -> dict[str, Any]:
    """Every contender on shifts that share what is fitted."""
    data = shifts[0].fitted
    inputs = RewardInputs.of(data.log, WORDS)
    known, folds = read_cells(inputs, data.log), [thinned(pair) for pair in shifts[0].rehearsals]
    found: dict[str, dict[str, dict[str, Floats]]] = {shift.name: {} for shift in shifts}
    facts: dict[str, dict[str, Any]] = {}
    for contender in CONTENDERS:
        setting = choose(contender, folds)
        seeds = SEEDS if contender.seeded else SEEDS[:1]
        fits = [contender.fit(known, setting, seed) for seed in seeds]
        facts[contender.name] = {
            "setting": setting,
            "parameters": fits[0].parameters,
            "not_zero": round(float(np.mean([fit.used for fit in fits]))),
        }
        for shift in shifts:
            each = [errors(fit, inputs, shift.reported.log) for fit in fits]
            found[shift.name][contender.name] = {
                measure: np.mean([one[measure] for one in each], axis=0) for measure in MEASURES
            }
    return {shift.name: summary(shift, len(known.tried), found[shift.name], facts) for shift in shifts}


def summary(
    shift: Shift, fitted: int, found: dict[str, dict[str, Floats]], facts: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    bootstrap = ClusterBootstrap(shift.reported.templates)
    first = CONTENDERS[0].name
    rows = {}
    for name, by_measure in found.items():
        rows[name] = {
            **facts[name],
            **{measure: spell(bootstrap.mean(values)) for measure, values in by_measure.items()},
            "first_minus_it": {
                measure: spell(bootstrap.difference(found[first][measure], values))
                for measure, values in by_measure.items()
            },
        }
    return {
        "cells_fitted": fitted,
        "cells_reported": int(shift.reported.log.kinds[:, :, 0].size),
        "problems_reported": len(shift.reported.templates),
        "templates_reported": len(set(shift.reported.templates)),
        "contenders": rows,
    }


def spell(estimate: Estimate) -> list[float | None]:
    """Value, low, high."""
    return [value if value is None else round(value, 4) for value in (estimate.value, *estimate.interval)]


def show(name: str, result: dict[str, Any]) -> None:
    print(
        f"\n{name}: {result['cells_fitted']} cells fitted, {result['cells_reported']} reported "
        f"({result['problems_reported']} problems, {result['templates_reported']} templates)"
    )
    print(f"{'':26}{'numbers':>8}{'not 0':>7}  {'Brier':<24}{'deviance':<24}{'|rate off|':<24}first minus it, Brier")
    for contender, row in result["contenders"].items():
        shown = "".join(f"{interval(row[measure]):<24}" for measure in MEASURES)
        less = "" if contender == CONTENDERS[0].name else interval(row["first_minus_it"]["brier"])
        print(f"{contender:26}{row['parameters']:>8}{row['not_zero']:>7}  {shown}{less}")


def interval(values: Sequence[float | None]) -> str:
    value, low, high = (float("nan") if bound is None else bound for bound in values)
    return f"{value:.4f} [{low:.4f}, {high:.4f}]"


def training(data: ReplayDataset) -> dict[str, Any]:
    """Seconds and deviances on the cells that are fitted."""
    inputs = RewardInputs.of(data.log, WORDS)
    known = read_cells(inputs, data.log)
    began = process_time()
    network = source_of_states(known, 0.3, 0)
    trained = process_time()
    source = network.as_equilibrium(known.inputs, KAPPA)
    model = train_state_driven(source, known.inputs, known.solved, known.tried, penalty=1e-3, ridge=1e-3)
    ended = process_time()

    def deviance_of(logits: Floats) -> float:
        return mean_deviance(logits, known.solved, known.tried)

    wanted = deviance_of(model.outputs(known.inputs)[:, 0])
    other, (_, seconds) = differentiate(known, 0.3, STEPS, 0)
    to_it, (steps, reached_s) = differentiate(
        known, 0.0, 4 * STEPS, 0, lambda model: deviance_of(model.outputs(known.inputs)[:, 0]) <= wanted
    )
    return {
        "cells": len(known.tried),
        "inputs": known.inputs.shape[1],
        "states": len(model.a),
        "state_driven": {
            "network_s": round(trained - began, 2),
            "network_deviance": round(deviance_of(network.logits(known.inputs)), 4),
            "rows_and_outputs_s": round(ended - trained, 2),
            "deviance": round(wanted, 4),
        },
        "differentiated": {
            "steps": STEPS,
            "seconds": round(seconds, 2),
            "deviance": round(deviance_of(other.outputs(known.inputs)[:, 0]), 4),
        },
        "differentiated_to_the_same_deviance": {
            "steps": steps,
            "seconds": round(reached_s, 2),
            "deviance": round(deviance_of(to_it.outputs(known.inputs)[:, 0]), 4),
            "reached": deviance_of(to_it.outputs(known.inputs)[:, 0]) <= wanted,
        },
        "rows": [rows_side_by_side(known, hidden) for hidden in (6, 48)],
    }


def rows_side_by_side(known: Cells, hidden: int) -> dict[str, Any]:
    part = known.part(np.random.default_rng(0).permutation(len(known.tried))[:4000])
    network = train_network(part.inputs, part.solved, part.tried, hidden=hidden, decay=0.3, steps=300, seed=0)
    source = network.as_equilibrium(part.inputs, KAPPA)
    with ProcessPoolExecutor(2, get_context("spawn")) as executor:
        list(executor.map(abs, range(4)))  # both are up
        began = perf_counter()
        serial = fit_states(source, part.inputs, 1e-3)
        between = perf_counter()
        beside = fit_states(source, part.inputs, 1e-3, executor)
        ended = perf_counter()
    equal = all(one.tobytes() == other.tobytes() for one, other in zip(serial, beside, strict=True))
    return {
        "rows": len(serial[0]),
        "serial_s": round(between - began, 2),
        "two_processes_s": round(ended - between, 2),
        "equal_bit_for_bit": equal,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, default=SHIPPED, help="folder of dev-TEMPERATURE and test-TEMPERATURE")
    parser.add_argument("--outcomes", type=Path, help="a CSV with features and a date")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    shifts = shifts_of_tables(options.tables) + (shifts_of_csv(options.outcomes) if options.outcomes else [])
    alike: dict[int, list[Shift]] = {}
    for shift in shifts:
        alike.setdefault(id(shift.fitted), []).append(shift)
    results: dict[str, Any] = {
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "load_before": round(os.getloadavg()[0], 1)},
        "errors": {},
    }
    for group in alike.values():
        results["errors"] |= (found := compare(group))
        for name, result in found.items():
            show(name, result)
        options.out.parent.mkdir(exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")
    results["training"] = training(shifts[0].fitted)
    print("\ntraining:", json.dumps(results["training"], indent=1))
    options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
