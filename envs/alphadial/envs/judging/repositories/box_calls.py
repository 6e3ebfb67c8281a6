"""Calls of a repository's functions: made in the box, compared here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from alphadial.envs.errors import ProblemError
from alphadial.envs.judging.equality import same
from alphadial.envs.judging.repositories.box_report import GuestRun, Said, error_name
from alphadial.envs.sandbox.boxes.box import Box
from alphadial.envs.types import Limits, Problem, RunResult

_RAISES = "$raises"
"""The only key of an answer that is an exception: its value is the name of its class, or of one above that."""


def run_calls(
    box: Box, problem: Problem, indexes: Sequence[int], import_from: Sequence[str], limits: Limits
) -> tuple[dict[int, Said], RunResult]:
    """Makes the calls of some tests.

    Raises:
        ProblemError: a test is no call.
        SandboxFailedError: our machinery broke.
    """
    told = {"import_from": list(import_from), "calls": [_asked(problem, index) for index in indexes]}
    run = GuestRun(box, "calling", told, limits, problem.repository.env if problem.repository else {})
    answers = run.by("call")
    found = {index: _judged(problem, index, answers.get(number, [])) for number, index in enumerate(indexes)}
    return found, run.result


def _asked(problem: Problem, index: int) -> list[Any]:
    test = problem.tests[index]
    try:
        target, arguments = json.loads(test.input)
        module, name = target.split(":")
    except (ValueError, TypeError, AttributeError):
        module = name = arguments = ""
    if not (module and name and isinstance(arguments, list)):
        raise ProblemError(
            f'problem {problem.id}: test {test.name!r} is no call: its input is JSON of ["module:function", arguments]'
        )
    return [target, arguments]


def _judged(problem: Problem, index: int, lines: list[dict[str, Any]]) -> Said:
    test = problem.tests[index]
    if not lines:
        return Said(missing=True)
    if len(lines) > 1:
        return Said(error="reported twice")
    expected = json.loads(test.answer)
    raises = expected[_RAISES] if isinstance(expected, dict) and expected.keys() == {_RAISES} else None
    raised = lines[0].get("raised")
    if isinstance(raised, list) and raised and all(isinstance(name, str) for name in raised):
        return Said(raises in raised, "" if raises else error_name(raised[0]))
    value = lines[0].get("value")
    told = json.dumps(value if "$tuple" in test.answer else _listed(value))
    return Said(raises is None and same(told, test.answer, test.checker or problem.checker), text=told)


def _listed(value: Any) -> Any:
    """Tuples as lists: JSON has no others."""
    if isinstance(value, list):
        return [_listed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$tuple"} and isinstance(value["$tuple"], list):
        return _listed(value["$tuple"])
    return {key: _listed(item) for key, item in value.items()}
