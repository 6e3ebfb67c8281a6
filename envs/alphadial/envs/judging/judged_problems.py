"""What rows need to know of a problem beside the records of its submissions, in a form that can be kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Any

from alphadial.envs.judging.labels import bounding, expectations_of
from alphadial.envs.judging.limits import Limit, LimitSource
from alphadial.envs.labelled import Expectation, LabelledSubmission
from alphadial.envs.languages import all_languages
from alphadial.envs.problems.formats import Package
from alphadial.envs.problems.hashing import problems_hash
from alphadial.envs.types import PATCH, Interface, Verdict


@dataclass(frozen=True, slots=True)
class JudgedSubmission:
    """One submission of a problem."""

    id: str
    """A hash of its content and the problem's: records are kept under it."""
    name: str
    language: str
    expected: str | None
    expectations: tuple[Expectation, ...] = ()
    """What the label asks for."""
    not_counted: tuple[str, ...] = ()
    """See ``LabelledSubmission``."""

    @property
    def judged(self) -> bool:
        """The judge knows its language, or it is a patch."""
        return self.language == PATCH or self.language in all_languages()

    @property
    def unjudged(self) -> str:
        """Why it is not judged; "" where it is."""
        return "" if self.judged else f"{self.language} is none of the languages of this judge"

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> JudgedSubmission:
        """The submission of which ``asdict`` gave these values, by way of JSON."""
        fields = dict(values)
        expectations = tuple(_expectation(each) for each in fields.pop("expectations"))
        not_counted = tuple(fields.pop("not_counted"))
        return cls(**fields, expectations=expectations, not_counted=not_counted)


@dataclass(frozen=True, slots=True)
class JudgedProblem:
    """A problem without its inputs. ``to_json`` and ``from_json`` are inverse."""

    id: str
    """A hash of the problem's content and of where it was read from."""
    problem: str
    source: str
    answers: tuple[str, ...]
    """The answers of the tests, in their order."""
    levels: int
    coverages: Mapping[str, int]
    validated: bool
    """Not by the default checker: by a validator of its own, or as the values that a function returns."""
    entries: tuple[JudgedSubmission, ...]
    """All submissions, in order."""
    limit: Limit

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> JudgedProblem:
        """The problem that ``to_json`` was called on."""
        fields = dict(values)
        limit = fields.pop("limit")
        entries = tuple(JudgedSubmission.from_json(entry) for entry in fields.pop("entries"))
        answers = tuple(fields.pop("answers"))
        limit = Limit(**{**limit, "source": LimitSource(limit["source"])})
        return cls(**fields, answers=answers, entries=entries, limit=limit)


def problem_key(package: Package) -> str:
    """The same for the same problem at the same place; its submissions do not matter."""
    return _digest(problems_hash([package.problem]), str(package.source.resolve()), asdict(package.time_rule))


def judged_submission(labelled: LabelledSubmission, problem: str) -> JudgedSubmission:
    """Its id differs from that of another submission even where names do not."""
    return JudgedSubmission(
        id=_digest(problem, asdict(labelled)),
        name=labelled.name,
        language=labelled.submission.language,
        expected=labelled.expected,
        expectations=expectations_of(labelled),
        not_counted=labelled.not_counted,
    )


def judged_problem(package: Package, id: str, limit: Limit) -> JudgedProblem:
    """What is kept of a package."""
    problem = package.problem
    return JudgedProblem(
        id=id,
        problem=problem.id,
        source=str(package.source),
        answers=tuple(test.answer for test in problem.tests),
        levels=problem.levels,
        coverages=problem.coverages,
        validated=problem.validator is not None or problem.interface is Interface.CALL,
        entries=tuple(judged_submission(solution, id) for solution in package.solutions),
        limit=limit,
    )


def limit_by_id(limit: Limit, package: Package, key: str) -> Limit:
    """The limit with ids in place of names, which several submissions may share."""
    ids = [(judged_submission(each, key).id, each.name) for each in package.solutions if bounding(each)]
    return replace(
        limit,
        without={entry: limit.without[name] for entry, name in ids if name in limit.without},
        left_out={entry: limit.left_out[name] for entry, name in ids if name in limit.left_out},
    )


def _expectation(values: Mapping[str, Any]) -> Expectation:
    fields = dict(values)
    tests = fields.pop("tests")
    return Expectation(
        permitted=tuple(map(Verdict, fields.pop("permitted"))),
        required=tuple(map(Verdict, fields.pop("required"))),
        tests=None if tests is None else tuple(tests),
        passing=tuple(fields.pop("passing")),
        **fields,
    )


def _digest(*values: Any) -> str:
    return blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=8).hexdigest()
