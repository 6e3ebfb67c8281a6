"""What the formats of one problem a row have in common."""

from __future__ import annotations

import json
import keyword
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import PYTHON
from alphadial.envs.problems.formats.features import Features
from alphadial.envs.problems.formats.fields import Row, parse, text
from alphadial.envs.problems.formats.flags import LONGEST_S
from alphadial.envs.problems.formats.levels import SAMPLE, SECRET, coverages, leveled
from alphadial.envs.problems.formats.lines import describe
from alphadial.envs.problems.formats.names import source_file
from alphadial.envs.problems.formats.packages import FormatError, Package
from alphadial.envs.problems.formats.statements import posed
from alphadial.envs.sandbox.guest.values import encode
from alphadial.envs.types import MIB, Checker, Interface, Limits, Problem, Rule, Submission, Test

Loader = Callable[[Row, Path, int | None], Package]


def checked(load: Loader) -> Loader:
    """The loader of a row, made to raise nothing but ``FormatError``: one row never ends the reading of the others."""

    @wraps(load)
    def package(row: Row, path: Path, line: int | None) -> Package:
        try:
            return load(row, path, line)
        except FormatError:
            raise
        except Exception as error:
            # Rows come from anywhere: numbers too long or large for Python, nesting too deep, and what nobody foresaw.
            raise FormatError(f"cannot be read: {type(error).__name__}: {describe(error)}") from error

    return package


def problem(
    name: str,
    statement: str,
    tests: Sequence[Test],
    *,
    entry: str | None,
    starter: str = "",
    time_limit_s: float | None = None,
    memory_bytes: float = 1024 * MIB,
    rule: Rule,
    features: Features | None = None,
) -> Problem:
    """A problem whose levels come from input size.

    Args:
        name: its id.
        statement: as the row has it.
        tests: in the order of the row.
        entry: the function that is called; None: stdin and stdout.
        starter: Python code that a program begins with; "" for none.
        time_limit_s: CPU seconds per test.
        memory_bytes: limit.
        rule: by which outputs, or the values that the function returns, are compared.
        features: what the row tells of the problem beside its statement.

    Raises:
        FormatError: there are no tests, or ``entry`` is not a name.
    """
    if entry is not None and (not entry.isidentifier() or keyword.iskeyword(entry)):
        raise FormatError(f"function name {entry!r} is not a name in Python")
    ordered = leveled(tests)
    cpu_s = time_limit_s or LONGEST_S
    return Problem(
        id=name,
        template=name,
        group="",
        statement=posed(statement),
        prompt="",
        entry=entry or "",
        tests=ordered,
        limits=Limits(cpu_s, 2 * cpu_s + 10, int(memory_bytes), 16 * MIB, 64 * MIB, 64),
        coverages=coverages(ordered),
        interface=Interface.STDIO if entry is None else Interface.CALL,
        checker=Checker(rule=rule),
        time_limit_s=time_limit_s,
        starter={PYTHON: starter} if starter.strip() else {},
        features=features or {},
    )


def stdio_test(name: str, given: Any, answer: Any, *, public: bool) -> Test:
    """A test of stdin and stdout; both are texts or arrays of lines."""
    return Test(1, _lines(given, f"input of test {name!r}"), _lines(answer, f"answer of test {name!r}"), public, name)


def argument_lines(given: str, what: str) -> list[Any]:
    """The arguments of a call that are written as JSON, one a line."""
    return [parse(line, what) for line in given.split("\n") if line.strip()]


def call_test(name: str, arguments: Sequence[Any], answer: Any, *, public: bool) -> Test:
    """A test of a call, its values tagged as ``sandbox.guest.values`` has it, for the rules of data sets."""
    return Test(1, json.dumps(encode(list(arguments))), json.dumps(encode(answer)), public, name)


def grouped(tests: Iterable[Test]) -> list[Test]:
    """The tests with the groups "sample" for public ones and "secret" for the others."""
    return [replace(test, group=SAMPLE if test.public else SECRET) for test in tests]


def solution(name: str, language: str, source: str, expected: str | None) -> LabelledSubmission:
    """A labelled submission of one file, whose name is made of the submission's."""
    file = source_file(name, source, language)
    return LabelledSubmission(name, Submission(language, {file: source}, file), expected)


def language_named(value: Any) -> str:
    """The language in a field, as a name that can be shown.

    None, or one that the judge does not know, is no reason to refuse the problem: the judge says so of this program.
    """
    return ascii(value).strip("'")[:40] if isinstance(value, int | str) and value != "" else "unknown"


def json_or_text(value: Any, what: str) -> Any:
    """A field that holds JSON as text, or the value itself; None where it is empty."""
    if not isinstance(value, str):
        return value
    return parse(value, what) if value.strip() else None


def _lines(value: Any, what: str) -> str:
    if isinstance(value, list):
        return "\n".join(text(line, what) for line in value) + "\n"
    return text(value, what)
