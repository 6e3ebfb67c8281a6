"""Each test of a stdin program runs as if it were the only one: nothing of another is to be found, measured or felt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.judging.records import TestRecord
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import MIB, Interface, Limits, Problem, Test

from .labelled import labelled

LIMITS = Limits(memory_bytes=160 * MIB, output_bytes=256 * 1024, files_bytes=8 * MIB, processes=12)
LIMIT_S = 5.0


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox, workers=1) as opened:
        yield opened


def ran(judge: Judge, source: str, inputs: list[str], answer: str = "?") -> tuple[TestRecord, ...]:
    """What a program did on every input."""
    tests = tuple(Test(level, given, answer) for level, given in enumerate(inputs, 1))
    problem = Problem("n", "n", "", "", "", "", tests, LIMITS, interface=Interface.STDIO)
    record = judge.record(problem, labelled("s", "python3", {"main.py": source}), LIMIT_S, all_tests=True)
    assert (record.error, record.compile_error) == ("", None)
    assert all(test.exit_status == 0 for test in record.tests), record.tests[0].stderr
    return record.tests


SEARCH = """
import os, re
given = open(0).read()
mark = re.compile(b"to" + b"ken-[0-9a-z]{12}")
found = set()
with open("/proc/self/maps") as maps:
    ranges = [line.split() for line in maps]
with open("/proc/self/mem", "rb", 0) as memory:
    for span, access, *_, name in ((*line[:2], line[-1]) for line in ranges):
        start, end = (int(side, 16) for side in span.split("-"))
        if "r" not in access or name in ("[vvar]", "[vsyscall]") or end - start > 64 << 20:
            continue
        try:
            memory.seek(start)
            found.update(mark.findall(memory.read(end - start)))
        except OSError:
            pass
print(*sorted({item.decode() for item in found} - set(given.split())) or ["nothing"])
"""


def test_memory_holds_nothing_of_another_test(judge: Judge) -> None:
    inputs = [f"token-{letter * 12} {letter}\n" * 2000 for letter in "abcd"]
    found = ran(judge, SEARCH, inputs, answer="token-zzzzzzzzzzzz")
    assert {test.output for test in found} == {"nothing\n"}


FACTS = """
import os, resource, signal, sys, threading
def shown(path):
    try: return open(path).read()
    except OSError as error: return error.strerror
streams = sys.stdin, sys.stdout, sys.stderr
status = shown("/proc/self/status").splitlines()
facts = {
    "ids": (os.getpid(), os.getppid(), os.getsid(0), os.getpgid(0), os.getuid(), os.geteuid(), os.getgroups()),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
    "kinds": [oct(os.fstat(number).st_mode) for number in range(3)],
    "flags": [__import__("fcntl").fcntl(number, 3) for number in range(3)],
    "arguments": (sys.argv, sys.orig_argv[-1], __file__, __name__, sys.path, sys.executable, sys.flags),
    "streams": [(each.name, each.encoding, each.errors, each.line_buffering, each.mode) for each in streams],
    "environment": sorted(os.environ.items()),
    "folder": (os.getcwd(), sorted(os.listdir(".")), sorted(os.listdir("/tmp")), sorted(os.listdir("/dev/shm"))),
    "limits": [resource.getrlimit(number) for number in range(16)],
    "signals": [str(signal.getsignal(number)) for number in range(1, 65) if number not in (32, 33)],
    "status": [line for line in status if line.startswith(("Sig", "Cap", "NoNew", "Secc", "Thr", "NSpid"))],
    "umask": os.umask(0o22), "nice": os.nice(0), "dumpable": shown("/proc/self/coredump_filter"),
    "processes": sorted(filter(str.isdigit, os.listdir("/proc"))),
    "threads": threading.active_count(), "recursion": sys.getrecursionlimit(), "digits": sys.get_int_max_str_digits(),
    "hash": hash("x"), "collector": __import__("gc").get_threshold(), "oom": shown("/proc/self/oom_score_adj"),
    "globals": sorted(globals()), "main": sorted(vars(sys.modules["__main__"])), "async": sys.get_asyncgen_hooks(),
    "hooks": [str(finder) for finder in sys.meta_path], "warnings": len(__import__("warnings").filters),
    "hostname": os.uname().nodename, "affinity": len(os.sched_getaffinity(0)), "used": sum(os.times()[2:4]),
}
for name, fact in facts.items():
    print(name, fact)
"""


def test_every_test_finds_the_same_surroundings(judge: Judge) -> None:
    outputs = [(test.output or "").splitlines() for test in ran(judge, FACTS, ["1\n"] * 5)]
    assert len(outputs[0]) > 25
    assert outputs[1:] == outputs[:-1]


@pytest.mark.slow
def test_chance_differs_from_test_to_test_only_where_it_is_not_seeded(judge: Judge) -> None:
    source = "import os, random, uuid\nprint(random.random(), os.urandom(4).hex(), uuid.uuid4(), sep='\\n')\n"
    drawn = [(test.output or "").split() for test in ran(judge, source, ["1\n"] * 3)]
    assert len({value for values in drawn for value in values}) == 9
    fixed = ran(judge, "import random\nrandom.seed(7)\nprint(random.random(), hash('a'))\n", ["1\n"] * 3)
    assert len({test.output for test in fixed}) == 1


@pytest.mark.slow
def test_times_and_memory_are_of_each_test_alone(judge: Judge) -> None:
    source = """
import os, time
heavy = int(input())
if heavy:
    held = bytearray(b"x") * (80 << 20)
    while time.process_time() < 1.0: pass
    if os.fork() == 0:
        while True: pass
print("?", flush=True)
os._exit(0)
"""
    light, heavy, *after = ran(judge, source, ["0\n", "1\n", "0\n", "0\n"])
    assert heavy.cpu_s > 1.0
    assert heavy.peak_bytes is None or heavy.peak_bytes > 80 * MIB
    for test in (light, *after):
        assert test.cpu_s < 0.5
        assert test.peak_bytes is None or test.peak_bytes < 40 * MIB
