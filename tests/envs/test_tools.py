from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import alphadial
from alphadial.envs import (
    FailureKind,
    Feedback,
    JudgeReport,
    Limits,
    Problem,
    Rules,
    SandboxFailedError,
    Setting,
    Submission,
    Test,
    Verdict,
    WorkspaceError,
)
from alphadial.envs.errors import NoCompilerError
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import Sandbox, Workspace, WorkspaceRun, cgroups, open_sandbox
from alphadial.envs.tools.answers import solution_files
from alphadial.envs.tools.catalogue import tool_specs
from alphadial.envs.tools.journal import Journal, MemoryJournal
from alphadial.envs.tools.journal_sqlite import SqliteJournal
from alphadial.envs.tools.posing import task_files
from alphadial.envs.tools.session import MIN_FILES_BYTES, ToolResult, ToolSession
from alphadial.envs.tools.text import MAX_CHARS
from alphadial.envs.types import Interface

TESTS = (
    Test(1, "[2, 3]", "6", public=True),
    Test(1, "[0, 1]", "0", public=True),
    Test(2, "[31337, 10]", "313370"),
)
PROBLEM = Problem(
    "p",
    "t",
    "",
    "Multiply.",
    "",
    "f",
    TESTS,
    Limits(),
    {"low": 1, "high": 2},
    files={"solution.py": "def f(a, b): ...\n"},
)
STDIO = replace(
    PROBLEM,
    interface=Interface.STDIO,
    tests=(
        Test(1, "2 3\n", "6\n", public=True, name="1"),
        Test(1, "0 1\n", "0\n", public=True, name="2"),
        Test(2, "31337 10\n", "313370\n", name="3"),
    ),
    time_limit_s=10.0,
    files={},
)
FILES = task_files(PROBLEM)
RIGHT = "def f(a, b):\n    return a * b\n"
ONLY_PUBLIC = "def f(a, b):\n    return a * b if a < 9 else 0\n"
LIMITS = Limits(cpu_s=10.0, wall_s=30.0, output_bytes=64 * 1024, files_bytes=16 << 20, processes=16)
AGENTIC = Rules(Setting.AGENTIC, max_turns=9, tool_limits=LIMITS)
TRY = Rules(Setting.TOOLS, max_turns=9)


@dataclass
class Bench:
    sandbox: Sandbox
    judge: Judge

    def session(self, rules: Rules = AGENTIC, **options: Any) -> ToolSession:
        return ToolSession(PROBLEM, rules, options.pop("sandbox", self.sandbox), self.judge, **options)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        yield Bench(sandbox, judge)


def calls(session: ToolSession, *made: tuple[str, Any]) -> list[ToolResult]:
    return [session.call(str(number), name, arguments) for number, (name, arguments) in enumerate(made)]


def shell(session: ToolSession, command: str, call_id: str = "1") -> str:
    return session.call(call_id, "shell", {"command": command}).content


def test_the_tools_of_each_setting() -> None:
    names = {setting: [spec.name for spec in tool_specs(setting, PROBLEM)] for setting in Setting}
    assert names == {
        Setting.REASONING: ["submit"],
        Setting.TOOLS: ["run_tests", "submit"],
        Setting.AGENTIC: ["shell", "view", "edit", "run_tests", "submit"],
    }
    view = tool_specs(Setting.AGENTIC, PROBLEM)[1]
    function = view.function
    assert json.loads(json.dumps(function)) == function
    assert function["function"]["parameters"]["required"] == ["path"]
    function["function"]["parameters"]["required"].append("changed")
    assert view.parameters["required"] == ["path"]


def test_tools_name_the_language_or_ask_for_it() -> None:
    (submit,) = tool_specs(Setting.REASONING, PROBLEM)
    assert list(submit.parameters["properties"]) == ["program"]
    assert "whole Python program" in submit.parameters["properties"]["program"]["description"]
    assert submit.read({"program": "x", "language": "python"})["language"] == "python"
    run, _ = tool_specs(Setting.TOOLS, STDIO)
    assert run.parameters["required"] == ["program", "language"]
    assert "c, cpp, java or python" in run.parameters["properties"]["language"]["description"]
    run, _ = tool_specs(Setting.TOOLS, STDIO, "cpp")
    assert "whole C++ program" in run.parameters["properties"]["program"]["description"]
    assert "solution.cpp of the workspace" in tool_specs(Setting.AGENTIC, STDIO, "cpp")[-1].description


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("rm", "{}", "there is no tool 'rm'; the tools are: shell, view"),
        ("rm\ud800", "{}", "there is no tool"),
        ("shell", "{", "not valid JSON"),
        ("shell", "[" * 100_000, "not valid JSON"),
        ("shell", "[1]", "must be a JSON object"),
        ("shell", "", "'command' is missing"),
        ("shell", '{"command": null}', "'command' is missing"),
        ("shell", '{"command": 5}', "'command' must be of type string"),
        ("shell", '{"command": "x", "cwd": "/"}', "unknown argument 'cwd'"),
        ("shell", '{"command": "x", "\\ud800": 1}', "unknown argument"),
        ("shell", {"command": "x" * 100_001}, "longer than 100,000 bytes"),
        ("shell", '{"command": "' + "x" * 2_000_000 + '"}', "arguments are longer than"),
        ("shell", {"command": "a\0b"}, "NUL"),
        ("shell", '{"command": "\\ud800"}', "not valid Unicode"),
        ("shell", "\ud800", "not valid JSON"),
        ("view", '{"path": "a", "start": true}', "'start' must be of type integer"),
        ("view", '{"path": "a", "start": 1.0}', "'start' must be of type integer"),
        ("view", '{"path": "/etc/passwd"}', "not a relative path"),
        ("view", '{"path": "../x"}', "not a relative path"),
        ("view", '{"path": "nothing"}', "there is no file 'nothing'"),
        ("edit", '{"path": "../x", "old": "", "new": ""}', "not a relative path"),
        ("edit", '{"path": "solution.py/x", "old": "", "new": ""}', "is a file, not a folder"),
        ("edit", '{"path": "solution.py", "old": "", "new": "x"}', "exists"),
        ("edit", '{"path": "solution.py", "old": "zzz", "new": "x"}', "occurs 0 times"),
        ("edit", '{"path": "none.py", "old": "zzz", "new": "x"}', "there is no file"),
        ("submit", '{"program": "x"}', "unknown argument 'program'"),
    ],
)
def test_bad_calls_are_results(bench: Bench, tmp_path: Path, name: str, arguments: Any, says: str) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    session = bench.session(journal=journal)
    result = session.call("id\ud800", name, arguments)
    assert says in result.content
    assert (result.ok, result.ended, session.submitted) == (False, False, False)
    assert session.workspace == Workspace.of(FILES)
    assert len(result.content) <= MAX_CHARS + 100
    result.content.encode()
    assert bench.session(journal=journal).call("id\ud800", name, arguments) == result
    journal.close()


def test_view_and_edit(bench: Bench) -> None:
    session = bench.session()
    results = calls(
        session,
        ("edit", {"path": "./src/new.txt", "old": "", "new": "one\ntwo\nthree\n"}),
        ("view", {"path": "src/new.txt"}),
        ("view", '{"path": "src/new.txt", "start": 2, "end": 2}'),
        ("view", {"path": "src/new.txt", "start": 7}),
        ("edit", {"path": "src/new.txt", "old": "two\n", "new": ""}),
        ("view", {"path": "."}),
        ("view", {"path": "src/"}),
        ("edit", {"path": "src/new.txt", "old": "e", "new": "x"}),
    )
    assert [result.content for result in results] == [
        "created src/new.txt",
        "    1\tone\n    2\ttwo\n    3\tthree",
        "    2\ttwo",
        "[src/new.txt has 3 lines: none from 7 to 3]",
        "changed src/new.txt",
        f"README.md ({len(FILES['README.md'])} bytes)\nsolution.py (17 bytes)\nsrc/new.txt (10 bytes)",
        "src/new.txt (10 bytes)",
        "'old' occurs 3 times in src/new.txt, not once: nothing was changed",
    ]
    assert session.workspace.files["src/new.txt"].data == b"one\nthree\n"


@pytest.mark.parametrize(
    ("command", "content"),
    [
        ("echo out; echo err >&2; echo out", "out\nerr\nout"),
        ("true", "[no output]"),
        ("cat missing", "cat: missing: No such file or directory\n[exit status 1]"),
        ("kill -SEGV $$", "[ended by signal 11]"),
        ("printf '\\377\\0'", "\ufffd\ufffd\n[what is not text is shown as \ufffd]"),
        ("ln -s /etc/passwd x", "[not kept: 1 links, special files or names that are not UTF-8]"),
        ("if", "bash: -c: line 2: syntax error: unexpected end of file from `if' command on line 1\n[exit status 2]"),
        ("pwd; echo $HOME $USER; id -u", "/w/box\n/w/box\n1000"),
    ],
)
def test_what_a_command_says(bench: Bench, command: str, content: str) -> None:
    said = shell(bench.session(), command)
    if command == "if":  # the words are bash's own
        assert said.startswith("bash: ")
        assert said.endswith("\n[exit status 2]")
    else:
        assert said == content


@pytest.mark.thorough
def test_limits_of_a_command(bench: Bench) -> None:
    undone = "[the workspace is as it was before the command]"
    for limits, command, content in (
        (replace(LIMITS, wall_s=2.0), "echo hi; touch x; sleep 60", f"hi\n[stopped after 2 s]\n{undone}"),
        (replace(LIMITS, cpu_s=0.2), "while :; do :; done", f"[stopped after 0.2 s of CPU time]\n{undone}"),
        (replace(LIMITS, output_bytes=4), "echo 0123456789", f"0123\n[stopped: more than 4 bytes of output]\n{undone}"),
    ):
        session = bench.session(replace(AGENTIC, tool_limits=limits))
        assert shell(session, command) == content
        assert session.workspace == Workspace.of(FILES)


def test_long_output_is_cut_in_the_middle(bench: Bench) -> None:
    said = shell(bench.session(), "seq 9000")
    assert said.startswith("1\n2\n3\n")
    assert said.endswith("\n8999\n9000")
    assert "characters left out ...]" in said
    assert len(said) < MAX_CHARS + 100


def test_public_feedback(bench: Bench) -> None:
    session = bench.session(TRY)
    wrong, error, public = calls(
        session,
        ("run_tests", {"program": "def f(a, b):\n    return a + b\n"}),
        ("run_tests", {"program": "def f(a, b):\n    return 1 // (a - 2)\n"}),
        ("run_tests", {"program": ONLY_PUBLIC}),
    )
    assert wrong.content == (
        "0 of 2 public tests passed.\n"
        "Test 1: wrong answer. f(2, 3) returned 5, expected 6\n"
        "Test 2: wrong answer. f(0, 1) returned 1, expected 0"
    )
    assert wrong.verdict is Verdict.WA
    assert error.content.splitlines()[1] == (
        "Test 1: run-time error: ZeroDivisionError: integer division or modulo by zero. f(2, 3), expected 6"
    )
    assert error.verdict is Verdict.RTE
    assert public.content.startswith("2 of 2 public tests passed.")
    assert public.verdict is Verdict.AC
    assert not any("313370" in result.content for result in (wrong, error, public))


def test_judge_feedback_says_nothing_of_hidden_tests(bench: Bench) -> None:
    session = bench.session(replace(TRY, feedback=Feedback.JUDGE))
    tells = "def f(a, b):\n    if a > 9: raise ValueError(f'{a} {b}')\n    return a * b\n"
    wrong, told, right = calls(session, *(("run_tests", {"program": text}) for text in (ONLY_PUBLIC, tells, RIGHT)))
    assert wrong.content == "The judge does not accept the program: wrong answer (correctness)."
    assert (wrong.verdict, told.verdict, right.verdict) == (Verdict.WA, Verdict.RTE, Verdict.AC)
    assert told.content == "The judge does not accept the program: run-time error (correctness)."
    assert right.content == "The judge accepts the program."
    low = bench.session(replace(TRY, feedback=Feedback.JUDGE, coverage="low"))
    assert calls(low, ("run_tests", {"program": ONLY_PUBLIC}))[0].verdict is Verdict.AC


def test_submission_ends_the_attempt_and_tells_nothing(bench: Bench) -> None:
    for program, verdict in ((RIGHT, Verdict.AC), (ONLY_PUBLIC, Verdict.WA)):
        session = bench.session(Rules())
        result, after = calls(session, ("submit", {"program": program}), ("submit", {"program": RIGHT}))
        assert (result.content, result.ok, result.ended, result.verdict) == ("submitted", True, True, None)
        assert (after.ok, after.ended) == (False, True)
        assert session.report is not None
        assert (session.report.verdict, session.submission) == (verdict, Submission.of(program))
    low = bench.session(Rules(coverage="low"))
    calls(low, ("submit", {"program": ONLY_PUBLIC}))
    assert low.report is not None
    assert low.report.solved


def test_an_agentic_attempt(bench: Bench) -> None:
    session = bench.session()
    results = calls(
        session,
        ("shell", {"command": "rm solution.py"}),
        ("run_tests", ""),
        ("submit", ""),
        ("edit", {"path": "solution.py", "old": "", "new": RIGHT}),
        ("shell", {"command": "python3 -c 'from solution import f; print(f(6, 7))'"}),
        ("run_tests", {}),
        ("submit", "{}"),
    )
    assert [result.ok for result in results] == [True, False, False, True, True, True, True]
    assert results[1].content == "there is no solution.py in the workspace"
    assert results[4].content == "42"
    assert results[5].verdict is Verdict.AC
    assert session.report is not None
    assert session.report.solved
    assert session.submission == Submission("python3", {"solution.py": RIGHT}, "solution.py")


class Unmeasurable(Judge):
    def __init__(self) -> None:
        """Opens nothing."""

    def judge(
        self,
        problem: Problem,
        submission: Submission | str | None,
        coverage: int | str | None = None,
        *,
        all_tests: bool = False,
    ) -> JudgeReport:
        return JudgeReport(None, FailureKind.UNMEASURABLE, 0, "machinery")

    def run_public(self, problem: Problem, submission: Submission | str) -> Any:
        raise SandboxFailedError("broken")


@pytest.mark.thorough
def test_run_tests_shows_inputs_and_outputs(bench: Bench) -> None:
    session = ToolSession(STDIO, TRY, bench.sandbox, bench.judge)
    adds = '#include <cstdio>\nint main() { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }\n'
    wrong, broken, mute, right, other = calls(
        session,
        ("run_tests", {"program": adds, "language": "c++"}),
        ("run_tests", {"program": adds.replace("int main", "itn main"), "language": "cpp"}),
        ("run_tests", {"program": "a, b = map(int, input().split())\n1 // a", "language": "python"}),
        ("run_tests", {"program": "a, b = map(int, input().split())\nprint(a * b)", "language": "python3"}),
        ("run_tests", {"program": "fn main() {}", "language": "rust"}),
    )
    assert wrong.content == (
        "0 of 2 public tests passed.\n"
        "Test 1: wrong answer.\nInput:\n    2 3\nExpected output:\n    6\nOutput:\n    5\n"
        "Test 2: wrong answer.\nInput:\n    0 1\nExpected output:\n    0\nOutput:\n    1"
    )
    assert broken.content.startswith("The program does not compile:\n")
    assert "itn" in broken.content
    assert broken.verdict is Verdict.CE
    assert "Test 1: wrong answer.\n" in mute.content
    assert "Test 2: run-time error: ZeroDivisionError" in mute.content
    assert "Output:\n    [nothing]" in mute.content
    assert (right.content, right.verdict) == (
        "2 of 2 public tests passed.\nTest 1: passed.\nTest 2: passed.",
        Verdict.AC,
    )
    assert (other.ok, other.content[:40]) == (False, "the program is in rust, but must be in C")
    assert not any("31337" in result.content for result in (wrong, broken, mute, right, other))


def test_a_program_in_another_language_fails_the_attempt(bench: Bench) -> None:
    session = ToolSession(STDIO, replace(TRY, language="java"), bench.sandbox, bench.judge)
    (result,) = calls(session, ("submit", {"program": RIGHT, "language": "python"}))
    assert result.ended
    assert session.report is not None
    assert (session.report.verdict, session.report.failure_kind) == (Verdict.CE, FailureKind.CORRECTNESS)
    assert session.report.cause == "the program is in Python, but must be in Java"
    for text, cause in (("x" * 100_001, "longer than 100,000 bytes"), ("\0", "NUL"), ("x" * 2_000_000, "longer than")):
        session = bench.session(TRY)
        assert calls(session, ("submit", {"program": text}))[0].ended
        assert session.report is not None
        assert cause in session.report.cause
        handed_in = bench.session(TRY).hand_in(Submission.of(text))
        assert (handed_in.verdict, cause in handed_in.cause) == (Verdict.CE, True)


class WithoutCompilers(Unmeasurable):
    def judge(self, *_: Any, **__: Any) -> JudgeReport:
        raise NoCompilerError("no g++ for cpp programs")

    def run_public(self, *_: Any) -> Any:
        raise NoCompilerError("no g++ for cpp programs")


def test_a_language_that_the_machine_lacks(bench: Bench) -> None:
    call = {"program": "int main() {}", "language": "cpp"}
    session = ToolSession(STDIO, TRY, bench.sandbox, WithoutCompilers())
    tried, handed_in = calls(session, ("run_tests", call), ("submit", call))
    assert (tried.ok, tried.content, handed_in.ended) == (False, "no g++ for cpp programs", True)
    assert session.report is not None
    assert (session.report.verdict, session.report.cause) == (Verdict.CE, "no g++ for cpp programs")
    chosen = ToolSession(STDIO, replace(TRY, language="cpp"), bench.sandbox, WithoutCompilers())
    for tool in ("run_tests", "submit"):
        with pytest.raises(NoCompilerError):
            chosen.call(tool, tool, call)


MULTIPLY = {
    "cpp": '#include <cstdio>\nint main() { long a, b; scanf("%ld %ld", &a, &b); printf("%ld\\n", a * b); }\n',
    "java": """public class Main {
    public static void main(String[] arguments) {
        var input = new java.util.Scanner(System.in);
        System.out.println(input.nextLong() * input.nextLong());
    }
}
""",
}


@pytest.mark.parametrize(
    ("language", "command"),
    [
        ("cpp", "g++ -o a solution.cpp && ./a < samples/1.in"),
        pytest.param("java", "javac Main.java && java Main < samples/1.in", marks=pytest.mark.slow),
    ],
)
def test_an_agentic_attempt_in_a_compiled_language(bench: Bench, language: str, command: str) -> None:
    program = MULTIPLY[language]
    session = ToolSession(STDIO, Rules(Setting.AGENTIC, 9, language=language), bench.sandbox, bench.judge)
    (file,) = solution_files(STDIO, language)
    results = calls(
        session,
        ("view", {"path": "."}),
        ("run_tests", {}),
        ("edit", {"path": file, "old": "", "new": program}),
        ("shell", {"command": command}),
        ("run_tests", {}),
        ("submit", {}),
    )
    listed = [line.split(" ")[0] for line in results[0].content.splitlines()]
    assert listed == ["README.md", *(f"samples/{number}.{end}" for number in (1, 2) for end in ("ans", "in"))]
    assert results[1].content == f"there is no {file} in the workspace"
    assert results[3].content == "6"
    assert results[4].verdict is Verdict.AC
    assert session.report is not None
    assert session.report.solved
    assert session.submission == Submission(language, {file: program}, file)


class Counting:
    """A sandbox that counts commands, and fails as often as it is told to."""

    def __init__(self, sandbox: Sandbox, failures: int = 0) -> None:
        self.sandbox, self.failures, self.commands = sandbox, failures, 0

    def run_in(self, workspace: Workspace, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        self.commands += 1
        if self.failures:
            self.failures -= 1
            raise SandboxFailedError("broken")
        return self.sandbox.run_in(workspace, command, limits)


def test_a_finished_call_is_never_run_again(bench: Bench, tmp_path: Path) -> None:
    counting: Any = Counting(bench.sandbox)
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    made = [("shell", {"command": "date +%N >> log"}), ("shell", '{"command": "cat log"}'), ("submit", "{}")]
    session = bench.session(sandbox=counting, journal=journal, episode="e")
    first = calls(session, *made)
    assert calls(session, *made) == first
    again = bench.session(sandbox=counting, journal=journal, episode="e")
    assert again.workspace == session.workspace
    assert (again.report, again.submission) == (session.report, session.submission)
    assert calls(again, *made) == first
    assert again.judge_s == 0.0
    assert counting.commands == 2
    clash = again.call("0", "shell", '{"command": "true"}')
    assert (clash.ok, clash.content) == (False, "this call id was used before")
    other = bench.session(sandbox=counting, journal=journal, episode="other")
    assert other.workspace == Workspace.of(FILES)
    journal.close()


def test_broken_machinery_is_tried_twice_and_then_raised(bench: Bench) -> None:
    for failures, raised in ((1, False), (3, True)):
        counting: Any = Counting(bench.sandbox, failures)
        session = bench.session(sandbox=counting)
        if raised:
            with pytest.raises(SandboxFailedError, match="broken"):
                shell(session, "echo x > x")
            assert session.workspace == Workspace.of(FILES)
        assert shell(session, "echo x > x; cat x") == "x"


def test_a_command_that_breaks_the_sandbox_where_others_do_not_is_told_so(bench: Bench) -> None:
    counting: Any = Counting(bench.sandbox, 2)
    session = bench.session(sandbox=counting)
    result = session.call("0", "shell", {"command": "echo x > x"})
    assert (result.ok, result.content) == (False, "the command broke the sandbox: nothing was changed")
    assert session.workspace == Workspace.of(FILES)
    assert counting.commands == 3


@pytest.mark.thorough
def test_every_workspace_fits_into_the_next_command(bench: Bench) -> None:
    with pytest.raises(WorkspaceError, match="must be at least 12,484,608"):
        bench.session(replace(AGENTIC, tool_limits=replace(LIMITS, files_bytes=MIN_FILES_BYTES - 1)))
    session = bench.session(replace(AGENTIC, tool_limits=replace(LIMITS, files_bytes=MIN_FILES_BYTES)))
    python = "[open(f'f{n}', 'wb').write(bytes(4100)) for n in range(996)]"
    fill = f'python3 -S -c "{python}"; rm solution.py README.md; mkdir -p d/e d/f; ls | wc -l'
    assert shell(session, fill, "1") == "997"
    assert shell(session, "ls | wc -l", "2") == "997"
    with pytest.raises(SandboxFailedError, match="could not be laid out"):
        bench.sandbox.run_in(session.workspace, ["true"], replace(LIMITS, files_bytes=1 << 16))


def test_what_cannot_be_measured_is_no_verdict(bench: Bench) -> None:
    judge: Any = Unmeasurable()
    for feedback in Feedback:
        session = ToolSession(PROBLEM, replace(TRY, feedback=feedback), bench.sandbox, judge)
        with pytest.raises(SandboxFailedError):
            session.call("1", "run_tests", {"program": RIGHT})
    assert calls(session, ("submit", {"program": RIGHT}))[0].ended
    assert session.report is not None
    assert session.report.verdict is None


MARK = f"97.{os.getpid()}"
"""Seconds that nobody else sleeps."""
HOSTILE = {
    "leaves a process behind": f"setsid sleep {MARK} & sleep {MARK} & echo done",
    "fork bomb": ":(){ :|:& };: ; sleep 0.2; echo done",
    "kills everything": f"sleep {MARK} & kill -9 -1; echo done",
    "kills its init": "kill -9 1; kill -TERM 1; kill -INT 1; kill -STOP 1; echo done",
    "fills the disk": "head -c 100000000 /dev/zero > big; echo done",
    "fills every corner": "for f in /tmp/big /dev/shm/big; do head -c 100000000 /dev/zero > $f; done; echo done",
    "floods": "head -c 100000000 /dev/zero",
    "many files": "for i in $(seq 10000); do : > f$i; done; echo done",
    "deep": "for i in $(seq 300); do mkdir d && cd d || break; done; echo done",
    "links out": "ln -s /etc e; ln -s /proc/1/environ p; ln /etc/passwd q; echo done",
    "renames itself": f"exec -a alphadial-judge bash -c 'echo done; sleep {MARK}'",
    "forges what comes back": "for f in /proc/1/fd/*; do echo FORGED > $f; done 2>/dev/null; echo done",
    "replaces its folder": "cd /; rm -rf /w/box; mkdir /w/box; echo x > /w/box/x; echo done",
    "closes its folder": "chmod 000 .; echo done",
    "writes outside": "echo x > /etc/x; echo x > /usr/x; echo x > /opt/alphadial/guest/x; touch /srv/x; echo done",
    "stops": "kill -STOP $$",
    "network": "exec 3<>/dev/tcp/127.0.0.1/22 || echo done",
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_commands(bench: Bench, name: str) -> None:
    assert bench.sandbox.name == "bubblewrap", "never outside the sandbox"
    if name == "fork bomb" and bench.sandbox.protection.process_limit == "none":
        pytest.skip("nothing limits processes on this machine")
    session = bench.session(replace(AGENTIC, tool_limits=replace(LIMITS, wall_s=1.0, cpu_s=1.0)))
    result = session.call("1", "shell", {"command": HOSTILE[name]})
    assert result.ok
    assert len(result.content) <= MAX_CHARS + 200
    assert "root:" not in "".join(str(file.data) for file in session.workspace.files.values())
    assert len(session.workspace.files) <= 1000
    assert not leftovers(MARK)
    assert shell(session, "echo fine", "2") == "fine"


def leftovers(marker: str) -> list[str]:
    """Command lines on this machine that hold the marker."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if marker in line:
            found.append(line)
    return found


CHILD = """
import sys
from pathlib import Path
from alphadial.envs import Limits, Problem, Rules, Setting, Test
from alphadial.envs.tools.journal_sqlite import SqliteJournal
from alphadial.envs.errors import NoCompilerError
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.tools.posing import task_files
from alphadial.envs.tools.session import ToolSession

problem = Problem("p", "t", "", "Wait.", "", "f", (Test(1, "[1]", "1"),), Limits(), files={"log": ""})
with open_sandbox() as sandbox, Judge(sandbox, 1) as judge:
    journal = SqliteJournal(Path(sys.argv[1]))
    session = ToolSession(problem, Rules(Setting.AGENTIC), sandbox, judge, journal=journal, episode="e")
    for number in range(6):
        print(number, flush=True)
        result = session.call(str(number), "shell", {"command": f"echo {number} >> log; sleep {sys.argv[2]}; cat log"})
    print(session.workspace.digest, flush=True)
"""


PAUSE = f"0.08{os.getpid()}"


def child(journal: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join(str(Path(portion).parent) for portion in alphadial.__path__)
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", CHILD, str(journal), PAUSE]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_killed_call_changes_nothing_and_is_run_again(tmp_path: Path) -> None:
    whole, _ = child(tmp_path / "whole.sqlite").communicate()
    path = tmp_path / "killed.sqlite"
    for number, wait in ((1, 0.02), (3, 0.06)):
        killed = child(path)
        assert killed.stdout is not None
        while int(killed.stdout.readline()) != number:
            pass
        time.sleep(wait)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    resumed, _ = child(path).communicate()
    assert resumed.splitlines()[-1] == whole.splitlines()[-1]
    journal = SqliteJournal(path)
    assert [entry.call_id for entry in journal.entries("e")] == list("012345")
    assert journal.entries("e")[-1].content == "0\n1\n2\n3\n4\n5"
    journal.close()
    deadline = time.monotonic() + 60
    while leftovers(f"sleep {PAUSE};") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not leftovers(f"sleep {PAUSE};")


def on_the_host() -> tuple[set[Path], list[str]]:
    """This process's cgroups and temporary files."""
    parent = cgroups.find()
    folders = parent.folders if parent is not None else ()
    groups = {group for folder in folders for group in folder.glob(f"{cgroups.PREFIX}*-{os.getpid()}-*")}
    return groups, sorted(path.name for path in Path(tempfile.gettempdir()).iterdir())


def test_nothing_is_left_on_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = on_the_host()
    for name in ("bubblewrap", "trusted"):
        with open_sandbox(name) as sandbox, Judge(sandbox) as judge:
            calls(Bench(sandbox, judge).session(), ("shell", {"command": f"sleep {MARK} & echo x"}), ("submit", ""))
            assert len(on_the_host()[0]) >= len(before[0])
    assert on_the_host() == before
    assert not leftovers(MARK)


def test_journals_are_interchangeable(bench: Bench, tmp_path: Path) -> None:
    journals: list[Journal] = [MemoryJournal(), SqliteJournal(tmp_path / "journal.sqlite")]
    made = [("edit", {"path": "a", "old": "", "new": "x"}), ("run_tests", ""), ("nothing", ""), ("submit", "")]
    results = [calls(bench.session(journal=journal, episode="e"), *made) for journal in journals]
    assert results[0] == results[1]
    contents = [[entry.content for entry in journal.entries("e")] for journal in journals]
    assert contents[0] == contents[1]
    for journal in journals:
        journal.close()
