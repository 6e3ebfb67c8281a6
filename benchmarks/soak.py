"""Many mixed judgements in one process, and what is left of them.

    python benchmarks/soak.py [--judgements 20000] [--workers 2] [--out benchmarks/results/soak.json]

Of 200 judgements 176 are of Python programs on stdin and stdout, under three sets of limits and one of them with a
validator of its own, 20 of tiny-problems, two of C++, one of Java, and one under gVisor: right programs, wrong ones of
every verdict, and those that flood, fork, fill, lock, kill, leave daemons behind or change what they run in. Ctrl-C
ends it sooner, with the figures of what was judged until then.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
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
SHORT_S = 0.1
"""For what never ends."""
TESTS = tuple(Test(level, f"{n}\n", f"{n * n}\n", public=level == 1) for level, n in ((1, 3), (1, 12), (2, 1000)))
LARGE = Test(2, f"{7}\n" + "1 2 3 4 5 6 7 8 9\n" * 50_000, "49\n")
LIMITS = Limits(cpu_s=LIMIT_S, wall_s=20.0, memory_bytes=128 * MIB, output_bytes=MIB)


def square(limits: Limits, tests: tuple[Test, ...] = TESTS) -> Problem:
    """The problem of squaring a number."""
    return Problem("square", "", "", "", "", "", tests, limits, interface=Interface.STDIO, time_limit_s=LIMIT_S)


PROBLEM = square(LIMITS)
PROBLEMS = (
    PROBLEM,
    square(replace(LIMITS, memory_bytes=64 * MIB, processes=8)),
    square(replace(LIMITS, memory_bytes=256 * MIB, files_bytes=4 * MIB), (*TESTS, LARGE)),
)
ACCEPTING = Validator("python3", {"check.py": "import sys\nsys.exit(42 if sys.stdin.read().strip() else 43)\n"})
SQUARE = "print(int(input()) ** 2, flush=True)"
PYTHON = {
    SQUARE: Verdict.AC,
    "import sys; n = int(sys.stdin.readline()); sys.stdout.write(f'{n * n}')": Verdict.AC,
    "print(int(input()) * 2)": Verdict.WA,
    "print(int(input()) ** 2 if 0 else (": Verdict.CE,
    "raise SystemExit(int(input()))": Verdict.RTE,
    "print(int(input()) ** 2); [][0]": Verdict.RTE,
    "import os; os.kill(os.getpid(), 11)": Verdict.RTE,
    "import os; print(int(input()) ** 2); os._exit(0)": Verdict.WA,
    "while True: pass": Verdict.TLE,
    "import os\nwhile True:\n try: os.fork()\n except OSError: pass": Verdict.TLE,
    "a = [0] * 10**9": Verdict.MLE,
    "import os\na = [os.fork()]\nb = b'x' * (90 << 20)\nos.wait() if a[0] else 0": None,
    "while True: print('x' * 65536)": Verdict.OLE,
    "import os\nwhile True: os.write(2, b'y' * 65536)": Verdict.OLE,
    "import os\nif os.fork(): os.wait()\nelse: print(int(input()) ** 2, flush=True); os._exit(0)": Verdict.AC,
    f"import os, time\n{SQUARE}\nif os.fork() == 0: os.setsid(); time.sleep(99)": Verdict.AC,
    f"import os\n{SQUARE}\nfor _ in range(4):\n if os.fork() == 0:\n  os.setsid()\n  while True: pass": Verdict.AC,
    f"open('left', 'w').write('x' * 10**6); {SQUARE}": Verdict.AC,
    f"{SQUARE}\nwhile True: open('left', 'ab').write(b'x' * 10**6)": Verdict.RTE,
    f"import os\n{SQUARE}\nfor n in -1, os.getppid(), 1:\n try: os.kill(n, 9)\n except OSError: pass": Verdict.AC,
    f"from threading import *\n{SQUARE}\nfor _ in '1234': Thread(target=Event().wait, daemon=True).start()": Verdict.AC,
    f"import os\n{SQUARE}\nheld = [os.open('/dev/null', 0) for _ in range(40)]\nos.close(0); os.close(1)": Verdict.AC,
    f"import builtins, gc, os, sys\n{SQUARE}\ngc.disable(); sys.modules.clear(); builtins.print = None; os._exit(0)":
        Verdict.AC,
    "import os; os.execv('/bin/sh', ['sh', '-c', 'read n; echo $((n * n))'])": Verdict.AC,
}  # fmt: skip
"""Source to the verdict; None where the limit on memory is not the same each time."""
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

    def task(judge: Judge, language: str, source: str, wanted: Verdict | None, problem: Problem = PROBLEM) -> Task:
        submission = Submission.of(source, language)
        asked = replace(problem, time_limit_s=SHORT_S) if wanted is Verdict.TLE else problem

        def judged() -> tuple[str, bool]:
            found = judge.judge(asked, submission)
            return f"{language} {found.verdict}", found.verdict is wanted or (wanted is None and not found.error)

        return judged

    first: dict[int, Verdict | None] = {}

    def call(number: int, problem: Problem, source: str) -> Task:
        def judged() -> tuple[str, bool]:
            verdict = tiny.judge(problem, source).verdict
            return f"tiny {verdict}", verdict is first.setdefault(number, verdict)

        return judged

    calls = cycle([call(number, *submission) for number, submission in enumerate(mixed())])
    every = [(source, wanted, problem) for problem in PROBLEMS for source, wanted in PYTHON.items()]
    pythons = cycle([task(stdio, "python3", source, wanted, problem) for source, wanted, problem in every])
    cpps = cycle([task(stdio, "cpp", source, wanted) for source, wanted in CPP.items()])
    validated = task(stdio, "python3", "print(1)", Verdict.AC, replace(PROBLEM, validator=ACCEPTING))
    java = task(stdio, "java", JAVA, Verdict.AC)
    gvisor = task(kernel, "python3", SQUARE, Verdict.AC)
    while True:
        yield from (*islice(pythons, 175), validated, *islice(calls, 20), *islice(cpps, 2), java, gvisor)


def soak(count: int, workers: int) -> dict[str, Any]:
    """``count`` judgements, after 400 that are not counted."""
    ended: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: ended.append(number))
    with ExitStack() as stack:
        sandbox, kernel = stack.enter_context(open_sandbox()), stack.enter_context(open_sandbox("gvisor"))
        judges = [Judge(sandbox, workers=workers), Judge(sandbox), Judge(kernel)]
        asked = tasks(*(stack.enter_context(judge) for judge in judges))
        threads = stack.enter_context(ThreadPoolExecutor(workers))
        list(threads.map(lambda task: task(), islice(asked, 400)))
        start = footprint()
        verdicts: Counter[str] = Counter()
        unexpected: Counter[str] = Counter()
        began = time.perf_counter()
        while (done := verdicts.total()) < count and not ended:
            for verdict, wanted in threads.map(lambda task: task(), islice(asked, min(200, count - done))):
                verdicts[verdict] += 1
                unexpected[verdict] += not wanted
            if done % 1000 == 0:
                print(f"{done} {time.perf_counter() - began:.0f} s {+unexpected} {footprint()}", flush=True)
        wall_s = time.perf_counter() - began
        end = footprint()
    return {
        "judgements": verdicts.total(),
        "workers": workers,
        "minutes": round(wall_s / 60, 1),
        "verdicts": dict(sorted(verdicts.items())),
        "unexpected": dict(+unexpected),
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
