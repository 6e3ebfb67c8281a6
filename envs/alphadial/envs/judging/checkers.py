"""The checkers, in this process: they run none of the candidate's code.

The source of the default one is ``support/default_validator`` of Kattis/problemtools, which the Kattis problem package
format (legacy and 2025-09) describes; ``graders`` has those of the data sets.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import replace

from alphadial.envs.judging.graders import GRADERS, NUMBER
from alphadial.envs.judging.records import SubmissionRecord, TestRecord
from alphadial.envs.raw import as_bytes
from alphadial.envs.types import Checker, Problem, Rule

_RUNS = re.compile(rb"[ \t\n\v\f\r]+|[^ \t\n\v\f\r]+")


def digest(data: bytes) -> str:
    """The hash by which equal outputs are known."""
    return hashlib.sha256(data).hexdigest()


def accepts(checker: Checker, output: bytes, answer: bytes) -> bool:
    """Whether an output is right by the checker's rule.

    By that of Kattis, tokens are separated by ASCII white space and compared as text, in ASCII without case; with a
    tolerance, where the answer has a decimal number, the output needs one within the absolute or the relative
    tolerance of it. Left out is what C makes of text beside: hexadecimal numbers, and tokens that end at a NUL.
    """
    if output == answer:
        return True
    if checker.rule is not Rule.KATTIS:
        return GRADERS[checker.rule](output, answer)
    if not checker.case_sensitive:
        output, answer = output.lower(), answer.lower()
    if checker.space_sensitive:
        got, wanted = _RUNS.findall(output), _RUNS.findall(answer)
    else:
        got, wanted = output.split(), answer.split()
    if got == wanted:
        return True
    if checker.float_absolute is None and checker.float_relative is None:
        return False
    return len(got) == len(wanted) and _close(checker, got, wanted)


def recheck(record: SubmissionRecord, problem: Problem, checker: Checker) -> SubmissionRecord:
    """The record as another checker would have made it, from the outputs that were kept.

    Tests whose output was too long to keep get an ``error`` that says so.
    """
    return replace(record, tests=tuple(_rechecked(test, problem, checker) for test in record.tests))


def _rechecked(test: TestRecord, problem: Problem, checker: Checker) -> TestRecord:
    if test.checked is None:
        return test
    answer = as_bytes(problem.tests[test.index].answer)
    if test.output is not None:
        output = as_bytes(test.output)
    elif test.output_sha256 == digest(answer):
        output = answer
    else:
        error = f"the output of test {test.name!r} was too long to keep: judge again with the other checker"
        return replace(test, checked=None, error=error)
    return replace(test, checked=accepts(checker, output, answer), error="")


def _close(checker: Checker, got: Sequence[bytes], wanted: Sequence[bytes]) -> bool:
    absolute = -1.0 if checker.float_absolute is None else checker.float_absolute
    relative = -1.0 if checker.float_relative is None else checker.float_relative
    for ours, theirs in zip(got, wanted, strict=True):
        if ours == theirs:
            continue
        if not (NUMBER.fullmatch(ours) and NUMBER.fullmatch(theirs)):
            return False
        value, expected = float(ours), float(theirs)
        difference = abs(value - expected)
        if not (math.isfinite(value) and (difference <= absolute or difference <= relative * abs(expected))):
            return False
    return True
