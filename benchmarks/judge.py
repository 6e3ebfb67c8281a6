"""What judging costs: each sandbox beside a bare interpreter, tests per second beside the usual ways, and two workers.

    python benchmarks/judge.py [--runs 200] [--programs 300] [--verdicts 150] [--out benchmarks/results/judge.json]
    python benchmarks/judge.py --peers verl,lcb [--lcb CLONE] [--small 60]

A part is left out with 0, and keeps the figures that the file had. With ``--peers`` the graders of verl and of
LiveCodeBench judge small programs beside ours, and nothing else is measured (see ``peers.py``). No cache anywhere.
Ways take turns in blocks within one process: in turn, because this machine's speed drifts; in blocks, because a process
start evicts what the next warm program would have found in the caches. Ratios are taken within a block. Programs are
those of tiny-problems (dev), and beside the graders those of ``small_tasks.py``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import resource
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from peers import Peer, peers
from programs import efficient, mixed
from small_tasks import LIMIT_S, TASKS, TESTS

from alphadial.envs.errors import SandboxUnavailableError
from alphadial.envs.judging import Judge
from alphadial.envs.judging.compiling import compile_program
from alphadial.envs.judging.cores import Cores
from alphadial.envs.judging.function_run import FunctionRun
from alphadial.envs.judging.measuring import Runner
from alphadial.envs.judging.verdicts import report
from alphadial.envs.judging.warm_runs import WarmRuns
from alphadial.envs.sandbox import Sandbox, open_sandbox
from alphadial.envs.types import Interface, Limits, Problem, Submission, TestResult, Verdict

BLOCK = 10
LIMITS = Limits(cpu_s=2.0, wall_s=30.0)
BARE = "bare python3 -I -S with rlimits"
HELLO = ["-I", "-S", "-c", "print(42)"]
MAIN = "\nimport json, sys\nfor line in sys.stdin: print(json.dumps({entry}(*json.loads(line))))\n"
"""What a process of its own runs after the program, neither counted nor instrumented: less work than ours does."""

OURS = "alphadial"
RIGHT, WRONG = (Verdict.AC,), (Verdict.WA, Verdict.RTE, Verdict.CE)
"""What is timed: of programs that are too slow the limit alone would be."""

Way = Callable[[int], None]


def rlimits() -> None:
    for which, value in (
        (resource.RLIMIT_CPU, int(LIMITS.cpu_s) + 1),
        (resource.RLIMIT_AS, LIMITS.memory_bytes),
        (resource.RLIMIT_FSIZE, LIMITS.files_bytes),
    ):
        resource.setrlimit(which, (value, value))


def bare(python: str, arguments: list[str], stdin: str = "") -> str:
    command = [python, *arguments]
    ended = subprocess.run(command, input=stdin, text=True, capture_output=True, env={}, preexec_fn=rlimits, check=True)
    return ended.stdout


def in_turn(ways: Mapping[str, Way], count: int, base: str) -> dict[str, Any]:
    """Milliseconds of every run, and by block the ratio of medians to those of ``base``."""
    ms: dict[str, list[float]] = {name: [] for name in ways}
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    for start in range(0, count, BLOCK):
        block: dict[str, float] = {}
        for name, run in ways.items():
            taken = []
            for number in range(start, start + BLOCK):
                began = time.perf_counter()
                run(number)
                taken.append((time.perf_counter() - began) * 1000)
            ms[name] += taken
            block[name] = statistics.median(taken)
        for name, median in block.items():
            ratios[name].append(median / block[base])
    return {
        "ms": {name: spread(values) for name, values in ms.items()},
        f"ratio to {base}": {name: spread(values) for name, values in ratios.items()},
    }


def spread(values: list[float], digits: int = 3) -> dict[str, float]:
    ordered = sorted(values)
    at = {"min": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "p99": 0.99}
    return {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], digits) for name, share in at.items()
    }


def overhead(count: int) -> dict[str, Any]:
    """One program that does nothing, from its source to all of it reaped."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(open_sandbox())
        python, server = sandbox.protection.interpreter, sandbox.open(LIMITS)
        ways: dict[str, Way] = {
            BARE: lambda _: check(bare(python, HELLO)),
            "bubblewrap, warm fork server": lambda _: check(warm(server)),
            "bubblewrap, one run": lambda _: hello(sandbox),
        }
        for name in ("trusted", "gvisor"):
            try:
                other = stack.enter_context(open_sandbox(name))
            except SandboxUnavailableError as error:
                print(f"{name} is left out: {error}")
                continue
            ways[f"{name}, one run"] = partial(hello, other)
        return {"runs": count, **in_turn(ways, count, BARE)}


def hello(sandbox: Sandbox, _: int = 0) -> None:
    check(sandbox.run(["python3", *HELLO], {}, b"", LIMITS).stdout)


def warm(server: Any) -> str:
    program = server.start("def f():\n    return 42\n", entry="f")
    answer: str = program.call("[]").stdout
    program.close()
    return answer


def check(printed: str) -> None:
    if printed.strip() != "42":
        raise SystemExit(f"a program printed {printed!r}")


def throughput(count: int) -> dict[str, Any]:
    """Right programs on all their tests: through the judge, and in processes without any sandbox."""
    with open_sandbox() as sandbox, Judge(sandbox, workers=1) as judge:
        python = sandbox.protection.interpreter
        programs = efficient(count)
        ways: dict[str, Way] = {
            "judge": lambda number: right(judge.judge(*programs[number]).solved),
            "one subprocess per test": lambda number: per_test(python, *programs[number]),
            "one subprocess per program": lambda number: per_program(python, *programs[number]),
        }
        found = in_turn(ways, count - count % BLOCK, "judge")
    tests = len(programs[0][0].tests)
    rates = {name: round(1000 * tests / values["median"], 1) for name, values in found["ms"].items()}
    return {"programs": count, "tests_per_program": tests, "tests_per_s": rates, **found}


def per_test(python: str, problem: Problem, source: str) -> None:
    for test in problem.tests:
        printed = bare(python, ["-I", "-S", "-c", source + MAIN.format(entry=problem.entry)], f"{test.input}\n")
        right(json.loads(printed) == json.loads(test.answer))


def per_program(python: str, problem: Problem, source: str) -> None:
    """As LiveCodeBench's runner does."""
    inputs = "".join(f"{test.input}\n" for test in problem.tests)
    printed = bare(python, ["-I", "-S", "-c", source + MAIN.format(entry=problem.entry)], inputs)
    right([json.loads(line) for line in printed.splitlines()] == [json.loads(test.answer) for test in problem.tests])


def right(solved: bool) -> None:
    if not solved:
        raise SystemExit("a reference failed")


def verdicts(count: int) -> dict[str, Any]:
    """Warm servers, which run many programs each, against a new server for every single test; two loops beside."""
    asked = random.Random(0).sample(mixed(), count)
    with open_sandbox() as sandbox, Judge(sandbox) as judge, ThreadPoolExecutor(judge.workers) as threads:
        quick = list(threads.map(lambda submission: tuple(judge.judge(*submission).tests), asked))
        with busy_loops(2):
            loud = list(threads.map(lambda submission: tuple(judge.judge(*submission).tests), asked))
            slow = list(threads.map(lambda submission: one_by_one(sandbox, *submission), asked))
    seen = [facts(tests) for tests in quick]
    return {
        "submissions": len(asked),
        "tests": sum(map(len, seen)),
        "verdicts": {str(verdict): sum(tests[-1][0] is verdict for tests in seen) for verdict in Verdict},
        "differ_from_new_server_per_test": sum(a != facts(b) for a, b in zip(seen, slow, strict=True)),
        "differ_beside_two_busy_loops": sum(a != facts(b) for a, b in zip(seen, loud, strict=True)),
    }


def one_by_one(sandbox: Sandbox, problem: Problem, source: str) -> tuple[TestResult, ...]:
    found: list[TestResult] = []
    for test in sorted(problem.tests, key=lambda test: (test.level, not test.public)):
        server = sandbox.open(problem.limits)
        limit_s = problem.limits.cpu_s
        one = replace(problem, tests=(test,))
        alone = FunctionRun(one, source, problem.limits, limit_s, level=problem.levels, all_tests=False)
        alone.run(server)
        server.close()
        record = alone.record("", "python3", None, "")
        found += report(record, limit_s).tests or (TestResult(test.level, Verdict.CE, None, 0.0),)
        if found[-1].verdict is not Verdict.AC:
            break
    return tuple(found)


def facts(tests: tuple[TestResult, ...]) -> list[tuple[Verdict | None, int | None]]:
    return [(test.verdict, test.steps) for test in tests]


def workers(repeats: int) -> dict[str, Any]:
    """Wall time of the same step-budget judgements with 1 and with 2 workers."""
    asked = mixed()
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with ExitStack() as stack:
        sandbox = stack.enter_context(open_sandbox())
        pools = {size: (stack.enter_context(Judge(sandbox, workers=size)), ThreadPoolExecutor(size)) for size in (1, 2)}
        for _ in range(repeats):
            for size, (judge, threads) in pools.items():
                began = time.perf_counter()
                list(threads.map(lambda submission, judge=judge: judge.judge(*submission), asked))
                seconds[size].append(time.perf_counter() - began)
    ratios = [one / two for one, two in zip(seconds[1], seconds[2], strict=True)]
    rates = {f"{size} workers": spread([len(asked) / s for s in taken], 1) for size, taken in seconds.items()}
    return {"submissions": len(asked), "programs_per_s": rates, "1 worker / 2 workers": spread(ratios)}


def beside(names: list[str], lcb: Path | None, count: int) -> dict[str, Any]:
    """Small programs through the judge, and through the graders of others, which isolate nothing."""
    found: dict[str, Any] = {"programs": count, "tests_per_program": TESTS}
    with open_sandbox() as sandbox, Judge(sandbox, workers=1) as judge, peers(names, lcb) as graders:
        found["graders"] = {peer.name: peer.version for peer in graders}
        for interface in (Interface.CALL, Interface.STDIO):
            asked = [
                (task.problem(interface), task.python(source, interface), verdict)
                for task in TASKS
                for verdict, source in task.sources().items()
            ]
            found[f"{interface} verdicts"] = agreement(asked, judge, graders)
            for kind, verdicts in (("right", RIGHT), ("wrong", WRONG)):
                chosen = [(problem, submission) for problem, submission, verdict in asked if verdict in verdicts]
                found[f"{interface} {kind}"] = in_turn(small_ways(chosen, judge, graders), count, OURS)
        found["C++ ms per test"] = compiled_tests(sandbox)
    return found


def small_ways(programs: list[tuple[Problem, Submission]], judge: Judge, graders: list[Peer]) -> dict[str, Way]:
    """Ours, and each of theirs, which are asked over a pipe (0.1 ms)."""

    def ours(number: int) -> None:
        judge.judge(*programs[number % len(programs)])

    def theirs(peer: Peer, number: int) -> None:
        problem, submission = programs[number % len(programs)]
        peer.grade(problem, submission.source, int(LIMIT_S))

    return {OURS: ours, **{peer.name: partial(theirs, peer) for peer in graders}}


def agreement(asked: list[tuple[Problem, Submission, Verdict]], judge: Judge, graders: list[Peer]) -> dict[str, Any]:
    """Verdicts, with the number of the test that decides, beside the intended ones and those of the others."""
    differ: dict[str, list[str]] = {name: [] for name in ("intended", *(peer.name for peer in graders))}
    seen: Counter[str] = Counter()
    for problem, submission, intended in asked:
        report = judge.judge(problem, submission)
        seen[str(report.verdict)] += 1
        passed = sum(test.verdict is Verdict.AC for test in report.tests)
        if report.verdict is not intended:
            differ["intended"].append(f"{problem.id}: {report.verdict}, not {intended}")
        for peer in graders:
            graded = peer.grade(problem, submission.source, int(LIMIT_S))
            known = graded.passed is None or graded.passed == passed
            if report.verdict not in graded.verdicts or not known:
                theirs = f"{'/'.join(sorted(graded.verdicts))} after {graded.passed}"
                differ[peer.name].append(f"{problem.id}: {report.verdict} after {passed}, {theirs}")
    return {"programs": len(asked), "verdicts": dict(seen), "differ": differ}


def compiled_tests(sandbox: Sandbox) -> dict[str, float]:
    """Every test of every right program in C++, compiled before."""
    warm = WarmRuns(sandbox, 1)
    runner, taken = Runner(sandbox, Cores(1), warm), []
    for task in TASKS:
        problem, submission = task.problem(Interface.STDIO), task.in_cpp()
        program = compile_program(sandbox, submission.language, submission.files).program
        assert program is not None
        for test in problem.tests:
            began = time.perf_counter()
            measured = runner.measure(program, test.input.encode(), problem.limits, LIMIT_S)
            taken.append((time.perf_counter() - began) * 1000)
            right(measured.result.stdout == test.answer)
    warm.close()
    return spread(taken)


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    loops = [multiprocessing.Process(target=spin, daemon=True) for _ in range(count)]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.join()


def spin() -> None:
    while True:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--verdicts", type=int, default=150, metavar="SUBMISSIONS")
    parser.add_argument("--repeats", type=int, default=5, help="of the comparison of 1 and 2 workers")
    parser.add_argument("--peers", metavar="NAMES", help="verl, lcb, or both with a comma, and no other part")
    parser.add_argument("--lcb", type=Path, help="a clone of LiveCodeBench's repository")
    parser.add_argument("--small", type=int, default=60, metavar="PROGRAMS", help="of each kind, beside the graders")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "judge.json")
    options = parser.parse_args()
    parts: dict[str, Callable[[], dict[str, Any]]] = {}
    if options.peers:
        parts["beside_graders"] = lambda: beside(options.peers.split(","), options.lcb, options.small)
    else:
        counts = {"overhead": options.runs, "throughput": options.programs, "verdicts": options.verdicts}
        counts |= {"workers": options.repeats}
        parts |= {name: partial(globals()[name], count) for name, count in counts.items() if count}
    result = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name, part in parts.items():
        machine = {"cpus": os.cpu_count(), "system": platform.platform(), "load_before": round(os.getloadavg()[0], 1)}
        result[name] = {**part(), "machine": machine | {"load_after": round(os.getloadavg()[0], 1)}}
        print(name, json.dumps(result[name], indent=1), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
