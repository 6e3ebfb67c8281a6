"""The judge as a reward function in four forked workers, beside verl's, and what is left when they have ended.

    python benchmarks/reward.py [--calls 10000] [--beside 400] [--out benchmarks/results/reward.json]

A part is left out with 0, and what the file says of it stays. ``calls``: ``alphadial.envs.reward`` in one pool, 200
calls to a block, then in ten pools after one another, whose workers a signal ends. Programs of tiny-problems (dev) are
right, wrong, too slow and endless; counted are programs that get another reward than the first time, and what is left
of processes, descriptors, memory and cgroups. A worker that hangs ends it. ``beside``: right and wrong programs by four
workers of each, in turn, in blocks; verl's check is in four processes of its own, since it forks for every program,
which workers of a pool may not. Endless programs stop by steps here, and after a second there.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

from judge import spread
from peers import Peer, peers
from programs import efficient

from alphadial.envs import Problem, Submission, Verdict, load_split, reward
from alphadial.envs.problems.tiny import reference, templates
from alphadial.envs.sandbox import cgroups

WORKERS = 4
BLOCK = 200
LOOKED = 25
"""Calls of a worker between two looks at what it holds."""
ENDLESS = "def f(a, k):\n while True:\n  k += 1\n"
LIMIT_S = 1
HANGS_S = 300

Program = tuple[str, Problem, str]
Seen = tuple[float | None, int, dict[str, int] | None]
"""A reward, the worker that gave it, and what that held."""


def programs() -> list[Program]:
    """For every problem one program of each kind."""
    found: list[Program] = []
    problems = load_split("tiny-problems", "dev").problems
    for problem, right in efficient(len(problems)):
        template, map_name, post_name, _ = problem.id.split(".")
        slow = reference(template, templates()[template].tiers[0], map_name, post_name)
        found += [("right", problem, right), ("wrong", problem, right.replace("return ", "return 1 + ", 1))]
        found += [("slow", problem, slow), ("endless", problem, ENDLESS)]
    return found


PROGRAMS = programs()
_calls = 0


def rewarded(number: int) -> Seen:
    """What a worker does with one program."""
    global _calls
    _, problem, source = PROGRAMS[number]
    value = reward(Submission.of(source), problem)
    _calls += 1
    return value, os.getpid(), held() if _calls % LOOKED == 0 else None


def held() -> dict[str, int]:
    """Descriptors, children and resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    tasks = Path("/proc/self/task").iterdir()
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "children": sum(len((task / "children").read_text().split()) for task in tasks),
        "resident_mib": resident >> 10,
    }


def mapped(pool: Pool, numbers: Iterable[int]) -> list[Seen]:
    """The rewards of programs, in turn; a worker that hangs ends the benchmark."""
    return pool.map_async(rewarded, list(numbers), chunksize=1).get(HANGS_S)


def soak(calls: int) -> dict[str, Any]:
    """Many calls in one pool, and few in many pools."""
    load = round(os.getloadavg()[0], 1)
    context, first = multiprocessing.get_context("fork"), dict[int, float | None]()
    numbers = list(islice(cycle(range(len(PROGRAMS))), calls))
    rates, looks, pids, changed = [], dict[int, list[dict[str, int]]](), {os.getpid()}, 0
    before = held()

    def look(seen: list[Seen], block: list[int]) -> None:
        nonlocal changed
        pids.update(pid for _, pid, _ in seen)
        for number, (value, pid, what) in zip(block, seen, strict=True):
            changed += first.setdefault(number, value) != value
            if what is not None:
                looks.setdefault(pid, []).append(what)

    with context.Pool(WORKERS) as pool:
        for start in range(0, calls, BLOCK):
            block = numbers[start : start + BLOCK]
            began = time.perf_counter()
            seen = mapped(pool, block)
            rates.append(len(block) / (time.perf_counter() - began))
            look(seen, block)
    for number in range(10):
        with context.Pool(WORKERS) as pool:
            block = numbers[number * WORKERS * 4 :][: WORKERS * 4]
            look(mapped(pool, block), block)
    kinds = {kind for kind, *_ in PROGRAMS}
    found = {kind: Counter(str(first[n]) for n in first if PROGRAMS[n][0] == kind) for kind in sorted(kinds)}
    longest = [each for each in looks.values() if len(each) > 2]
    del pool  # with its pipes
    gc.collect()
    return {
        "calls": calls,
        "load_before": load,
        "pids": sorted(pids),
        "rewards_of_programs": found,
        "calls_that_gave_another_reward": changed,
        "calls_per_s": spread(rates, 1),
        "worker_at_first_and_last_look": [[each[0], each[-1]] for each in longest],
        "parent_before_and_after": [before, held()],
    }


def soaked(calls: int) -> dict[str, Any]:
    """``soak`` in a process of its own, and what is left when it and its workers have ended."""
    code = f"import json, reward; print(json.dumps(reward.soak({calls})))"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    found["left"] = left(found.pop("pids"))
    return found


def beside(count: int) -> dict[str, Any]:
    """Right and wrong programs by four workers of each, in turn."""
    numbers = [n for n, (kind, *_) in enumerate(PROGRAMS) if kind in ("right", "wrong")]
    asked = list(islice(cycle(numbers), count))
    endless = [n for n, (kind, *_) in enumerate(PROGRAMS) if kind == "endless"][: 2 * WORKERS]
    load = round(os.getloadavg()[0], 1)
    rates: dict[str, list[float]] = {"reward": [], "verl": []}
    equal = different = 0
    with (
        multiprocessing.get_context("fork").Pool(WORKERS) as pool,
        peers(["verl"] * WORKERS, None) as graders,
        ThreadPoolExecutor(WORKERS) as threads,
    ):

        def ours(block: list[int]) -> list[bool]:
            return [value == 1.0 for value, *_ in mapped(pool, block)]

        def verl(block: list[int]) -> list[bool]:
            shares = [block[worker::WORKERS] for worker in range(WORKERS)]
            parts = list(threads.map(graded, graders, shares))
            return [parts[place % WORKERS][place // WORKERS] for place in range(len(block))]

        ours(asked[: 4 * WORKERS])  # opens what workers open
        for start in range(0, count, 10 * WORKERS):
            block, said = asked[start : start + 10 * WORKERS], []
            for name, judged in (("reward", ours), ("verl", verl)):
                began = time.perf_counter()
                said.append(judged(block))
                rates[name].append(len(block) / (time.perf_counter() - began))
            same = sum(a == b for a, b in zip(*said, strict=True))
            equal, different = equal + same, different + len(block) - same
        seconds = {}
        for name, judged in (("reward", ours), ("verl", verl)):
            began = time.perf_counter()
            assert not any(judged(endless))
            seconds[name] = round(time.perf_counter() - began, 2)
    ratios = [a / b for a, b in zip(*rates.values(), strict=True)]
    return {
        "verl": graders[0].version,
        "programs": count,
        "load_before": load,
        "same_verdict": equal,
        "other_verdict": different,
        "calls_per_s": {name: spread(values, 1) for name, values in rates.items()},
        "reward / verl": spread(ratios, 2),
        f"seconds_for_{len(endless)}_endless_programs": seconds,
    }


def graded(peer: Peer, numbers: list[int]) -> list[bool]:
    """Whether verl accepts programs, one after another."""
    return [peer.grade(*PROGRAMS[number][1:], LIMIT_S).verdicts == {Verdict.AC} for number in numbers]


def left(pids: Iterable[int]) -> dict[str, int]:
    """What is left of processes that have ended."""
    parent = cgroups.find()
    folders = parent.folders if parent is not None else ()
    names = {group.name for folder in folders for group in folder.glob(f"{cgroups.PREFIX}*")}
    ours = [name for name in names if any(f"-{pid}-" in name for pid in pids)]
    return {"processes": sum(Path(f"/proc/{pid}").exists() for pid in pids), "cgroups": len(ours)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--beside", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "reward.json")
    options = parser.parse_args()
    result: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {}
    result["machine"] = {"cpus": os.cpu_count(), "system": platform.platform()}
    if options.beside:
        result["beside"] = beside(options.beside)
        print(json.dumps(result["beside"], indent=1), flush=True)
    if options.calls:
        result["soak"] = soaked(options.calls)
        print(json.dumps(result["soak"], indent=1), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
