"""Answer parsers: the text of an answer in, the program in it out."""

from __future__ import annotations

from collections.abc import Callable

from alphadial.envs.languages import find_language
from alphadial.envs.tools.answers import read_submission
from alphadial.envs.types import Problem, Submission

AnswerParser = Callable[[str, Problem, str | None], Submission | None]
"""Reads the program of an answer to a problem, in a language where one is asked for; None where it holds none."""


def whole_text(text: str, problem: Problem, language: str | None = None) -> Submission | None:
    """The answer is the program, in Python where no language is asked for."""
    if not text:
        return None
    return Submission.of(text) if language is None else Submission.of(text, find_language(language).name)


PARSERS: dict[str, AnswerParser] = {"program": whole_text, "fenced": read_submission}
