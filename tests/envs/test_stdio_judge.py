"""The judge of stdin and stdout over real programs in the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from alphadial.envs.errors import ProblemError, SandboxFailedError
from alphadial.envs.judging import Judge
from alphadial.envs.judging.checkers import recheck
from alphadial.envs.judging.compiling import Compiled, compile_program, self_test
from alphadial.envs.judging.failing import failed_test
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.languages import all_languages, find_language, language_of
from alphadial.envs.sandbox import Sandbox, WorkspaceRun, open_sandbox
from alphadial.envs.sandbox.warm_commands import FreshCommands
from alphadial.envs.types import (
    MIB,
    Checker,
    FailureKind,
    Interface,
    Limits,
    Problem,
    RunResult,
    Submission,
    Test,
    Validator,
    Verdict,
)

from .labelled import Found, judged_at, labelled

LIMITS = Limits(memory_bytes=96 * MIB, output_bytes=64 * 1024, processes=16)
DOUBLE = Problem(
    id="double",
    template="double",
    group="",
    statement="",
    prompt="",
    entry="",
    tests=(
        Test(1, "1\n", "2\n", public=True, name="1", group="sample"),
        Test(1, "21\n", "42\n", name="2", group="secret"),
        Test(2, "1000000\n", "2000000\n", name="3", group="secret"),
    ),
    limits=LIMITS,
    interface=Interface.STDIO,
)
GOOD = "print(2 * int(input()))\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as opened:
        yield opened


@pytest.fixture(scope="module")
def judge(sandbox: Sandbox) -> Judge:
    return Judge(sandbox, validator_limits=replace(LIMITS, cpu_s=1.0))


LIMIT_S = 2.0
"""Far more than any program here needs that ends."""
OVERRUN_S = 0.4
"""Endless programs take as long as it is."""


def judged(
    judge: Judge,
    source: str,
    problem: Problem = DOUBLE,
    *,
    language: str = "python3",
    limit_s: float = LIMIT_S,
    all_tests: bool = False,
) -> Found:
    known = find_language(language)
    solution = labelled("s", language, {f"{known.main}{known.extensions[0]}": source})
    found = judged_at(judge, problem, solution, limit_s, all_tests=all_tests)
    assert not found.error
    return found


def test_accepted(judge: Judge) -> None:
    found = judged(judge, GOOD)
    assert (found.verdict, found.level_reached, found.public_verdict) == (Verdict.AC, 2, Verdict.AC)
    assert found.groups == {"sample": Verdict.AC, "secret": Verdict.AC}
    assert found.record.complete
    assert all(test.output is None and test.peak_bytes for test in found.record.tests)


@pytest.mark.parametrize(
    ("tail", "verdict", "cause"),
    [
        ("print(n)", Verdict.WA, ""),
        ("import sys; print(2 * n); sys.exit(3)", Verdict.RTE, "exit status 3"),
        ("import os; os.kill(os.getpid(), 11)", Verdict.RTE, "signal 11"),
        ("while True: pass", Verdict.TLE, "cpu"),
        ("print('x' * 10**6)", Verdict.OLE, "output"),
        # Held for a moment, since without a cgroup memory is looked at every few milliseconds.
        ("print(2 * n, flush=True); b = bytearray(10**8); __import__('time').sleep(0.3)", Verdict.MLE, "memory"),
    ],
)
def test_what_goes_wrong(judge: Judge, tail: str, verdict: Verdict, cause: str) -> None:
    source = f"n = int(input())\nif n < 100: print(2 * n)\nelse:\n {tail}\n"
    found = judged(judge, source, limit_s=OVERRUN_S if verdict is Verdict.TLE else LIMIT_S)
    assert (found.verdict, found.cause, found.level_reached, found.borderline) == (verdict, cause, 1, False)
    slow = verdict in (Verdict.TLE, Verdict.MLE)
    assert found.failure_kind is (FailureKind.OPTIMISATION if slow else FailureKind.CORRECTNESS)


@pytest.mark.slow
def test_sleeping_ends_by_the_wall(judge: Judge) -> None:
    problem = replace(DOUBLE, tests=DOUBLE.tests[:1], limits=replace(LIMITS, wall_s=0.5))
    found = judged(judge, "import time; time.sleep(60)", problem, limit_s=OVERRUN_S)
    assert (found.verdict, found.cause, len(found.record.tests[0].runs)) == (Verdict.TLE, "wall", 2)


def test_the_judge_stops_at_the_first_failure_or_not(judge: Judge) -> None:
    source = "n = int(input()); print(2 * n if n != 21 else 0)"
    found = judged(judge, source)
    assert (len(found.record.tests), found.record.unrun[0].level) == (2, 2)
    found = judged(judge, source, all_tests=True)
    assert [test.checked for test in found.record.tests] == [True, False, True]
    assert found.record.tests[1].output == "0\n"
    assert found.record.tests[1].allowed_s == pytest.approx(2 * LIMIT_S + 1)
    hidden_first = replace(DOUBLE, tests=tuple(replace(test, public=test.level == 2) for test in DOUBLE.tests))
    assert judged(judge, source, hidden_first).public_verdict is Verdict.AC


def test_compile_errors(judge: Judge) -> None:
    found = judged(judge, "def f(:\n")
    assert (found.verdict, found.record.tests) == (Verdict.CE, ())
    assert "SyntaxError" in found.cause
    found = judged(judge, "int main() { return colour; }", language="c")
    assert found.verdict is Verdict.CE
    assert "main.c:1:21: error" in found.cause


def test_the_compiler_has_limits(sandbox: Sandbox) -> None:
    endless = compile_program(
        sandbox, "c", {"main.c": '#include "/dev/zero"\n'}, replace(LIMITS, memory_bytes=64 * MIB)
    )
    assert endless.program is None
    assert endless.message.startswith("the compiler was stopped by its limit on memory")


def test_deep_recursion_is_no_error(judge: Judge) -> None:
    source = """
#include <stdio.h>
static long twice(long n, volatile long *above) {
    volatile long here[8]; here[0] = above ? above[0] + 2 : 2;
    return n == 1 ? here[0] : twice(n - 1, here);
}
int main(void) { long n; scanf("%ld", &n); if (n > 400000) n = 400000; printf("%ld\\n", twice(n, 0)); return 0; }
"""
    problem = replace(DOUBLE, tests=(Test(1, "400000\n", "800000\n"),))
    found = judged(judge, source, problem, language="c")
    assert (found.verdict, found.cause) == (Verdict.AC, "")
    peak = found.record.tests[0].peak_bytes
    assert peak is not None
    assert peak > 20 * MIB


VALIDATOR = """
import pathlib, sys
given, answer, feedback = sys.argv[1:4]
pathlib.Path(feedback, "judgemessage.txt").write_text("looked")
assert sys.argv[4:] == ["twice"]
same = int(sys.stdin.read() or 0) == 2 * int(open(given).read()) == int(open(answer).read())
"""


@pytest.mark.parametrize(
    ("end", "verdict", "error"),
    [
        ("sys.exit(42 if same else 43)", Verdict.AC, ""),
        ("sys.exit(43 if same else 42)", Verdict.WA, ""),
        ("sys.exit(0)", None, "check.py ended with status 0, which is neither 42 nor 43"),
        ("raise ValueError('no idea')", None, "ValueError: no idea"),
        ("while True: pass", None, "check.py was stopped by its limit on cpu"),
        ("import os; os.kill(os.getpid(), 11)", None, "check.py crashed (signal 11)"),
        ("else", None, "check.py does not compile"),
    ],
)
def test_custom_validators(judge: Judge, end: str, verdict: Verdict | None, error: str) -> None:
    validator = Validator("python3", {"check.py": VALIDATOR + end}, ("twice",))
    problem = replace(DOUBLE, tests=DOUBLE.tests[1:2], validator=validator)
    found = judged_at(judge, problem, labelled("s", "python3", {"main.py": GOOD}), 1.0)
    assert found.verdict is verdict
    assert error in found.error
    assert not error or "double, test '2'" in found.error


RAW = "import os\nos.write(1, b'\\xff\\n')\n"


@pytest.mark.parametrize(("answer", "verdict"), [("\ufffd\n", Verdict.WA), ("\udcff\n", Verdict.AC)])
def test_output_is_bytes(judge: Judge, answer: str, verdict: Verdict) -> None:
    problem = replace(DOUBLE, tests=(Test(1, "\udc80", answer),))
    assert judged(judge, RAW, problem).verdict is verdict
    record = judge.record(problem, labelled("s", "python3", {"main.py": RAW}), 1.0)
    kept = SubmissionRecord.from_json(json.loads(json.dumps(record.to_json())))
    assert recheck(kept, problem, Checker()).tests[0].checked is (verdict is Verdict.AC)


def test_validators_get_the_very_bytes(judge: Judge) -> None:
    check = """
import sys
files = [open(name, "rb").read() for name in sys.argv[1:3]] + [sys.stdin.buffer.read()]
sys.exit(42 if files == [b"\\x80", b"\\xfe", b"\\xff\\n"] else 43)
"""
    problem = replace(DOUBLE, tests=(Test(1, "\udc80", "\udcfe"),), validator=Validator("python3", {"check.py": check}))
    assert judged(judge, RAW, problem).solved


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("raise MemoryError", Verdict.RTE),
        ("import sys; sys.stderr.write('MemoryError'); sys.exit(1)", Verdict.RTE),
        ("[0] * 10**9", Verdict.MLE),
    ],
)
def test_too_much_memory_is_what_was_used_and_not_what_was_said(judge: Judge, source: str, verdict: Verdict) -> None:
    assert judged(judge, source).verdict is verdict


@pytest.mark.slow
def test_java_that_only_says_so_is_not_out_of_memory(judge: Judge) -> None:
    main = "public static void main(String[] arguments) {"
    said = f"public class Main {{ {main} throw new OutOfMemoryError(); }} }}"
    grown = (
        f"public class Main {{ {main} java.util.List<int[]> hoard = new java.util.ArrayList<>();"
        " while (true) hoard.add(new int[100000]); } }"
    )
    at_once = f"public class Main {{ {main} System.out.println(new boolean[1_000_000_001].length); }} }}"
    roomy = replace(DOUBLE, limits=replace(LIMITS, memory_bytes=192 * MIB))
    assert judged(judge, said, roomy, language="java").verdict is Verdict.RTE
    for too_much in (grown, at_once):
        assert judged(judge, too_much, roomy, language="java").verdict is Verdict.MLE


def test_tests_with_a_checker_or_arguments_of_their_own(judge: Judge) -> None:
    sample, small, _ = DOUBLE.tests
    near = replace(DOUBLE, tests=(replace(sample, checker=Checker(float_absolute=1.0)), small))
    assert judged(judge, "print(2 * int(input()) + 0.5)", near).groups == {"sample": Verdict.AC, "secret": Verdict.WA}
    validator = Validator("python3", {"check.py": "import sys\nsys.exit(int(sys.argv[4]))"}, ("42",))
    told = replace(DOUBLE, tests=(sample, replace(small, arguments=("43",))), validator=validator)
    assert judged(judge, GOOD, told).groups == {"sample": Verdict.AC, "secret": Verdict.WA}


@pytest.mark.slow
def test_programs_with_large_tables(judge: Judge) -> None:
    source = '#include <stdio.h>\nint table[40000000] = {2};\nint main(void) { int n; scanf("%d", &n);'
    roomy = replace(DOUBLE, limits=replace(LIMITS, memory_bytes=256 * MIB))
    assert judged(judge, source + ' printf("%d\\n", table[0] * n); }', roomy, language="c").verdict is Verdict.CE
    found = judged(judge, source.replace("4000", "400") + ' printf("%d\\n", table[0] * n); }', roomy, language="c")
    assert found.verdict is Verdict.AC


def test_a_crashed_program_is_not_shown_to_the_validator(judge: Judge) -> None:
    validator = Validator("python3", {"check.py": "raise SystemExit(42)"})
    found = judged(judge, "raise SystemExit(1)", replace(DOUBLE, validator=validator))
    assert found.verdict is Verdict.RTE


def test_what_cannot_be_judged(judge: Judge) -> None:
    unknown = judged_at(judge, DOUBLE, labelled("s", "cobol", {"main.cob": ""}), 1.0)
    assert (unknown.verdict, unknown.failure_kind) == (None, FailureKind.UNMEASURABLE)
    assert "unknown language 'cobol'; the judge knows: c, cpp, java, pypy3, python3" in unknown.error
    with pytest.raises(ProblemError, match="unknown language 'cobol'"):
        judge.judge(replace(DOUBLE, time_limit_s=1.0), Submission("cobol", {"main.cob": ""}, "main.cob"))
    with pytest.raises(ProblemError, match="double has no time limit: give it one"):
        judge.judge(DOUBLE, GOOD)
    with pytest.raises(ValueError, match=r"'a\.c' is none of the files"):
        Submission("c", {}, "a.c")


def test_a_missing_compiler_is_no_compile_error(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = replace(find_language("c"), compile=("no-such-compiler", "{sources}"))
    monkeypatch.setattr("alphadial.envs.judging.compiling.find_language", lambda name: missing)
    with pytest.raises(ProblemError, match="no no-such-compiler for c programs; run: apt-get install gcc"):
        compile_program(sandbox, "c", {"main.c": "int main(void) { return 0; }"})
    assert "apt-get install gcc" in self_test(sandbox, "c")


SLOW_TO_COMPILE = [pytest.param(name, marks=pytest.mark.slow) for name in ("cpp", "java")]


@pytest.mark.parametrize("name", ["c", "python3", *SLOW_TO_COMPILE])
def test_languages(sandbox: Sandbox, name: str) -> None:
    known = find_language(name)
    assert name in all_languages()
    assert self_test(sandbox, name) == ""
    assert language_of(f"a/b{known.extensions[0]}") == known


def test_programs_of_several_files(judge: Judge) -> None:
    files = {"main.py": "import helper\nprint(helper.twice(int(input())))\n", "helper.py": "def twice(n): return 2 * n"}
    assert judged_at(judge, DOUBLE, labelled("s", "python3", files), 1.0).solved
    main = (
        '#include "twice.h"\n#include <stdio.h>\nint main(void) { long n; scanf("%ld", &n); printf("%ld", twice(n)); }'
    )
    files = {"main.c": main, "twice.h": "int twice(int);", "twice.c": "int twice(int n) { return 2 * n; }"}
    assert judged_at(judge, DOUBLE, labelled("s", "c", files), 1.0).solved


JAVA = "public static void main(String[] a) { System.out.println(2 * new java.util.Scanner(System.in).nextLong()); }"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "files"),
    [
        ("java", {"a.java": f"class R {{}} public class a implements Runnable {{ public void run() {{}} {JAVA} }}"}),
        ("java", {"b.java": f"class Reader {{}} class Start {{ {JAVA} }}"}),
        ("java", {"c.java": f"package codeforces; public class c {{ static class Reader {{}} {JAVA} }}"}),
        (
            "cpp",
            {
                "main.cpp": "#include <iostream>\nint f(int);\nint main() { int n; std::cin >> n; std::cout << f(n); }",
                "twice.c": "int f(int n) { return 2 * n; }",
            },
        ),
    ],
)  # fmt: skip
def test_programs_of_other_shapes(judge: Judge, language: str, files: dict[str, str]) -> None:
    found = judged_at(judge, DOUBLE, labelled("s", language, files), 2.0)
    assert found.solved, found


class Stumbling:
    """A sandbox whose machinery fails once for each kind of run."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._stumbled: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    def run(self, command: Sequence[str], *arguments: Any) -> RunResult:
        self._stumble(command[0])
        return self._sandbox.run(command, *arguments)

    def run_in(self, *arguments: Any) -> WorkspaceRun:
        self._stumble("compiler")
        return self._sandbox.run_in(*arguments)

    def open_command(self, command: Sequence[str], limits: Limits) -> FreshCommands:
        return FreshCommands(cast(Sandbox, self), command)

    def _stumble(self, what: str) -> None:
        if what not in self._stumbled:
            self._stumbled.add(what)
            raise SandboxFailedError("once")


@pytest.mark.thorough
def test_compilers_programs_and_validators_are_tried_twice(sandbox: Sandbox) -> None:
    validator = Validator("python3", {"check.py": "import sys\nsys.exit(42)"})
    stumbling = Judge(cast(Sandbox, Stumbling(sandbox)))
    found = judged(stumbling, GOOD, replace(DOUBLE, validator=validator))
    assert found.verdict is Verdict.AC


@pytest.mark.thorough
def test_a_validator_that_does_not_compile_is_compiled_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def count(sandbox: Sandbox, language: str, files: dict[str, str]) -> Compiled:
        compiled.append(language)
        return compile_program(sandbox, language, files)

    monkeypatch.setattr("alphadial.envs.judging.validators.compile_program", count)
    problem = replace(DOUBLE, validator=Validator("python3", {"check.py": "("}))
    judge = Judge(sandbox)
    for _ in range(2):
        found = judged_at(judge, problem, labelled("s", "python3", {"main.py": GOOD}), LIMIT_S)
        assert "validator check.py does not compile" in found.error
    assert compiled == ["python3"]


def test_what_online_judges_define_is_defined(judge: Judge) -> None:
    source = """
#include <stdio.h>
int main(void) {
#ifndef ONLINE_JUDGE
    freopen("input.txt", "r", stdin);
#endif
    FILE *words = fopen("/dev/stderr", "w");
    long n;
    return words == NULL || scanf("%ld", &n) != 1 || printf("%ld", 2 * n) < 0;
}
"""
    assert judged(judge, source, language="c").solved


def test_what_a_validator_says_is_kept(judge: Judge) -> None:
    source = (
        "import sys\n"
        "open(sys.argv[3] + '/judgemessage.txt', 'w').write('m' * 3000)\n"
        "print('to stdout'); print('to stderr', file=sys.stderr)\n"
        "sys.exit(43)\n"
    )
    wrong = replace(DOUBLE, validator=Validator("python3", {"v.py": source}))
    (test,) = judged(judge, GOOD, wrong).record.tests
    assert (test.checked, test.message) == (False, "m" * 2000)
    assert sorted(test.remark.splitlines()) == ["to stderr", "to stdout"]


def test_a_labelled_solution_runs_on_in_the_sandbox(judge: Judge) -> None:
    files = {"main.py": "n = int(input())\nif n == 21: raise SystemExit(3)\nprint(0 if n > 21 else 2 * n)\n"}

    def ran(label: str | None) -> int:
        found = judged_at(judge, DOUBLE, labelled("s", "python3", files, label), LIMIT_S)
        assert found.verdict is Verdict.RTE
        return len(found.record.tests)

    assert ran(None) == ran("accepted") == ran("WA") == 2
    assert ran("time_limit_exceeded") == 2  # a crash is not permitted
    files["main.py"] = files["main.py"].replace("raise SystemExit(3)", "print(1); raise SystemExit")
    found = judged_at(judge, DOUBLE, labelled("s", "python3", files, "wrong_answer"), LIMIT_S)
    assert (found.verdict, len(found.record.tests), found.record.unrun) == (Verdict.WA, 3, ())
    assert 0 < found.record.extra_s < found.record.wall_s


def test_the_judge_of_calls_judges_stdin_and_stdout_too(judge: Judge) -> None:
    limited = replace(DOUBLE, time_limit_s=LIMIT_S, coverages={"low": 1})
    wrong = "n = int(input())\nprint(2 * n if n < 100 else 0)\n"
    found = judge.judge(limited, wrong)
    assert (found.verdict, found.level_reached, found.first_failure, found.limit_s) == (Verdict.WA, 1, "3", LIMIT_S)
    assert found.groups == {"sample": Verdict.AC, "secret": Verdict.WA}
    assert [(test.name, test.verdict) for test in found.tests] == [("1", "AC"), ("2", "AC"), ("3", "WA")]
    assert found.counted_by == judge.sandbox.protection.counted_by
    low = judge.judge(limited, Submission.of(wrong), "low")
    assert (low.solved, len(low.tests)) == (True, 2)
    assert judge.judge(limited, None).cause == "no program"
    source = '#include <cstdio>\nint main() { long n; scanf("%ld", &n); printf("%ld", 2 * n); }\n'
    assert judge.judge(limited, Submission.of(source, "cpp"), 1).solved
    other = judge.judge(replace(limited, languages=("c", "python3")), Submission.of(source, "cpp"))
    assert (other.verdict, other.cause) == (Verdict.CE, "the problem takes c or python3, not cpp")


def test_public_tests_alone_are_run_for_a_policy(judge: Judge) -> None:
    limited = replace(DOUBLE, time_limit_s=LIMIT_S)
    (shown,) = judge.run_public(limited, "print(input(), 'é')")
    assert (shown.test.name, shown.verdict, shown.got) == ("1", Verdict.WA, "1 é\n")
    (shown,) = judge.run_public(limited, "print([][1])")
    assert (shown.verdict, shown.cause) == (Verdict.RTE, "IndexError: list index out of range")
    (shown,) = judge.run_public(limited, Submission.of("int main( {", "c"))
    assert shown.verdict is Verdict.CE
    assert "error" in shown.cause
    broken = Validator("python3", {"check.py": "raise SystemExit(1)"})
    with pytest.raises(SandboxFailedError, match=r"check\.py ended with status 1"):
        judge.run_public(replace(limited, validator=broken), GOOD)


@pytest.mark.thorough
def test_the_failing_test_is_shown_where_it_is_public_or_where_its_setter_asks(judge: Judge) -> None:
    limited = replace(DOUBLE, time_limit_s=LIMIT_S)
    wrong = Submission.of("n = int(input())\nprint(2 * n if n < 99 else 'x' * 3000)")
    record = judge.record(limited, labelled("s", "python3", {"main.py": wrong.source}), LIMIT_S)
    assert judge.judge(limited, wrong).public_failure is None
    assert failed_test(limited, record, LIMIT_S, public=True) is None
    shown = failed_test(limited, record, LIMIT_S)
    assert shown is not None
    assert (shown.test, shown.input, shown.expected, shown.verdict) == ("3", "1000000\n", "2000000\n", Verdict.WA)
    assert "[... 1,001 characters left out ...]" in shown.got
    assert failed_test(limited, record, LIMIT_S, level=1) is None
    hasty = replace(DOUBLE, time_limit_s=OVERRUN_S)
    slow = judge.judge(hasty, "print(2 * int(input()), flush=True)\nwhile True: pass").public_failure
    assert slow is not None
    assert (slow.got, slow.verdict, slow.cause) == ("2\n", Verdict.TLE, "cpu")
    broken = judge.judge(limited, "print(1)\nint('x')").public_failure
    assert broken is not None
    assert (broken.got, broken.cause) == ("1\n", "ValueError: invalid literal for int() with base 10: 'x'")


@pytest.mark.thorough
def test_a_message_about_a_hidden_test_stays_in_the_record(judge: Judge) -> None:
    said = "import sys\nopen(sys.argv[3] + '/judgemessage.txt', 'w').write(open(sys.argv[1]).read())\nsys.exit(43)\n"
    secret = replace(DOUBLE, time_limit_s=LIMIT_S, validator=Validator("python3", {"v.py": said}))
    assert judge.judge(secret, GOOD).message == "1"
    hidden = replace(secret, tests=DOUBLE.tests[1:])
    assert (judge.judge(hidden, GOOD).verdict, judge.judge(hidden, GOOD).message) == (Verdict.WA, "")
