"""Choosing: time of one ``select`` for every controller, propensity included, and of a replay.

    python benchmarks/controllers.py [--problems 1000] [--alphas 41] [--calls 4000] [--rounds 5] [--orders 200]

Each controller is fitted on a log of that size. Calls come with histories of 0 to 9 failed attempts that follow the
controller's own decisions: ``all`` is the stream as it comes, ``new_pasts`` those of it that had not been met before,
and ``known_pasts`` the same stream once more. Where a controller learns from updates, their time, and that of a select
right after one, are given too. ``ratios`` are medians of ``all`` against those of ``uniform``, which does next to
nothing: every round times all controllers one after another in this process, so that what else the machine does weighs
on all of them.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from alphadial.controller import (
    Budget,
    Context,
    Controller,
    Outcome,
    OutcomeKind,
    OutcomeLog,
    Trial,
    controller_names,
    make_controller,
    replay,
    sample_orders,
)
from alphadial.controller.conformance import example_log

LENGTHS = 10
FAILURES = (Outcome(OutcomeKind.CORRECTNESS, "WA"), Outcome(OutcomeKind.OPTIMISATION, "TLE"))
Ask = tuple[Context, tuple[Trial, ...]]


def spread(seconds: list[float]) -> dict[str, float | int]:
    """Quantiles of durations, in microseconds."""
    if not seconds:
        return {"calls": 0}
    ordered = sorted(seconds)
    at = {"median": 0.5, "p90": 0.9, "p99": 0.99}
    found = {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e6, 1) for name, share in at.items()
    }
    return {"calls": len(ordered), **found, "max": round(ordered[-1] * 1e6, 1)}


def fitted(name: str, log: OutcomeLog) -> Controller:
    controller = make_controller(name, log.arms, seed=1)
    controller.fit(log)
    return controller


def questions(name: str, log: OutcomeLog, calls: int) -> list[Ask]:
    """What problems ask one after another, 0 to 9 failures of seeded kinds behind them; asked of another instance."""
    guide, generator = fitted(name, log), np.random.default_rng(0)
    asked = []
    for number in range(calls // LENGTHS):
        context, history = Context(f"problem-{number}"), ()  # type: tuple[Context, tuple[Trial, ...]]
        for left in range(LENGTHS, 0, -1):
            asked.append((context, history))
            (decision,) = guide.select(context, history, Budget(left))
            history = (*history, Trial(decision.arm, FAILURES[int(generator.integers(2))]))
    return asked


def timed(controller: Controller, asked: list[Ask]) -> list[float]:
    budget, seconds = Budget(LENGTHS), []
    for context, history in asked:
        began = time.perf_counter()
        controller.select(context, history, budget)
        seconds.append(time.perf_counter() - began)
    return seconds


def selecting(name: str, log: OutcomeLog, calls: int) -> dict[str, Any]:
    asked, controller = questions(name, log, calls), fitted(name, log)
    first = timed(controller, asked)
    seen, new = set(), []
    for (_, history), seconds in zip(asked, first, strict=True):
        past = tuple((tried.arm, tried.outcome.kind) for tried in history)
        if past not in seen:
            seen.add(past)
            new.append(seconds)
    result = {"all": spread(first), "new_pasts": spread(new), "known_pasts": spread(timed(controller, asked))}
    updates = []
    for context, history in asked[:500]:
        (decision,) = controller.select(context, history, Budget(1))
        began = time.perf_counter()
        controller.update(decision, FAILURES[0])
        updates.append(time.perf_counter() - began)
    if controller.state() != fitted(name, log).state():
        result["update"] = spread(updates)
        between = []
        for context, history in asked[500:1000]:
            between += timed(controller, [(context, history)])
            controller.update(controller.select(context, history, Budget(1))[0], FAILURES[1])
        result["after_an_update"] = spread(between)
    return result


def ratios(log: OutcomeLog, calls: int, rounds: int) -> dict[str, dict[str, float]]:
    """Each controller's median time of a select as a multiple of ``uniform``'s: the median round, and the extremes."""
    asked = {name: questions(name, log, calls) for name in controller_names()}
    ready = {name: fitted(name, log) for name in asked}
    found: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(rounds):
        # From their states they come without what they remember of decisions.
        fresh = {name: type(controller).from_state(controller.state()) for name, controller in ready.items()}
        medians = {name: float(np.median(timed(fresh[name], asked[name]))) for name in asked}
        for name, median in medians.items():
            found[name].append(median / medians["uniform"])
    return {
        name: {
            "median": round(float(np.median(each)), 2),
            "least": round(min(each), 2),
            "greatest": round(max(each), 2),
        }
        for name, each in found.items()
    }


def replaying(name: str, orders: int) -> float:
    """Seconds for 72 problems x 9 alphas x 16 samples, 10 attempts."""
    log = example_log([-0.5 + 0.25 * step for step in range(9)], problems=72, samples=16)
    controller, shared = fitted(name, log), sample_orders((72, 9, 16), orders, seed=0)
    began = time.perf_counter()
    replay(controller, log, orders=shared, attempts=10)
    return round(time.perf_counter() - began, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--alphas", type=int, default=41)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5, help="of the ratios")
    parser.add_argument("--orders", type=int, default=200, help="of the replay")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "controllers.json")
    options = parser.parse_args()
    log = example_log(np.linspace(-0.5, 2, options.alphas).tolist(), problems=options.problems, samples=16)
    gc.disable()  # a collection during a call is not the call's
    result: dict[str, Any] = {
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "load_before": round(os.getloadavg()[0], 1)},
        "problems": options.problems,
        "alphas": options.alphas,
        "unit": "microseconds per select; seconds per replay",
        "select": {},
        "ratios": ratios(log, options.calls, options.rounds),
        "replay_s": {"orders": options.orders},
    }
    for name in controller_names():
        result["select"][name] = selecting(name, log, options.calls)
        result["replay_s"][name] = replaying(name, options.orders)
    text = json.dumps(result, indent=1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
