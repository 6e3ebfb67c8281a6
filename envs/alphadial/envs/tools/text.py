"""What tools say: plain, short, and the same each time. No times, process numbers or host paths."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from textwrap import indent

from alphadial.envs.raw import readable
from alphadial.envs.sandbox.workspace import Workspace, WorkspaceRun, paths
from alphadial.envs.types import (
    Interface,
    JudgeReport,
    KilledBy,
    Limits,
    Problem,
    PublicResult,
    RunResult,
    Test,
    Verdict,
)

MAX_CHARS = 8_000
"""Of one tool's answer."""
_MAX_VALUE = 300
"""Characters of one input or value in the answer of run_tests."""
_MAX_OUTPUT = 2_000
"""Characters of what a failing test of a repository wrote."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NOT_TEXT = "[what is not text is shown as \ufffd]"


def shorten(text: str, limit: int = MAX_CHARS) -> str:
    """Cuts out the middle, and says how much."""
    if len(text) <= limit:
        return text
    note = f"[... {len(text) - limit:,} characters left out ...]"
    note = f"\n{note}\n" if "\n" in text else f" {note} "
    return text[: limit * 2 // 3] + note + text[len(text) - limit // 3 :]


def clean(text: str) -> str:
    """Text that every reader can take: what is not printable is replaced, and a note says so."""
    cleaned = _CONTROL.sub("\ufffd", text)
    return f"{cleaned.rstrip()}\n{_NOT_TEXT}" if "\ufffd" in cleaned else cleaned


def command_text(run: WorkspaceRun, limits: Limits) -> str:
    """The output of a command, then how it ended where that is worth a word."""
    lines = [shorten(clean(run.result.stdout + run.result.stderr).rstrip("\n"))]
    ending = _ending(run.result, limits)
    if ending:
        lines.append(f"[{ending}]")
    if run.note:
        lines.append(f"[{run.note}]")
    return "\n".join(line for line in lines if line) or "[no output]"


def _ending(result: RunResult, limits: Limits) -> str:
    reasons = {
        KilledBy.WALL: f"stopped after {limits.wall_s:g} s",
        KilledBy.CPU: f"stopped after {limits.cpu_s:g} s of CPU time",
        KilledBy.MEMORY: f"stopped: more than {limits.memory_bytes // 2**20} MiB of memory",
        KilledBy.OUTPUT: f"stopped: more than {limits.output_bytes:,} bytes of output",
    }
    if result.killed_by is not None:
        return reasons.get(result.killed_by, "stopped")
    if result.signal is not None:
        return f"ended by signal {result.signal}"
    return f"exit status {result.exit_status}" if result.exit_status else ""


def file_text(path: str, data: bytes, start: int | None, end: int | None) -> str:
    """Numbered lines of a file."""
    lines = clean(data.decode(errors="replace")).splitlines()
    first, last = max(1, start or 1), min(len(lines), end if end is not None else len(lines))
    if not lines:
        return f"[{path} is empty]"
    if first > last:
        return f"[{path} has {len(lines)} lines: none from {first} to {last}]"
    return shorten("\n".join(f"{n:>5}\t{lines[n - 1]}" for n in range(first, last + 1)))


def folder_text(workspace: Workspace, folder: str) -> str:
    """The files below a folder ("" is the whole workspace), with their sizes; what lies in it alone, where those are
    too many.
    """
    below = [path for path in paths(workspace) if folder in ("", path.rstrip("/")) or path.startswith(f"{folder}/")]
    shown = "\n".join(_listed(workspace, path) for path in below)
    if len(shown) > MAX_CHARS:
        start = len(folder) + 1 if folder else 0
        counts = Counter(path[: path.find("/", start) + 1] or path for path in below)
        shown = "\n".join(
            f"{path} ({count:,} files)" if path.endswith("/") else _listed(workspace, path)
            for path, count in counts.items()
        )
    return shorten(shown) or "[empty]"


def _listed(workspace: Workspace, path: str) -> str:
    file = workspace.files.get(path)
    if file is None:
        return path
    return link_text(path, file.data) if file.link else f"{path} ({len(file.data):,} bytes)"


def link_text(path: str, target: bytes) -> str:
    """What a symbolic link is."""
    return f"{path} is a link to {clean(target.decode(errors='replace'))}"


def public_text(problem: Problem, results: Sequence[PublicResult]) -> str:
    """A line of count, then for each public test what came of it; or what the compiler says."""
    if results and all(result.verdict is Verdict.CE for result in results):
        if problem.interface is Interface.REPOSITORY:
            return shorten(f"The patch does not apply:\n{clean(results[0].cause)}".rstrip())
        return shorten(f"The program does not compile:\n{clean(results[0].cause)}".rstrip())
    passed = sum(result.verdict is Verdict.AC for result in results)
    told = _TOLD[problem.interface]
    lines = [f"{passed} of {len(results)} public tests passed."]
    lines += [f"Test {number}: {told(problem, result)}" for number, result in enumerate(results, 1)]
    return shorten("\n".join(lines))


def _call_result(problem: Problem, result: PublicResult) -> str:
    test, got = result.test, _value(python_value(result.got))
    call = f"{problem.entry}({_value(_arguments(test))})"
    asked = _value(test.answer) if test.check else f"{call}, expected {_value(python_value(test.answer))}"
    if result.verdict is Verdict.AC:
        return f"passed. {asked if test.check else f'{call} returned {got}'}"
    if result.verdict is Verdict.WA and not test.check:
        return f"wrong answer. {call} returned {got}, expected {_value(python_value(test.answer))}"
    return f"{_failure(result.verdict, result.cause)}. {asked}"


def _stdio_result(problem: Problem, result: PublicResult) -> str:
    if result.verdict is Verdict.AC:
        return "passed."
    shown = [("Input", result.test.input), ("Expected output", result.test.answer), ("Output", result.got)]
    said = [f"{title}:\n{_indented(text)}" for title, text in shown]
    return "\n".join([f"{_failure(result.verdict, result.cause)}.", *said])


def _node_result(problem: Problem, result: PublicResult) -> str:
    name = _value(result.test.name or result.test.input)
    if result.verdict is Verdict.AC:
        return f"passed. {name}"
    said = shorten(clean(readable(result.got)).strip("\n"), _MAX_OUTPUT)
    output = f"\nOutput:\n{indent(said, '    ', lambda _: True)}" if said else ""
    return f"{_failure(result.verdict, result.cause)}. {name}{output}"


_TOLD = {Interface.CALL: _call_result, Interface.STDIO: _stdio_result, Interface.REPOSITORY: _node_result}


def _indented(text: str) -> str:
    """The text as a block of its own, so that no line of it can be taken for one of the tool's."""
    return indent(_value(readable(text)).rstrip("\n") or "[nothing]", "    ", lambda _: True)


def example_text(problem: Problem, test: Test) -> str:
    """A test that calls a function, as Python writes it."""
    if test.check:
        return test.answer
    return f"{call_text(problem, test)} == {python_value(test.answer)}"


def call_text(problem: Problem, test: Test) -> str:
    """What a test asks of the function, as Python writes it."""
    return f"{problem.entry}({_arguments(test)})"


def _arguments(test: Test) -> str:
    return test.input[1:-1] if test.check else python_value(test.input)[1:-1]


def python_value(text: str) -> str:
    """A value in JSON as Python writes it; any other text as it is."""
    try:
        return repr(json.loads(text)) if text else ""
    except (ValueError, RecursionError):
        return text


def verdict_text(report: JudgeReport) -> str:
    """The judge's word on a whole program, nothing about its tests."""
    if report.verdict is Verdict.AC:
        return "The judge accepts the program."
    assert report.verdict is not None
    failure = _failure(report.verdict, report.cause if report.verdict is Verdict.TLE else "")
    return f"The judge does not accept the program: {failure} ({report.failure_kind})."


def _failure(verdict: Verdict, cause: str) -> str:
    words = {
        Verdict.WA: "wrong answer",
        Verdict.RTE: "run-time error",
        Verdict.CE: "does not compile",
        Verdict.TLE: "too slow",
        Verdict.MLE: "too much memory",
        Verdict.OLE: "too much output",
    }
    detail = cause.strip() if verdict in (Verdict.RTE, Verdict.CE) else ""
    return f"{words[verdict]}: {_value(detail)}" if detail else words[verdict]


def _value(text: str) -> str:
    return shorten(_CONTROL.sub("\ufffd", text), _MAX_VALUE)
