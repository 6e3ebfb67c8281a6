"""The test that decides against a program, with what was in it: public ones for everyone, others for their setter."""

from __future__ import annotations

from alphadial.envs.judging.checkers import digest
from alphadial.envs.judging.records import SubmissionRecord, TestRecord
from alphadial.envs.judging.verdicts import decide
from alphadial.envs.raw import as_bytes, readable
from alphadial.envs.tools.text import call_text, python_value, shorten
from alphadial.envs.types import FailedTest, Interface, Problem, Test, Verdict

_MAX_CHARS = 2_000
"""Characters of one text."""


def failed_test(
    problem: Problem, record: SubmissionRecord, limit_s: float, *, level: int | None = None, public: bool = False
) -> FailedTest | None:
    """The first test that a program failed; None where none did, or where the program did not compile.

    Args:
        problem: whose tests they are.
        record: of the program.
        limit_s: CPU seconds per test.
        level: the highest that counts; None: all.
        public: hidden tests are passed over, and never shown.
    """
    found = decide(record, limit_s, level=level, public=public)
    if found.test is None or found.verdict is None:
        return None
    test = problem.tests[found.test.index]
    asked, expected, got = (shorten(readable(text), _MAX_CHARS) for text in _texts(problem, test, found.test))
    cause = _cause(found.test, found.verdict, found.cause)
    return FailedTest(found.test.name, asked, expected, got, found.verdict, cause)


def _texts(problem: Problem, test: Test, ran: TestRecord) -> tuple[str, str, str]:
    if test.check:
        return test.answer, "", ""
    if problem.interface is Interface.CALL:
        return call_text(problem, test), python_value(test.answer), python_value(_output(ran, test))
    if problem.interface is Interface.REPOSITORY:
        return test.input or test.name, test.answer, ran.output or ""
    return test.input, test.answer, _output(ran, test)


def _output(ran: TestRecord, test: Test) -> str:
    """What the program wrote; records leave it out where it is the answer, as it is of a program that is too slow."""
    if ran.output is not None:
        return ran.output
    return test.answer if ran.output_sha256 == digest(as_bytes(test.answer)) else ""


def _cause(test: TestRecord, verdict: Verdict, cause: str) -> str:
    said = test.stderr.strip().splitlines() if verdict is Verdict.RTE else []
    return said[-1] if said else cause
