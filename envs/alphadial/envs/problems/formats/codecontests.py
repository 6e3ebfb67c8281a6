"""CodeContests (Li et al. 2022): rows of JSON with the fields of ``contest_problem.proto``.

Not checked on published files. Repeated messages may be arrays of objects, or objects of arrays as in the data set's
Parquet form. The Riegeli files of the release must be converted first. Outputs are compared as by the authors' tester,
``execution/tester_sandboxer.cc``: see ``codecontests`` in ``judging.graders``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems.formats.features import Features, known_features
from alphadial.envs.problems.formats.fields import Row, mapping, number, sequence, text, text_of
from alphadial.envs.problems.formats.packages import FormatError, Package
from alphadial.envs.problems.formats.rows import checked, grouped, language_named, problem, solution, stdio_test
from alphadial.envs.types import MIB, Rule, Test

KEYS = frozenset({"description", "public_tests", "private_tests"})
_LANGUAGES = {
    "0": "unknown",
    "1": "python2",
    "2": "cpp",
    "3": "python3",
    "4": "java",
    "UNKNOWN_LANGUAGE": "unknown",
    "PYTHON": "python2",
    "CPP": "cpp",
    "PYTHON3": "python3",
    "JAVA": "java",
}
_UNKNOWN = (0, "UNKNOWN_DIFFICULTY")
_SOURCES = ("", "codechef", "codeforces", "hackerearth", "codejam", "atcoder", "aizu")
"""In the order of the enumeration ``Source``."""


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be, or the problem reads or writes files.
    """
    for field in ("input_file", "output_file"):
        if row.get(field):
            raise FormatError(f"{field} {str(row[field])[:40]!r}: problems that read or write files are not supported")
    memory = row.get("memory_limit_bytes") or 1024 * MIB
    if isinstance(memory, str) and memory.isdecimal() and len(memory) < 20:
        memory = int(memory)  # as protobuf's JSON writes 64 bits
    found = problem(
        text_of(row, "name", f"{path.name.partition('.')[0]}-{line or 1}"),
        text_of(row, "description"),
        grouped(_tests(row)),
        entry=None,
        time_limit_s=_time_limit(row.get("time_limit")),
        memory_bytes=number(memory, "memory_limit_bytes", most=2.0**50),
        rule=Rule.CODECONTESTS,
        features=_features(row),
    )
    return Package(found, tuple(_solutions(row)), source=path)


def _features(row: Row) -> Features:
    """Zeros stand for what is not known."""
    source, difficulty = row.get("source"), row.get("difficulty")
    return known_features(
        difficulty=None if difficulty in _UNKNOWN else difficulty,
        platform=_SOURCES[source] if isinstance(source, int) and 0 < source < len(_SOURCES) else None,
        rating=row.get("cf_rating") or None,
        tags=row.get("cf_tags") or None,
    )


def _tests(row: Row) -> Iterator[Test]:
    for kind in ("public", "private", "generated"):
        for at, test in enumerate(_messages(row.get(f"{kind}_tests"), f"{kind}_tests")):
            name = f"{kind}/{at}"
            if "output" not in test:
                raise FormatError(f"test {name!r} has no output")
            yield stdio_test(name, test.get("input", ""), test["output"], public=kind == "public")


def _solutions(row: Row) -> Iterator[LabelledSubmission]:
    for field, expected in (("solutions", "accepted"), ("incorrect_solutions", "rejected")):
        for at, message in enumerate(_messages(row.get(field), field)):
            language = language_named(message.get("language"))
            source = text(message.get("solution"), f"{field}[{at}].solution")
            yield solution(f"{field}-{at}", _LANGUAGES.get(language, language), source, expected)


def _messages(value: Any, what: str) -> list[Row]:
    if value is None:
        return []
    if isinstance(value, list):
        return [mapping(item, f"each of {what}") for item in value]
    columns = {key: sequence(column, f"{what}.{key}") for key, column in mapping(value, what).items()}
    if len({len(column) for column in columns.values()}) > 1:
        raise FormatError(f"{what} has columns of different lengths")
    return [dict(zip(columns, items, strict=True)) for items in zip(*columns.values(), strict=True)]


def _time_limit(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return number(float(value.removesuffix("s")), "time_limit")
        except ValueError:
            raise FormatError(f"time_limit must be a duration such as '2s', not {value[:40]!r}") from None
    if isinstance(value, dict):
        seconds, nanos = (
            number(value.get(unit) or 0, f"time_limit.{unit}", above=-1, most=1e9) for unit in ("seconds", "nanos")
        )
        return number(seconds + nanos / 1e9, "time_limit")
    return number(value, "time_limit")
