"""Does the dial pay, on problems that nothing was tuned on? Every claim with its interval, from outcome tables.

Each family is a folder with tables as ``alphadial frontier`` makes them, of one training seed: ``dev-T`` and ``test-T``
for each temperature T, either run folders or files ``dev-T.json.xz``. Everything is chosen on dev and reported on test;
intervals are at 95 %, paired by problem and clustered by template.

1. ``ensembles``: the ensemble over all alphas minus the best single arm (any alpha or checkpoint, at any temperature),
   minus the ensemble over [0, 1], over alphas from 0 up, and over the checkpoints, of which none is merged.
2. ``opened``: problems that everything in [0, 1] misses and one extrapolated alpha solves in at least 4 samples; beside
   it the same count for as many fresh samples of the best inside, and of the others there. The command that makes those
   is printed where they are missing. ``beyond``: rates beyond both ends minus those at the ends.
3. ``controllers``: posterior minus best single, schedule and rule, over all arms of alpha and temperature; and the same
   with verdicts off, where a controller learns only whether an attempt solved the problem.

    python benchmarks/frontier_claims.py tables/seed0 tables/seed1 tables/seed2 [--skip controllers]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.agents import OutcomeTable, ReplayDataset, join_tables, load_outcomes
from alphadial.agents.experiments.attempt_curves import dialled, solved_and_measured
from alphadial.agents.experiments.compare.choice import Datasets, DevChoice, ReplaySettings, choose, play
from alphadial.agents.experiments.compare.rows import BEST_SINGLE
from alphadial.agents.experiments.compare.shipped_tables import replay_dataset
from alphadial.agents.experiments.ensembles import KS, ensemble_rows, solve_counts
from alphadial.agents.experiments.metrics import ClusterBootstrap, Estimate, rates
from alphadial.agents.experiments.opened_problems import (
    LEAST,
    best_inside,
    opened_by_control,
    opened_problems,
    solved_by_group,
)
from alphadial.agents.experiments.outcomes import TableModel, failure_kind
from alphadial.agents.experiments.processes import Processes
from alphadial.controller import OutcomeKind
from alphadial.envs.types import FailureKind

PARTS = ("ensembles", "beyond", "opened", "groups", "controllers")
OPENED_AT = 0.6
PLAYED = (2, 3, 5, 10)
ROWS = (BEST_SINGLE, "schedule", "rule", "posterior")
RESULTS = Path(__file__).parent / "results" / "frontier_claims.json"
Tables = dict[str, dict[float, OutcomeTable]]
"""Tables by split and temperature."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="+", type=Path, help="folders with the tables of one training seed each")
    parser.add_argument("--skip", nargs="*", default=[], choices=PARTS, help="what keeps the figures that --out has")
    parser.add_argument("--orders", type=int, default=200, help="orders that controllers are replayed over")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(options.out.read_text()) if options.skip and options.out.exists() else {}
    for folder in options.families:
        print(f"\n{folder.name}")
        tables = read_tables(folder)
        found: dict[str, Any] = results.setdefault(folder.name, {})
        if "ensembles" not in options.skip:
            found["ensembles"] = ensembles(tables)
        if "beyond" not in options.skip:
            found["beyond"] = beyond(tables["test"][OPENED_AT])
        if "opened" not in options.skip:
            found["opened"] = opened(tables, folder)
        if "groups" not in options.skip:
            found["groups"] = solved_by_group(tables["test"][OPENED_AT])
        if "controllers" not in options.skip:
            found["controllers"] = controllers(tables, ReplaySettings(options.orders), options.workers)
        options.out.parent.mkdir(exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")


def read_tables(folder: Path) -> Tables:
    """The tables of a folder, by split and temperature."""
    tables: Tables = {"dev": {}, "test": {}}
    for split, by_heat in tables.items():
        files = {*folder.glob(f"{split}-*.json.xz"), *folder.glob(f"{split}-*/outcomes.json")}
        found = [load_outcomes(file) for file in files if "control" not in str(file.relative_to(folder))]
        by_heat |= {table.temperature: table for table in sorted(found, key=lambda table: table.temperature)}
        if not by_heat:
            raise SystemExit(f"{folder} holds no table of {split}: {split}-0.6/outcomes.json or {split}-0.6.json.xz")
    shared = set(tables["dev"]) & set(tables["test"])
    return {split: {heat: by_heat[heat] for heat in sorted(shared)} for split, by_heat in tables.items()}


def ensembles(tables: Tables) -> list[dict[str, Any]]:
    """Claim 1, a line for each k and way to spend its attempts."""
    dev, test = (solve_counts(list(tables[split].values())) for split in ("dev", "test"))
    rows = ensemble_rows(dev, test, KS)
    print(f"  ensembles on {len(test.templates)} problems of {len(set(test.templates))} templates, chosen on dev")
    for row in rows:
        width = (row.all_minus.high - row.all_minus.low) / 2
        drawn = ", ".join(f"{attempts} x {arm}" for arm, attempts in row.drawn[:6])
        print(
            f"  k {row.k:>2} {row.name:<25} {said(row.solve)}  all - this {said(row.all_minus)} +-{100 * width:.1f}"
            f"  [{drawn}]"
        )
    return [row.to_json() for row in rows]


def beyond(table: OutcomeTable) -> list[dict[str, Any]]:
    """How rates go on beyond both ends, and what happens between them."""
    alphas = [model.alpha or 0.0 for model in dialled(table)]
    pairs = [(1.0, 0.0), *((alpha, 0.0) for alpha in alphas if alpha < 0), *((a, 1.0) for a in alphas if a > 1)]
    bootstrap = ClusterBootstrap([problem.template for problem in table.problems])
    rows = []
    print(f"  rates on test, T {table.temperature:g}")
    for alpha in alphas:
        row = {name: bootstrap.mean(problem_rates(table, at_alpha(table, alpha), kind)) for name, kind in KINDS.items()}
        rows.append({"alpha": alpha, **{name: in_json(estimate) for name, estimate in row.items()}})
        print(f"  alpha {alpha:>4g}   " + "  ".join(f"{name} {said(value)}" for name, value in row.items()))
    for to, since in pairs:
        sides = (at_alpha(table, to), at_alpha(table, since))
        row = {
            name: bootstrap.difference(*(problem_rates(table, side, kind) for side in sides))
            for name, kind in KINDS.items()
        }
        rows.append({"alpha": to, "minus": since, **{name: in_json(value) for name, value in row.items()}})
        print(f"  {to:>4g} minus {since:g} " + "  ".join(f"{name} {said(value)}" for name, value in row.items()))
    return rows


def opened(tables: Tables, folder: Path) -> dict[str, Any]:
    """Claim 2: what extrapolation opens, and what the control does."""
    dev, test = (tables[split][OPENED_AT] for split in ("dev", "test"))
    found, best = opened_problems(test), best_inside(dev)
    print(
        f"  opened: {len(found.problems)} of {len(found.missed)} problems that {', '.join(found.inside)} miss in "
        f"{found.samples} samples each; {len(found.below)} by an alpha below 0, {len(found.above)} by one above 1"
    )
    result: dict[str, Any] = {
        "missed": len(found.missed),
        "opened": list(found.problems),
        "below": len(found.below),
        "above": len(found.above),
        "by_alpha": {f"{alpha:g}": len(problems) for alpha, problems in found.by_alpha.items()},
        "least": LEAST,
        "samples": found.samples,
        "best_inside": best.name,
        "control": None,
    }
    file = folder / f"test-control-{OPENED_AT:g}" / "outcomes.json"
    packed = folder / f"test-control-{OPENED_AT:g}.json.xz"
    if not (file.is_file() or packed.is_file()):
        alphas = ",".join(f"{model.alpha:g}" for model in dialled(test) if model.name in found.inside)
        print(
            f"  no control yet: alphadial frontier {test.family} --split test --alphas={alphas} --temperature "
            f"{OPENED_AT:g} --samples {found.fresh_samples} --seed 1 --workers 1 --out {file.parent} --problems "
            f"{','.join(found.missed)}"
        )
        return result
    fresh = load_outcomes(file if file.is_file() else packed)
    control = {model.name: list(opened_by_control(found, fresh, model.name)) for model in fresh.models}
    result["control"] = control
    told = ", ".join(f"{name} opens {len(problems)}" for name, problems in control.items())
    print(f"  control, {found.fresh_samples} fresh samples each (best inside on dev: {best.name}): {told}")
    return result


def controllers(tables: Tables, settings: ReplaySettings, workers: int) -> list[dict[str, Any]]:
    """Claim 3, with verdicts and without."""
    rows = []
    with Processes(workers) as executor:
        for verdicts in (True, False):
            dev: Datasets = {None: joined(tables["dev"], verdicts)}
            test: Datasets = {None: joined(tables["test"], verdicts)}
            tasks = [(name, k) for k in PLAYED for name in ROWS]
            count = len(tasks)
            every = DevChoice(None, dev[None].log.arms, None)
            chosen = [choose(task, dev, settings) if task[0] == BEST_SINGLE else every for task in tasks]
            played = executor.map(play, tasks, chosen, [dev] * count, [test] * count, [settings] * count)
            solved = {task: found.solve for task, found in zip(tasks, played, strict=True)}
            bootstrap = ClusterBootstrap(test[None].templates)
            for k in PLAYED:
                ours = solved["posterior", k]
                gains = {name: bootstrap.difference(ours, solved[name, k]) for name in ROWS if name != "posterior"}
                rows.append(
                    {
                        "k": k,
                        "verdicts": verdicts,
                        "posterior": in_json(bootstrap.mean(ours)),
                        **{f"minus_{name}": in_json(gain) for name, gain in gains.items()},
                    }
                )
                print(
                    f"  k {k:>2} verdicts {'on ' if verdicts else 'off'} posterior {said(bootstrap.mean(ours))}  "
                    + "  ".join(f"- {name} {said(gain)}" for name, gain in gains.items())
                )
    return rows


def joined(tables: dict[float, OutcomeTable], verdicts: bool) -> ReplayDataset:
    """Tables as one of all arms, which have as many samples each; without verdicts every failure is of one kind."""
    least = min(table.samples for table in tables.values())
    whole = join_tables([replay_dataset(table).first_samples(least).at(heat) for heat, table in tables.items()])
    if verdicts:
        return whole
    kinds = whole.log.kinds
    blind = np.where(kinds == OutcomeKind.OPTIMISATION, np.uint8(OutcomeKind.CORRECTNESS), kinds)
    return replace(whole, log=replace(whole.log, kinds=blind))


KINDS = {"solved": None, "correctness": FailureKind.CORRECTNESS, "optimisation": FailureKind.OPTIMISATION}


def at_alpha(table: OutcomeTable, alpha: float) -> TableModel:
    return next(model for model in table.models if model.alpha == alpha)


def problem_rates(table: OutcomeTable, model: TableModel, kind: FailureKind | None) -> npt.NDArray[np.float64]:
    """Per problem (P,), the fraction of measurable attempts that ended so."""
    _, measured = solved_and_measured(table, model)
    ended = [
        sum(times for letter, times in cell.items() if failure_kind(letter) is kind) for cell in table.counts(model)
    ]
    return rates(ended, measured)


def in_json(estimate: Estimate) -> dict[str, Any]:
    return {"value": round(estimate.value, 4), "ci": [round(estimate.low, 4), round(estimate.high, 4)]}


def said(estimate: Estimate) -> str:
    low, value, high = (100 * number for number in (estimate.low, estimate.value, estimate.high))
    return f"{value:5.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    main()
