"""Does alpha trade wrong programs for slow ones, on problems that nothing was tuned on? The claims, with intervals.

For the first family given (default: the shipped one) it runs ``alphadial frontier`` on dev and on test, chooses one
alpha outside [0, 1] and the best of low, mid and high on dev alone, and reports on test:

1. optimisation and correctness failures at alpha 1 minus alpha 0, and optimisation failures at 1.25 minus 1, paired,
   intervals clustered by template;
2. how many problems the chosen alpha solves in 32 samples that low, mid and high each miss in 32, beside the same count
   for 32 fresh samples of the best of the three.

Of further families (folders of ``alphadial train`` with other seeds) only the differences of 1 are measured, on test.

    python benchmarks/frontier_claims.py --runs runs/claims tiny runs/seed-1 runs/seed-2
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.agents.experiments.frontier import frontier
from alphadial.agents.experiments.metrics import ClusterBootstrap, rates
from alphadial.agents.experiments.outcomes import SOLVED, OutcomeTable, TableModel, failure_kind, load_outcomes
from alphadial.envs.types import FailureKind

ALPHAS = "-1,-0.5,-0.25,0,0.25,0.5,0.75,1,1.25,1.5,2"
SHOWN = ("signs", "beyond")
RESULTS = Path(__file__).parent / "results" / "frontier_claims.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", default=["tiny"], help="names or folders")
    parser.add_argument("--runs", type=Path, default=Path("runs/claims"), help="where the run folders are kept")
    parser.add_argument("--samples", type=int, default=32)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for family in options.families:
        name = Path(family).name
        if not results:
            results[name] = all_claims(family, options.runs / name, options.samples)
        else:
            table = sample(family, "test", options.runs / name / "test", options.samples, alphas="0,1,1.25")
            results[name] = {"signs": signs(table), "test": frontier(table)}
        print(json.dumps({name: {key: value for key, value in results[name].items() if key in SHOWN}}, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def all_claims(family: str, folder: Path, samples: int) -> dict[str, Any]:
    """Everything measured on one family."""
    dev = sample(family, "dev", folder / "dev", samples)
    test = sample(family, "test", folder / "test", samples)
    beyond = {alpha: new_solves(dev, at_alpha(dev, alpha)) for alpha in outside(dev)}
    chosen = max(beyond, key=lambda alpha: (len(beyond[alpha]), solve_rate(at_alpha(dev, alpha))))
    best = max(three(dev), key=solve_rate)
    again = sample(family, "test", folder / "fresh", samples, alphas="0,1", seed=1)
    fresh = next(model for model in again.models if model.name == best.name)
    found, control = new_solves(test, at_alpha(test, chosen)), new_solves(test, fresh)
    return {
        "signs": signs(test),
        "beyond": {
            "alpha_chosen_on_dev": chosen,
            "dev_counts": {f"{alpha:g}": len(solved) for alpha, solved in beyond.items()},
            "solved_by_it_and_missed_by_low_mid_high": len(found),
            "best_of_three_on_dev": best.name,
            "solved_by_its_fresh_samples_and_missed_by_all_three": len(control),
            "problems": sorted(found),
        },
        "dev": frontier(dev),
        "test": frontier(test),
    }


def signs(table: OutcomeTable) -> dict[str, Any]:
    """The differences of claim 1."""
    return {
        "optimisation_1_minus_0": difference(table, 1, 0, FailureKind.OPTIMISATION),
        "correctness_1_minus_0": difference(table, 1, 0, FailureKind.CORRECTNESS),
        "optimisation_1.25_minus_1": difference(table, 1.25, 1, FailureKind.OPTIMISATION),
    }


def sample(family: str, split: str, out: Path, samples: int, alphas: str = ALPHAS, seed: int = 0) -> OutcomeTable:
    """Runs the command (which resumes, and is quick when all is there) and reads its outcome table."""
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [str(Path(sys.executable).with_name("alphadial")), "frontier", family, "--split", split]
    command += ["--out", str(out), "--samples", str(samples), f"--alphas={alphas}", "--seed", str(seed)]
    subprocess.run([*command, "--json", str(out.with_suffix(".json"))], check=True, stdout=subprocess.DEVNULL)
    return load_outcomes(out / "outcomes.json")


def at_alpha(table: OutcomeTable, alpha: float) -> TableModel:
    return next(model for model in table.models if model.alpha == alpha)


def outside(table: OutcomeTable) -> list[float]:
    return [model.alpha for model in table.models if model.alpha is not None and not 0 <= model.alpha <= 1]


def three(table: OutcomeTable) -> list[TableModel]:
    """low, mid and high."""
    mid = [model for model in table.models if model.name.endswith("@mid")]
    return [at_alpha(table, 0), *mid, at_alpha(table, 1)]


def solve_rate(model: TableModel) -> float:
    return float(np.mean([cell.count(SOLVED) for cell in model.outcomes.values()]))


def new_solves(table: OutcomeTable, model: TableModel) -> set[str]:
    """Problems that the model solved at least once, and low, mid and high of the table never."""
    known = {name for one in three(table) for name, cell in one.outcomes.items() if SOLVED in cell}
    return {name for name, cell in model.outcomes.items() if SOLVED in cell} - known


def problem_rates(table: OutcomeTable, model: TableModel, kind: FailureKind) -> npt.NDArray[np.float64]:
    """Per problem (P,), the fraction of measurable attempts that failed so."""
    kinds = [[failure_kind(outcome) for outcome in model.outcomes[problem.id]] for problem in table.problems]
    measured = [len(cell) - cell.count(FailureKind.UNMEASURABLE) for cell in kinds]
    return rates([cell.count(kind) for cell in kinds], measured)


def difference(table: OutcomeTable, to: float, since: float, kind: FailureKind) -> dict[str, Any]:
    """Paired difference of a rate between two alphas, with its interval."""
    later, earlier = (problem_rates(table, at_alpha(table, alpha), kind) for alpha in (to, since))
    estimate = ClusterBootstrap([problem.template for problem in table.problems]).difference(later, earlier)
    return {"value": round(estimate.value, 4), "ci": [round(estimate.low, 4), round(estimate.high, 4)]}


if __name__ == "__main__":
    main()
