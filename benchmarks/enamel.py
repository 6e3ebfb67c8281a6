"""ENAMEL's eff@1 and pass@1 of sample sets, with every program in the sandbox.

    python benchmarks/enamel.py [--data ../shared/data/efficiency] [--problems 0-163] [--out FILE]

Protocol: Qiu et al. 2024, "How Efficient is LLM-Generated Code?" (arXiv 2406.06647), with its parameters. As there, the
clock runs in the program's own process, so the samples must not be out to forge times. Otherwise than there, references
are timed just before the samples of their problem instead of being corrected for the machine's speed afterwards, time
does not include waiting for a CPU, and the inputs are drawn by helpers of our own. The Python that runs the programs
matters: one that runs loops faster raises programs that loop where the reference calls a built-in.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphadial.agents.experiments.metrics import (
    ClusterBootstrap,
    Estimate,
    eff_at_k,
    efficiency,
    hodges_lehmann,
    level_score,
    pass_at_k,
)
from alphadial.envs.problems.formats import enamel_guest
from alphadial.envs.problems.formats.enamel import SEED, TESTS, UNUSED
from alphadial.envs.problems.formats.enamel import samples as read_samples
from alphadial.envs.sandbox import Sandbox, open_sandbox
from alphadial.envs.types import MIB, Limits, RunResult

SETS = {
    "humanevalplus-canonical": (0.517, 0.958),
    "humaneval-canonical": (0.458, 0.908),
    "enamel-references": (None, None),
}
"""Sample sets with the eff@1 and pass@1 that ENAMEL's authors publish; the references are a check of the clock."""
BARS = (0.02, 0.01)
HARDNESS = (0, 3, 3, 4)
REPEATS = 6
TIMEOUT_FACTOR = 2.0
TOLERANCE_S = 0.01
LIMITS = Limits(
    cpu_s=300.0, wall_s=900.0, memory_bytes=4096 * MIB, output_bytes=512 * MIB, files_bytes=256 * MIB, processes=8
)
GUEST = {
    "enamel_guest.py": Path(__file__).with_name("enamel_guest.py").read_text("utf-8"),
    "alphadial/envs/problems/formats/enamel_guest.py": Path(enamel_guest.__file__).read_text("utf-8"),
}


class BenchmarkError(Exception):
    """ENAMEL's own code failed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A row of enamel.csv, with its tests made and its references timed."""

    row: dict[str, str]
    inputs: list[str]
    answers: list[str]
    references: list[float]
    """Of each level, seconds of its slowest test."""

    @property
    def limit_s(self) -> float:
        """Of one call."""
        counted = [time_s for time_s, weight in zip(self.references, HARDNESS, strict=True) if weight]
        return TIMEOUT_FACTOR * max(counted)


@dataclass(frozen=True, slots=True)
class Timed:
    """How far a program came."""

    times: list[float]
    """Seconds of each test that was finished, in order."""
    answers: list[list[str]]
    """Of each test that was begun, the distinct answers in order."""
    ended: str
    """ "", "gave up" or "wrong"."""


def repeats(level: int) -> int:
    return REPEATS if HARDNESS[level] else 1


def levels() -> list[int]:
    """The level of each test."""
    return [level for level, count in enumerate(TESTS) for _ in range(count)]


def ask(sandbox: Sandbox, mode: str, request: dict[str, Any]) -> RunResult:
    files = {**GUEST, "request.json": json.dumps(request)}
    command = ["python3", "-S", "-X", "int_max_str_digits=0", "enamel_guest.py", mode]
    return sandbox.run(command, files, "", LIMITS)


def trusted(sandbox: Sandbox, mode: str, request: dict[str, Any], what: str) -> Any:
    """Of ENAMEL's own code, which must work."""
    result = ask(sandbox, mode, request)
    if result.exit_status != 0:
        said = result.stderr.strip().splitlines()[-1:] or [f"signal {result.signal}"]
        raise BenchmarkError(f"{what} failed: {said[0]}")
    return json.loads(result.stdout)


def timed(sandbox: Sandbox, row: dict[str, str], source: str, inputs: Sequence[str], limit_s: float) -> Timed:
    tests = [(repeats(level), value) for level, value in zip(levels(), inputs, strict=True)]
    request = {"source": source, "entry": row["entry_point"], "tests": tests, "limit_s": limit_s}
    result = ask(sandbox, "time", request)
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.endswith("}")]
    times, answers, calls = [], [], [line for line in lines if "s" in line]
    for count, _ in tests:
        mine, calls = calls[:count], calls[count:]
        if mine:
            answers.append([call["answer"] for call in mine if "answer" in call])
        if len(mine) == count:
            times.append(hodges_lehmann([call["s"] for call in mine]))
    if len(times) == len(tests):
        return Timed(times, answers, "")
    if result.signal == signal.SIGPROF or result.killed_by is not None or result.oom:
        return Timed(times, answers, "gave up")
    return Timed(times, answers, lines[-1].get("ended", "wrong") if lines else "wrong")


def slowest(times: Sequence[float]) -> list[float]:
    """Of each level; infinite where a test of it was not finished."""
    padded = [*times, *[math.inf] * (sum(TESTS) - len(times))]
    return [max(time_s for time_s, at in zip(padded, levels(), strict=True) if at == level) for level in range(4)]


def prepared(sandbox: Sandbox, number: int, row: dict[str, str]) -> Problem:
    """With its tests, drawn from the seeds of ENAMEL's own harness."""
    sizes = [int(size) for size in row["input_levels"].split()]
    first = [sum(TESTS[:level]) for level in range(4)]
    tests = [
        (SEED ^ number ^ (first[level] + k), sizes[level], level, k) for level in range(4) for k in range(TESTS[level])
    ]
    request = {"prompt": row["prompt"], "generator": row["input_generator"], "tests": tests}
    inputs = trusted(sandbox, "make", request, f"{row['task_id']}: the generator")
    source = row["prompt"] + "\n" + row["reference_solution"]
    reference = timed(sandbox, row, source, inputs, limit_s=60.0)
    if reference.ended:
        raise BenchmarkError(f"{row['task_id']}: the reference {reference.ended}")
    return Problem(row, inputs, [answers[0] for answers in reference.answers], slowest(reference.times))


def scored(sandbox: Sandbox, problem: Problem, source: str) -> dict[str, Any]:
    """Whether it passes, its efficiency, and the seconds of its levels."""
    found = timed(sandbox, problem.row, source, problem.inputs, problem.limit_s + TOLERANCE_S)
    cases = [
        (value, expected, answer)
        for value, expected, answers in zip(problem.inputs, problem.answers, found.answers, strict=False)
        for answer in answers
    ]
    request = {"prompt": problem.row["prompt"], "checker": problem.row["checker"], "cases": cases}
    verdicts = trusted(sandbox, "check", request, f"{problem.row['task_id']}: the checker")
    times = slowest(found.times)
    passed = all(verdicts) and found.ended != "wrong" and times[0] < math.inf
    scores = [
        level_score(time_s, reference, problem.limit_s) if passed and weight else 0.0
        for time_s, reference, weight in zip(times, problem.references, HARDNESS, strict=True)
    ]
    return {
        "pass": passed,
        "eff": efficiency(scores, HARDNESS),
        "s": [time_s if time_s < math.inf else None for time_s in times],
    }


def summary(name: str, numbers: Sequence[int], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    bootstrap = ClusterBootstrap([str(number) for number in numbers])
    eff = bootstrap.mean(eff_at_k([[row["eff"]] for row in rows], 1))
    passed = bootstrap.mean(pass_at_k([int(row["pass"]) for row in rows], [1] * len(rows), 1))
    published = SETS[name]
    within = [
        None if theirs is None else abs(ours.value - theirs) <= bar
        for ours, theirs, bar in zip((eff, passed), published, BARS, strict=True)
    ]
    return {
        "eff@1": rounded(eff),
        "pass@1": rounded(passed),
        "published": published,
        "within_bars": within,
        "failed": [number for number, row in zip(numbers, rows, strict=True) if not row["pass"]],
    }


def rounded(estimate: Estimate) -> list[float]:
    return [round(value, 4) for value in (estimate.value, estimate.low, estimate.high)]


def main() -> None:
    parser = argparse.ArgumentParser(description="ENAMEL's eff@1 and pass@1 of its sample sets")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/efficiency"))
    parser.add_argument("--problems", default="0-163", help="first and last number")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/enamel.json"))
    options = parser.parse_args()
    first, last = map(int, options.problems.split("-"))
    with (options.data / "enamel.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    samples = {name: read_samples(options.data / f"{name}.json") for name in SETS}
    numbers = [number for number in range(first, last + 1) if number not in UNUSED]
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SETS}
    references, began = [], time.monotonic()
    with open_sandbox() as sandbox:
        for number in numbers:
            problem = prepared(sandbox, number, table[number])
            references.append(problem.references)
            for name, sources in samples.items():
                rows[name].append(scored(sandbox, problem, sources[number][0]))
            print(number, *(f"{rows[name][-1]['eff']:.3f}" for name in SETS), flush=True)
        backend, version = sandbox.name, sandbox.run(["python3", "--version"], {}, "", LIMITS).stdout.strip()
    result = {
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()[0]},
        "sandbox": backend,
        "python": version,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "problems": len(numbers),
        "sets": {name: summary(name, numbers, rows[name]) for name in SETS},
        "rows": [
            {"problem": number, "reference_s": reference, **{name: rows[name][at] for name in SETS}}
            for at, (number, reference) in enumerate(zip(numbers, references, strict=True))
        ],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: result[name] for name in ("minutes", "sets")}, indent=1))


if __name__ == "__main__":
    main()
