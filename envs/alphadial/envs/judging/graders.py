"""How the authors of data sets compare outputs, beside the default checker of Kattis packages.

Each rule takes the output and the answer. Where the authors' own code would accept a wrong answer by an oversight, the
rule does not, and its text says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, DecimalException

from alphadial.envs.raw import as_text
from alphadial.envs.types import Rule

NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_CODECONTESTS_SPACE = re.compile(rb"[ \n\t\r\v]+")
_CODECONTESTS_CLOSE = 1e-5
_RELATIVE, _ABSOLUTE, _DECIMALS = 1e-5, 1e-8, 3
"""``numpy.allclose`` by default, and the rounding that the runner of APPS tries last."""


def livecodebench(output: bytes, answer: bytes) -> bool:
    """Lines without white space around them are equal, or hold the same numbers, exactly.

    Source: ``grade_stdio`` in ``lcb_runner/evaluation/testing_util.py`` of LiveCodeBench/LiveCodeBench.
    """
    got, wanted = (as_text(data).strip().split("\n") for data in (output, answer))
    return len(got) == len(wanted) and all(map(_same_numbers, map(str.strip, got), map(str.strip, wanted)))


def apps(output: bytes, answer: bytes) -> bool:
    """Lines that are not blank hold the same tokens, or numbers that are close where the answer has a decimal point.

    Source: ``run_test`` in ``eval/testing_util.py`` of hendrycks/apps, and its copy in FlagOpen/TACO. Left out is that
    it takes tokens and lines in any order and number, integers that are off by 1e-5 of their value, and infinity for
    infinity: all accept wrong answers. Numbers are close here beside words too, and any white space parts tokens.
    The copy, by a slip, takes the output for a list and so finds no number in it: numbers of TACO are compared as those
    of APPS.
    """
    got, wanted = ([line.split() for line in as_text(data).split("\n") if line.strip()] for data in (output, answer))
    if list(map(len, got)) != list(map(len, wanted)):
        return False
    return all(all(map(_close, ours, theirs)) for ours, theirs in zip(got, wanted, strict=True))


def codecontests(output: bytes, answer: bytes) -> bool:
    """Tokens are equal without regard to case, or numbers less than 1e-5 apart, integers exactly.

    Source: ``OutputsMatch`` in ``execution/tester_sandboxer.cc`` of google-deepmind/code_contests. It means to require
    equality of integers, but compares them as doubles: large ones that differ are not accepted here.
    """
    got, wanted = ([token for token in _CODECONTESTS_SPACE.split(data.lower()) if token] for data in (output, answer))
    return len(got) == len(wanted) and all(map(_match, got, wanted))


GRADERS: Mapping[Rule, Callable[[bytes, bytes], bool]] = {
    Rule.LIVECODEBENCH: livecodebench,
    Rule.APPS: apps,
    Rule.CODECONTESTS: codecontests,
}


def _same_numbers(ours: str, theirs: str) -> bool:
    if ours == theirs:
        return True
    try:
        return list(map(Decimal, ours.split())) == list(map(Decimal, theirs.split()))
    except (DecimalException, ValueError):
        return False


def _close(ours: str, theirs: str) -> bool:
    if ours == theirs:
        return True
    if _WHOLE.fullmatch(theirs):
        return _same_numbers(ours, theirs)
    try:
        value, expected = float(ours), float(theirs)
    except ValueError:
        return False
    if not (math.isfinite(value) and math.isfinite(expected)):
        return False
    near = abs(value - expected) <= _ABSOLUTE + _RELATIVE * abs(expected)
    return near or round(value, _DECIMALS) == round(expected, _DECIMALS)


def _match(ours: bytes, theirs: bytes) -> bool:
    if ours == theirs:
        return True
    if not (NUMBER.fullmatch(ours) and NUMBER.fullmatch(theirs)):
        return False
    if all(_WHOLE.fullmatch(token.decode()) for token in (ours, theirs)):
        return Decimal(ours.decode()) == Decimal(theirs.decode())
    return abs(float(ours) - float(theirs)) < _CODECONTESTS_CLOSE
