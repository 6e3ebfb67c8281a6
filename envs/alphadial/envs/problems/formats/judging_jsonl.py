"""Rows of our own: one problem a line, with its tests, and labelled submissions where there are any.

A row has ``id`` and ``tests`` [{``name``, ``group``, ``input``, ``answer``}], and may have ``submissions`` [{``name``,
``language``, ``expected``, ``source``}], ``time_limit_s``, ``limits`` (as in a legacy problem.yaml),
``validator_flags`` (of the Kattis default output validator) and ``split``. To be attempted it needs a ``statement``
(text, Markdown or HTML) or ``statement_tex``, and may have ``input_rules``, ``output_rules``, ``starter`` (an object of
language to code) and ``languages`` (names of those allowed). What controllers may know of it is in ``difficulty``,
``platform``, ``rating``, ``date`` and ``tags``, and under any other name in ``features`` (an object of numbers and
texts). Rows with submissions come from Kattis packages, so their Python is for PyPy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import PYTHON, all_languages
from alphadial.envs.problems.formats.features import stated_features
from alphadial.envs.problems.formats.fields import Row, mapping, number, required, sequence, text, text_of
from alphadial.envs.problems.formats.flags import checker, legacy_time_rule, limits
from alphadial.envs.problems.formats.levels import SAMPLE, coverages, leveled
from alphadial.envs.problems.formats.names import known_language
from alphadial.envs.problems.formats.packages import KATTIS_PYTHON, FormatError, Package
from alphadial.envs.problems.formats.rows import checked, language_named, solution
from alphadial.envs.problems.formats.statements import posed
from alphadial.envs.types import Interface, Problem, Test

KEYS = frozenset({"id", "tests"})
"""The fields that tell a row of this format."""


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be.
    """
    name = text_of(row, "id")
    stated = mapping(row.get("limits") or {}, "field 'limits'")
    time_limit_s = row.get("time_limit_s")
    if time_limit_s is not None:
        time_limit_s = number(time_limit_s, "field 'time_limit_s'")
    tests = leveled(
        [_test(test, place) for place, test in enumerate(sequence(required(row, "tests"), "field 'tests'"))]
    )
    solutions = sequence(row.get("submissions") or [], "field 'submissions'")
    problem = Problem(
        id=name,
        template=name,
        group=text_of(row, "source", ""),
        statement=_statement(row),
        prompt="",
        entry="",
        tests=tests,
        limits=limits(stated, time_limit_s),
        coverages=coverages(tests),
        interface=Interface.STDIO,
        checker=checker(_flags(row.get("validator_flags"))),
        time_limit_s=time_limit_s,
        starter=_starter(row),
        input_rules=text_of(row, "input_rules", ""),
        output_rules=text_of(row, "output_rules", ""),
        languages=_languages(row),
        features=stated_features(row),
    )
    return Package(
        problem,
        tuple(_solution(value, place) for place, value in enumerate(solutions)),
        legacy_time_rule(stated),
        source=path,
        python=KATTIS_PYTHON if "submissions" in row else PYTHON,
    )


def _statement(row: Row) -> str:
    return posed(text_of(row, "statement", "") or text_of(row, "statement_tex", ""))


def _starter(row: Row) -> dict[str, str]:
    stated = mapping(row.get("starter") or {}, "field 'starter'")
    return {known_language(name): text(code, f"starter of {name!r}") for name, code in stated.items()}


def _languages(row: Row) -> tuple[str, ...]:
    """Those allowed that the judge knows."""
    stated = [text(name, "each of languages") for name in sequence(row.get("languages") or [], "field 'languages'")]
    known = tuple(name for name in stated if name in all_languages())
    if stated and not known:
        raise FormatError(f"the judge knows none of its languages, but: {', '.join(all_languages())}")
    return known


def _test(value: Any, place: int) -> Test:
    row = mapping(value, f"tests[{place}]")
    name = text_of(row, "name", str(place))
    for field in ("input", "answer"):
        if row.get(field) is None:
            raise FormatError(f"test {name!r} has no {field}")
    group = text_of(row, "group", "")
    return Test(
        level=1,
        input=text(row["input"], f"input of test {name!r}"),
        answer=text(row["answer"], f"answer of test {name!r}"),
        public=group == SAMPLE,
        name=name,
        group=group,
    )


def _solution(value: Any, place: int) -> LabelledSubmission:
    row = mapping(value, f"submissions[{place}]")
    name = text_of(row, "name")
    language = language_named(row.get("language"))
    source = text_of(row, "source")
    expected = row.get("expected")
    return solution(name, language, source, None if expected is None else text(expected, f"expected of {name!r}"))


def _flags(value: Any) -> str | list[str]:
    if isinstance(value, list):
        return [text(word, "a validator flag") for word in value]
    return text(value or "", "field 'validator_flags'")
