"""How large must a log be? Controllers that learnt from a few problems of public outcome tables, against round robin.

    python benchmarks/log_sizes.py [--data ../shared/data/outcomes] [--small 100] [--large 60] [--out FILE]

For each table and log size, problems are drawn without replacement, so many times; controllers learn from them and are
tried on all others. What a controller solves is exact for samples drawn without replacement: it is asked for its
attempts on a problem that no attempt solves. Arms change their names with every draw, so that ties between arms are
not decided by the alphabet. The table shows, in points of a hundred, the solve rate of round robin by solve rate and
what each controller solves beyond it; "least" is the least of that over all k, with its standard error over draws.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.agents.experiments.foreign_tables import load_outcome_csv
from alphadial.controller import (
    Arm,
    Budget,
    Context,
    Controller,
    Outcome,
    OutcomeKind,
    OutcomeLog,
    Trial,
    make_controller,
)
from alphadial.controller.estimates import miss

TABLES: dict[str, dict[str, Any]] = {
    "lcb_gen_2024_04": {},
    "cruxeval_output_T0.2": {},
    "cruxeval_output_T0.8": {},
    "evalperf_pass100_T1.0": {"percent": True},
    "lcb_verdicts_o1": {},
}
SIZES = (5, 7, 10, 20, 40, 80, 160, 320, 640)
SMALL = 20
"""Logs of up to so many problems are drawn more often, as they differ more."""
CONTROLLERS = ("posterior", "posterior:features=false")
"""The second where problems have features."""
REFERENCE = "round-robin"
SHOWN = (1, 2, 3, 5, 10)
FAILURE = Outcome(OutcomeKind.CORRECTNESS, "WA")
Floats = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/outcomes"))
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--small", type=int, default=100, help=f"draws of logs of up to {SMALL} problems")
    parser.add_argument("--large", type=int, default=60, help="draws of larger logs; a quarter with features")
    parser.add_argument("--attempts", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "log_sizes.json")
    options = parser.parse_args()
    found: dict[str, Any] = {"attempts": options.attempts, "tables": {}}
    for name in options.tables:
        log = whole(load_outcome_csv(options.data / f"{name}.csv", **TABLES[name]).log)
        found["tables"][name] = sized = {}
        for size in (size for size in SIZES if size <= 0.85 * len(log.kinds)):
            # With features nearly every problem has plans of its own, which take most of the time.
            large = options.large // 4 if features_of(log) else options.large
            draws = options.small if size <= SMALL else large
            sized[size] = measured = beyond(log, size, draws, min(options.attempts, log.kinds.shape[2]))
            print(line(name, size, measured), flush=True)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")


def whole(log: OutcomeLog) -> OutcomeLog:
    """The arms of which every sample could be measured."""
    known = (log.kinds != OutcomeKind.UNMEASURABLE).all(axis=(0, 2))
    return log.of_arms([arm for arm, all_known in zip(log.arms, known, strict=True) if all_known])


def features_of(log: OutcomeLog) -> bool:
    """Whether something is known of problems."""
    return any(context.features for context in log.contexts)


def beyond(log: OutcomeLog, size: int, draws: int, attempts: int) -> dict[str, Any]:
    """Solve rates of round robin by k, and what each controller solves beyond it, in points."""
    names = [*CONTROLLERS] if features_of(log) else [CONTROLLERS[0]]
    solved: dict[str, list[Floats]] = {name: [] for name in (REFERENCE, *names)}
    for draw in range(draws):
        generator = np.random.default_rng([size, draw])
        rows = generator.permutation(len(log.kinds)).tolist()
        renamed = replace(log, arms=tuple(Arm(f"{place:03}") for place in generator.permutation(len(log.arms))))
        learnt, others = renamed.of_problems(rows[:size]), renamed.of_problems(rows[size:])
        for name in solved:
            controller = make_controller(name, renamed.arms, seed=draw, horizon=attempts)
            controller.fit(learnt)
            solved[name].append(coverage(controller, others, attempts))
    reference = np.array(solved[REFERENCE])
    result: dict[str, Any] = {"draws": draws, REFERENCE: (100 * reference.mean(axis=0)).round(2).tolist()}
    for name in names:
        more = 100 * (np.array(solved[name]) - reference)
        least = int(more.mean(axis=0).argmin())
        error = more[:, least].std(ddof=1) / np.sqrt(draws)
        result[name] = {
            "beyond": more.mean(axis=0).round(2).tolist(),
            "least": round(float(more[:, least].mean()), 2),
            "least_k": least + 1,
            "least_error": round(float(error), 2),
        }
    return result


def coverage(controller: Controller, log: OutcomeLog, attempts: int) -> Floats:
    """(attempts,): the share of the problems that k attempts solve, each k planned as such."""
    counts = log.counts()
    by_draws = np.stack([miss(counts, draws) for draws in range(attempts + 1)])
    columns = {arm: column for column, arm in enumerate(log.arms)}
    plans: dict[tuple[tuple[str, float | str], ...], list[list[int]]] = {}
    missed = np.ones((len(counts), attempts))
    for problem, context in enumerate(log.contexts):
        features = tuple(sorted(context.features.items()))
        if features not in plans:
            plans[features] = [walk(controller, context, columns, k) for k in range(1, attempts + 1)]
        for k, plan in enumerate(plans[features]):
            used = np.bincount(plan, minlength=len(columns))
            missed[problem, k] = by_draws[used, problem, np.arange(len(columns))].prod()
    shares: Floats = 1 - missed.mean(axis=0)
    return shares


def walk(controller: Controller, context: Context, columns: dict[Arm, int], attempts: int) -> list[int]:
    """Columns of so many attempts on a problem that none of them solves."""
    history: list[Trial] = []
    for left in range(attempts, 0, -1):
        (decision,) = controller.select(context, history, Budget(left))
        history.append(Trial(decision.arm, FAILURE))
    return [columns[trial.arm] for trial in history]


def line(name: str, size: int, measured: dict[str, Any]) -> str:
    """One line of the table."""
    rates = measured[REFERENCE]
    shown = [k for k in SHOWN if k <= len(rates)]
    text = f"{name:22.22} n={size:<4}{REFERENCE} " + " ".join(f"{rates[k - 1]:.1f}" for k in shown)
    for controller in (found for found in measured if found in CONTROLLERS):
        of = measured[controller]
        text += f" | {controller} " + " ".join(f"{of['beyond'][k - 1]:+.1f}" for k in shown)
        text += f" least {of['least']:+.2f}@{of['least_k']} ({of['least_error']:.2f})"
    return text


if __name__ == "__main__":
    main()
