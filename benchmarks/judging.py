"""Judging: latency of one program against other ways to run it, a soak, and verdicts beside busy loops.

    python benchmarks/judging.py [--latency 300] [--soak 10000] [--busy 1000] [--out benchmarks/results/judging.json]

A part is left out with 0. No cache anywhere. Programs are those of tiny-problems (dev): references of every tier, and
faulty ones made from them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from alphadial.envs import Problem
from alphadial.envs.judge import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.problems.tiny import reference, templates
from alphadial.envs.sandbox import Sandbox, Server, open_sandbox

BLOCK = 25
Submission = tuple[Problem, str]

LOOP = """
import json, sys
for line in sys.stdin:
    print(json.dumps(f(*json.loads(line))))
"""
"""What one process per program runs after the program, uncounted and uninstrumented: less work than the others do."""


def submissions() -> list[Submission]:
    """For every dev problem: its references, slow ones among them, and programs that fail in every other way."""
    found = []
    for problem in load_split("tiny-problems", "dev").problems:
        template, map_name, post_name, _ = problem.id.split(".")
        tiers = [reference(template, tier, map_name, post_name) for tier in templates()[template].tiers]
        fast = tiers[-1]
        broken = [
            fast.replace("return ", "return 1 + ", 1),
            fast.replace("(a, k)", "(a, j)", 1),
            fast.replace(":", "", 1),
            "def f(a, k):\n while True:\n  k += 1\n",
            "def f(a, k):\n a = [a]\n while True:\n  a = a + a\n" if problem.id.endswith("tight") else fast,
        ]
        found += [(problem, source) for source in (*tiers, fast, *broken)]
    return found


def efficient(count: int) -> list[Submission]:
    """Linear references: what a policy that has learnt all of it answers."""
    found = []
    for problem in load_split("tiny-problems", "dev").problems:
        template, map_name, post_name, _ = problem.id.split(".")
        found.append((problem, reference(template, "linear", map_name, post_name)))
    return list(islice(cycle(found), count))


def spread(values: list[float], digits: int = 3) -> dict[str, float]:
    ordered = sorted(values)
    at = {"min": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "p99": 0.99}
    return {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], digits) for name, share in at.items()
    }


def warm(server: Server, problem: Problem, source: str) -> None:
    program = server.start(source, entry=problem.entry)
    for test in problem.tests:
        if program.call(test.input).stdout != test.answer:
            raise SystemExit(f"{problem.id}: a reference failed")
    program.close()


def alone(sandbox: Sandbox, problem: Problem, source: str) -> None:
    inputs = "".join(f"{test.input}\n" for test in problem.tests)
    command = ["python3", "-I", "-S", "main.py"]
    result = sandbox.run(command, {"main.py": source + LOOP}, inputs, problem.limits)
    if result.stdout != "".join(f"{test.answer}\n" for test in problem.tests):
        raise SystemExit(f"{problem.id}: a reference failed: {result}")


def latency(count: int) -> dict[str, Any]:
    """By all ways, from the source received to all of it reaped: blocks of ``BLOCK`` programs in turn.

    In turn, because this machine's speed drifts; in blocks, because a process start evicts what the next warm program
    would have found in the caches.
    """
    with ExitStack() as stack:
        isolated = stack.enter_context(open_sandbox())
        bare = stack.enter_context(open_sandbox("trusted"))
        judge = stack.enter_context(Judge(isolated, workers=1))
        programs, load = efficient(count), round(os.getloadavg()[0], 1)
        servers = isolated.open(programs[0][0].limits), bare.open(programs[0][0].limits)
        ways: dict[str, Callable[[Problem, str], object]] = {
            "warm server": lambda problem, source: warm(servers[0], problem, source),
            "warm server, whole judge": judge.judge,
            "bare fork of the same server": lambda problem, source: warm(servers[1], problem, source),
            "bubblewrap subprocess": lambda problem, source: alone(isolated, problem, source),
            "plain subprocess": lambda problem, source: alone(bare, problem, source),
        }
        ms: dict[str, list[float]] = {way: [] for way in ways}
        for start in range(0, count, BLOCK):
            for way, run in ways.items():
                for problem, source in programs[start : start + BLOCK]:
                    began = time.perf_counter()
                    run(problem, source)
                    ms[way].append((time.perf_counter() - began) * 1000)
    first = ms["warm server"]
    ratios = {way: [b / a for a, b in zip(first, values, strict=True)] for way, values in ms.items()}
    return {
        "load_before": load,
        "programs": count,
        "tests_per_program": len(programs[0][0].tests),
        "ms": {way: spread(values) for way, values in ms.items()},
        "ratio_to_warm_server": {way: spread(values, 2) for way, values in ratios.items()},
    }


def rss_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)


def footprint() -> dict[str, int]:
    return {
        "rss_kib": rss_kib(os.getpid()),
        "sandboxes_rss_kib": sum(map(rss_kib, descendants(os.getpid()))),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "processes": len(descendants(os.getpid())),
        "cgroups": sum(1 for _ in Path("/sys/fs/cgroup").glob(f"**/alphadial-*-{os.getpid()}-*")),
    }


def descendants(pid: int) -> set[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = {int(child) for task in tasks for child in (task / "children").read_text().split()}
    except OSError:
        return set()
    return children.union(*map(descendants, children))


def soak(count: int, workers: int) -> dict[str, Any]:
    """Many mixed judgements on warm servers, and what is left of them."""

    def judged(submission: Submission) -> tuple[str, float]:
        began = time.perf_counter()
        verdict = str(judge.judge(*submission).verdict)
        return verdict, (time.perf_counter() - began) * 1000

    with open_sandbox() as sandbox, Judge(sandbox, workers=workers) as judge, ThreadPoolExecutor(workers) as threads:
        every = submissions()
        list(threads.map(judged, every))
        start, load = footprint(), round(os.getloadavg()[0], 1)
        began = time.perf_counter()
        rounds = (every[: count - done] for done in range(0, count, len(every)))
        results = [result for asked in rounds for result in threads.map(judged, asked)]
        wall_s = time.perf_counter() - began
        end = footprint()
    verdicts = Counter(verdict for verdict, _ in results)
    return {
        "load_before": load,
        "judgements": count,
        "workers": workers,
        "programs_per_s": round(count / wall_s, 1),
        "ms": spread([ms for _, ms in results]),
        "verdicts": dict(sorted(verdicts.items())),
        "start": start,
        "end": end,
        "after_close": footprint(),
    }


def spin() -> None:
    while True:
        pass


def busy(count: int, workers: int) -> dict[str, Any]:
    """Every verdict three times: quiet, then twice with two busy loops beside."""

    def facts(submission: Submission) -> tuple[Any, ...]:
        report = judge.judge(*submission)
        steps = tuple(test.steps for test in report.tests)
        return report.verdict, report.failure_kind, report.level_reached, report.cause, report.public_verdict, steps

    asked = list(islice(cycle(submissions()), count))
    with open_sandbox() as sandbox, Judge(sandbox, workers=workers) as judge, ThreadPoolExecutor(workers) as threads:
        quiet = list(threads.map(facts, asked))
        loops = [multiprocessing.Process(target=spin, daemon=True) for _ in range(2)]
        for loop in loops:
            loop.start()
        try:
            loud = [list(threads.map(facts, asked)) for _ in range(2)]
        finally:
            for loop in loops:
                loop.kill()
                loop.join()
    differing = sum(len(set(three)) > 1 for three in zip(quiet, *loud, strict=True))
    return {"submissions": count, "busy_loops": 2, "runs": 3, "verdicts_that_differ": differing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency", type=int, default=300, metavar="PROGRAMS")
    parser.add_argument("--soak", type=int, default=10_000, metavar="JUDGEMENTS")
    parser.add_argument("--busy", type=int, default=1000, metavar="SUBMISSIONS")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "judging.json")
    options = parser.parse_args()
    with open_sandbox() as sandbox:
        protection = sandbox.protection
    result: dict[str, Any] = {
        "machine": {"cpus": os.cpu_count(), "system": platform.platform()},
        "protection": {name: getattr(protection, name) for name in protection.__slots__},
    }
    if options.latency:
        result["latency"] = latency(options.latency)
    if options.soak:
        result["soak"] = soak(options.soak, options.workers)
    if options.busy:
        result["busy"] = busy(options.busy, options.workers)
    text = json.dumps(result, indent=1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
