"""Many mixed judgements in one process, and what is left of them.

    python benchmarks/soak.py [--judgements 20000] [--workers 2] [--out benchmarks/results/soak.json]

Of 200 judgements 180 are of tiny-problems on warm servers, 16 of Python programs on stdin and stdout (one of them with
a validator of its own), two of C++, one of Java, and one under gVisor; right programs and wrong ones of every verdict.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from programs import mixed

from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import MIB, Interface, Limits, Problem, Submission, Test, Validator, Verdict

LIMIT_S = 1.0
TESTS = tuple(Test(level, f"{n}\n", f"{n * n}\n", public=level == 1) for level, n in ((1, 3), (1, 12), (2, 1000)))
PROBLEM = Problem(
    id="square",
    template="square",
    group="",
    statement="",
    prompt="",
    entry="",
    tests=TESTS,
    limits=Limits(cpu_s=LIMIT_S, wall_s=20.0, memory_bytes=128 * MIB, output_bytes=MIB),
    interface=Interface.STDIO,
)
ACCEPTING = Validator("python3", {"check.py": "import sys\nsys.exit(42 if sys.stdin.read().strip() else 43)\n"})
PYTHON = {
    "print(int(input()) ** 2)": Verdict.AC,
    "print(int(input()) * 2)": Verdict.WA,
    "print(int(input()) ** 2 if 0 else (": Verdict.CE,
    "raise SystemExit(int(input()))": Verdict.RTE,
    "import os; os.kill(os.getpid(), 11)": Verdict.RTE,
    "while True: pass": Verdict.TLE,
    "a = [0] * 10**9": Verdict.MLE,
    "while True: print('x' * 65536)": Verdict.OLE,
    "import os\nif os.fork(): os.wait()\nelse: print(int(input()) ** 2, flush=True); os._exit(0)": Verdict.AC,
    "open('left', 'w').write('x' * 10**6); print(int(input()) ** 2)": Verdict.AC,
}
CPP = {
    "#include <iostream>\nint main() { long n; std::cin >> n; std::cout << n * n << '\\n'; }": Verdict.AC,
    "int main() { int *p = nullptr; *(volatile int *)p = 1; }": Verdict.RTE,
}
JAVA = """
public class Main { public static void main(String[] a) {
    long n = new java.util.Scanner(System.in).nextLong(); System.out.println(n * n); } }
"""

Task = Callable[[], tuple[str, bool]]
"""Judges once: the verdict, and whether it is the one to be expected (of a tiny problem: the one it first had)."""


def tasks(tiny: Judge, stdio: Judge, kernel: Judge) -> Iterator[Task]:
    """Without end."""

    def square(judge: Judge, language: str, source: str, wanted: Verdict, problem: Problem = PROBLEM) -> Task:
        submission = Submission.of(source, language)

        def judged() -> tuple[str, bool]:
            found = judge.judge(replace(problem, time_limit_s=LIMIT_S), submission)
            return f"{language} {found.verdict}", found.verdict is wanted

        return judged

    first: dict[int, Verdict | None] = {}

    def call(number: int, problem: Problem, source: str) -> Task:
        def judged() -> tuple[str, bool]:
            verdict = tiny.judge(problem, source).verdict
            return f"tiny {verdict}", verdict is first.setdefault(number, verdict)

        return judged

    calls = cycle([call(number, *submission) for number, submission in enumerate(mixed())])
    pythons = cycle([square(stdio, "python3", source, wanted) for source, wanted in PYTHON.items()])
    cpps = cycle([square(stdio, "cpp", source, wanted) for source, wanted in CPP.items()])
    validated = square(stdio, "python3", "print(1)", Verdict.AC, replace(PROBLEM, validator=ACCEPTING))
    java = square(stdio, "java", JAVA, Verdict.AC)
    gvisor = square(kernel, "python3", "print(int(input()) ** 2)", Verdict.AC)
    while True:
        yield from (*islice(calls, 180), *islice(pythons, 15), validated, *islice(cpps, 2), java, gvisor)


def soak(count: int, workers: int) -> dict[str, Any]:
    """``count`` judgements, after 400 that are not counted."""
    with ExitStack() as stack:
        sandbox, kernel = stack.enter_context(open_sandbox()), stack.enter_context(open_sandbox("gvisor"))
        tiny = stack.enter_context(Judge(sandbox, workers=workers))
        threads = stack.enter_context(ThreadPoolExecutor(workers))
        asked = tasks(tiny, Judge(sandbox), Judge(kernel))
        list(threads.map(lambda task: task(), islice(asked, 400)))
        start = footprint()
        verdicts: Counter[str] = Counter()
        unexpected, began = 0, time.perf_counter()
        for done in range(0, count, 200):
            for verdict, wanted in threads.map(lambda task: task(), islice(asked, min(200, count - done))):
                verdicts[verdict] += 1
                unexpected += not wanted
            if done % 2000 == 0:
                print(f"{done} {time.perf_counter() - began:.0f} s {footprint()}", flush=True)
        wall_s = time.perf_counter() - began
        end = footprint()
    return {
        "judgements": count,
        "workers": workers,
        "minutes": round(wall_s / 60, 1),
        "verdicts": dict(sorted(verdicts.items())),
        "unexpected": unexpected,
        "start": start,
        "end": end,
        "after_close": footprint(),
    }


def footprint() -> dict[str, int]:
    below = descendants(os.getpid())
    return {
        "rss_kib": rss_kib(os.getpid()),
        "sandboxes_rss_kib": sum(map(rss_kib, below)),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "processes": len(below),
        "cgroups": sum(1 for _ in Path("/sys/fs/cgroup").glob(f"**/alphadial-*-{os.getpid()}-*")),
        "mounts": len(Path("/proc/self/mountinfo").read_text().splitlines()),
        "temporary_files": len(list(Path(tempfile.gettempdir()).iterdir())),
        "shared_memory": len(list(Path("/dev/shm").iterdir())),
    }


def rss_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)


def descendants(pid: int) -> set[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = {int(child) for task in tasks for child in (task / "children").read_text().split()}
    except OSError:
        return set()
    return children.union(*map(descendants, children))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--judgements", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "soak.json")
    options = parser.parse_args()
    machine = {"cpus": os.cpu_count(), "system": platform.platform(), "load_before": round(os.getloadavg()[0], 1)}
    with tempfile.TemporaryDirectory() as tempfile.tempdir:
        result = {"machine": machine, **soak(options.judgements, options.workers)}
    text = json.dumps(result, indent=1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
