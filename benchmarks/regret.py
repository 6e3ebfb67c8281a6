"""Regret over a stream of problems: what each controller solves less than the best single arm, and than an oracle.

    python benchmarks/regret.py [--attempts 3] [--streams 20] [--csv FILE ...] [--seed 0] [--out FOLDER]

Problems come one after another in a random order. On each a controller has so many attempts, stops at a success, and is
told every outcome at once. Those that need no log begin without one ("cold") and learn on the way; all begin with
what the dev table taught ("warm"). Regret sums up over the stream, in solved problems:

- against the best single arm: the chance that the arm which is best on the whole stream, taken for every attempt,
  solves the problem, minus 1 if the controller did;
- against the oracle: the same with the best arm of each problem.

Both chances are exact for samples drawn without replacement. On ``tiny`` the tables that ship are used: dev
teaches, test is the stream, and its arms are every alpha at temperatures 0.6 and 1. Of each CSV (such as ``alphadial
compare --outcomes`` takes) half of the problems teach, and the others are the stream. Writes ``regret.json`` and
``regret.png``: means over streams, and the middle 95 % of them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.agents import Replay, ReplayDataset, join_tables, load_outcome_csv
from alphadial.cli.plots import OKABE_ITO
from alphadial.cli.plots.style import FAINT, INK, figure, save
from alphadial.controller import (
    Budget,
    Controller,
    ControllerError,
    OutcomeKind,
    OutcomeLog,
    Trial,
    controller_names,
    make_controller,
    sample_orders,
)
from alphadial.controller.estimates import miss
from alphadial.controller.offline import Draws

Floats = npt.NDArray[np.float64]

TEMPERATURES = (0.6, 1.0)
POINTS = 41
"""Places along the stream that are written down."""
SHOWN = {
    "posterior warm": (OKABE_ITO["vermillion"], "-"),
    "schedule warm": (OKABE_ITO["blue"], "-"),
    "thompson warm": (OKABE_ITO["green"], "-"),
    "thompson cold": (OKABE_ITO["green"], "--"),
    "linucb warm": (OKABE_ITO["purple"], "-"),
    "linucb cold": (OKABE_ITO["purple"], "--"),
    "ab-mcts warm": ("#E69F00", "-"),
    "ab-mcts cold": ("#E69F00", "--"),
    "uniform cold": (OKABE_ITO["grey"], ":"),
}
"""Curves of the picture; the JSON has all."""


def recorded(split: str) -> OutcomeLog:
    """What every alpha of tiny did, each pair of alpha and temperature an arm."""
    tables = [(Replay.shipped("tiny", split, heat), heat) for heat in TEMPERATURES]
    return join_tables([ReplayDataset(table.log, table.problems).at(heat) for table, heat in tables]).log


def halves(path: Path, seed: int) -> tuple[OutcomeLog, OutcomeLog]:
    """What teaches, and the stream; arms of fewer samples than the others are left out."""
    log = load_outcome_csv(path).log
    measured = (log.kinds != OutcomeKind.UNMEASURABLE).sum(axis=(0, 2))
    log = log.of_arms([arm for arm, count in zip(log.arms, measured, strict=True) if count == measured.max()])
    mixed = np.random.default_rng(seed).permutation(len(log.kinds)).tolist()
    return log.of_problems(mixed[::2]), log.of_problems(mixed[1::2])


def beginnings(dev: OutcomeLog) -> dict[str, tuple[str, bool]]:
    """The curves to draw: name of the controller and whether it learns from dev, by label."""
    found = {}
    for name in controller_names():
        try:
            controller = make_controller(name, dev.arms)
        except ControllerError:  # it moves along alpha, and these arms are models
            continue
        before = controller.state()
        if not controller.needs_fit:
            found[f"{name} cold"] = name, False
        controller.fit(dev)
        if controller.state() != before:
            found[f"{name} warm"] = name, True
    return found


def begin(name: str, warm: bool, dev: OutcomeLog, seed: int, attempts: int) -> Controller:
    controller = make_controller(name, dev.arms, seed=seed, horizon=attempts)
    if warm:
        controller.fit(dev)
    return controller


def solved_along(controller: Controller, log: OutcomeLog, order: Any, path: Sequence[int], attempts: int) -> Floats:
    """(P,): 1 for each problem of the stream that was solved, in the order of the stream."""
    draws, solved = Draws(log, order), np.zeros(len(path))
    for place, problem in enumerate(path):
        history: tuple[Trial, ...] = ()
        for left in range(attempts, 0, -1):
            (decision,) = controller.select(log.contexts[problem], history, Budget(left))
            trial = draws.next(problem, draws.column(controller, decision))
            controller.update(decision, trial.outcome)
            history = (*history, trial)
            if trial.outcome.kind == OutcomeKind.SOLVED:
                solved[place] = 1
                break
    return solved


def regrets(dev: OutcomeLog, log: OutcomeLog, attempts: int, streams: int, seed: int) -> dict[str, Any]:
    """Every controller on the same streams."""
    generator = np.random.default_rng(seed)
    paths = [generator.permutation(len(log.kinds)).tolist() for _ in range(streams)]
    orders = sample_orders(log.kinds.shape, streams, seed)
    chances = 1 - miss(log.counts(), attempts)
    best = int(chances.mean(axis=0).argmax())
    rivals = {"against_best_single": chances[:, best], "against_oracle": chances.max(axis=1)}
    at = np.unique(np.linspace(0, len(log.kinds), POINTS).round().astype(int))
    curves: dict[str, Any] = {}
    for label, (name, warm) in beginnings(dev).items():
        controller = begin(name, warm, dev, seed, attempts)
        start = controller.state()
        runs = []
        for order, path in zip(orders, paths, strict=True):
            # What is learnt on one stream must not leak into the next.
            runs.append(solved_along(type(controller).from_state(start), log, order, path, attempts))
        curves[label] = {"solved": round(float(np.mean(runs)), 4)}
        for against, chance in rivals.items():
            summed = np.cumsum([chance[path] - run for path, run in zip(paths, runs, strict=True)], axis=1)
            summed = np.concatenate([np.zeros((streams, 1)), summed], axis=1)[:, at]
            low, high = np.quantile(summed, (0.025, 0.975), axis=0)
            spread = np.stack([low, high], axis=1)
            curves[label][against] = {"mean": summed.mean(axis=0).round(2).tolist(), "spread": spread.round(2).tolist()}
        print(f"{label:18} solved {curves[label]['solved']:.3f}", *ends(curves[label]), sep="  ", flush=True)
    return {
        "problems": len(log.kinds),
        "arms": len(log.arms),
        "taught_on": len(dev.kinds),
        "best_single": str(log.arms[best]),
        "best_single_solves": round(float(chances[:, best].mean()), 4),
        "oracle_solves": round(float(chances.max(axis=1).mean()), 4),
        "at": at.tolist(),
        "curves": curves,
    }


def ends(curve: dict[str, Any]) -> list[str]:
    """The regret at the end of the stream, for people."""
    words = []
    for against in ("against_best_single", "against_oracle"):
        low, high = curve[against]["spread"][-1]
        words.append(f"{against.replace('_', ' ')} {curve[against]['mean'][-1]:+.1f} [{low:.1f}, {high:.1f}]")
    return words


def draw(results: dict[str, Any], file: Path) -> None:
    """One panel per table: regret against the best single arm, with the middle 95 % of streams for the posterior."""
    with figure(len(results), (6.2 * len(results), 4.8)) as (drawing, panels):
        for axes, (table, found) in zip(panels, results.items(), strict=True):
            for label, (colour, line) in SHOWN.items():
                if label in found["curves"]:
                    curve = found["curves"][label]["against_best_single"]
                    axes.plot(found["at"], curve["mean"], line, color=colour, label=label, linewidth=1.6)
                    if label == "posterior warm":
                        low, high = np.array(curve["spread"]).T
                        axes.fill_between(found["at"], low, high, color=colour, alpha=0.12, linewidth=0)
            axes.axhline(0, color=INK, linewidth=1)
            axes.set_title(f"{table}: {found['arms']} arms, against {found['best_single']}")
            axes.set_xlabel("problems of the stream")
            axes.set_ylabel("cumulative regret, solved problems")
            axes.grid(axis="y", color=FAINT, linewidth=0.6)
        handles, labels = panels[0].get_legend_handles_labels()
        drawing.legend(
            handles, labels, loc="outside lower center", ncols=min(5, 3 * len(results)), frameon=False, fontsize=9
        )
        save(drawing, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=3, help="per problem")
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--csv", type=Path, nargs="*", default=[], help="outcome tables that others made")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    tables = {"tiny": (recorded("dev"), recorded("test"))}
    tables |= {path.stem: halves(path, options.seed) for path in options.csv}
    results = {}
    for table, (dev, log) in tables.items():
        print(f"{table}: {len(log.kinds)} problems, {options.attempts} attempts each")
        results[table] = regrets(dev, log, options.attempts, options.streams, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    said = {"attempts": options.attempts, "streams": options.streams, "seed": options.seed, "tables": results}
    (options.out / "regret.json").write_text(json.dumps(said) + "\n")
    draw(results, options.out / "regret.png")


if __name__ == "__main__":
    main()
