"""What Kattis packages expect of their solutions: the folder, submissions.yaml, and @EXPECTED_GRADES@ in a source.

Sources: Kattis problem package format 2025-09, "Example submissions" (submissions.yaml, "Test data groups", "Default
directories", "Timelimit inference"); legacy, "Example submissions" (a fixed table of folders). ``@EXPECTED_GRADES@ AC
WA TLE`` in a comment is of testdata_tools: the verdicts of the groups of secret tests, in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alphadial.envs.judging.labels import FOLDERS, FORMAT_VERDICTS, LEGACY_FOLDERS, PARTLY, graded, partly
from alphadial.envs.labelled import Expectation
from alphadial.envs.problems.formats.fields import mapping, text
from alphadial.envs.problems.formats.kattis_patterns import MOST_CHOICES, choices, matches_within
from alphadial.envs.problems.formats.kattis_settings import Settings, words
from alphadial.envs.problems.formats.levels import SECRET
from alphadial.envs.problems.formats.packages import FormatError, LoadError
from alphadial.envs.problems.formats.tree import Tree
from alphadial.envs.problems.formats.yaml_file import LARGEST, Yaml, at, parse_yaml
from alphadial.envs.types import Test, Verdict

_RULES = ("permitted", "required", "score", "message", "use_for_time_limit")
_PROGRAM = ("language", "entrypoint", "authors", "model_solution")
_GRADES = re.compile(r"@EXPECTED_GRADES@((?:[ \t]+(?:AC|WA|TLE|RTE|MLE))+)")
_NOT_SLOW = tuple(verdict for verdict in Verdict if verdict not in (Verdict.TLE, Verdict.CE))
_NO_MESSAGE = "message (the default output validator writes none)"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one solution, and what of it is not counted."""

    expectations: tuple[Expectation, ...]
    not_counted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    yaml: Yaml
    key: str
    choices: tuple[str, ...]
    values: Mapping[str, Any]

    def of(self, name: str) -> bool:
        """Whether it speaks of the solution of that name, or of the folder that holds it."""
        return matches_within(self.choices, name)


class Submissions:
    """What submissions.yaml says, where a package has one, and what folders mean there.

    Raises:
        FormatError: the file is not what the format asks for.
    """

    def __init__(self, tree: Tree, settings: Settings, tests: Sequence[Test]) -> None:
        self._path = tree.root / "submissions" / "submissions.yaml"
        self._ignored = settings.rules.old and tree.is_file(self._path)
        self._entries = [] if settings.rules.old else _entries(tree, self._path)
        self._custom = settings.custom
        self._tests = [test.name for test in tests]
        self._groups = _secret_groups(tests)
        self._members = {group: _members(group, tests) for group in self._groups}
        self._folders = (LEGACY_FOLDERS if settings.rules.legacy else FOLDERS) | {PARTLY: partly(self._groups)}

    def stated(self, name: str, field: str) -> tuple[str, Yaml | None, str]:
        """What the last pattern of a solution says in a field of its program, and where; "" where none does."""
        for entry in reversed(self._entries):
            if entry.of(name) and field in entry.values:
                place = f"{entry.key}.{field}"
                with at(entry.yaml, place):
                    return text(entry.values[field], field), entry.yaml, place
        return "", None, ""

    def of(self, name: str, files: Mapping[str, str]) -> Expected:
        """What is expected of the solution of that name, by its folder, its patterns and its own sources."""
        folder = name.partition("/")[0]
        base = self._folders.get(folder)
        not_counted: list[str] = ["score"] if folder == PARTLY and not self._groups else []
        found: list[Expectation] = []
        for entry in self._entries:
            if base is not None and folder in entry.choices:
                base, *more = self._rules(entry, entry.key, entry.values, base, not_counted)
                found += more
            elif entry.of(name):
                found += self._rules(entry, entry.key, entry.values, Expectation(), not_counted)
        grades = self._graded(files, not_counted)
        if base is not None and base.passing and grades and all(Verdict.AC not in grade.permitted for grade in grades):
            base = replace(base, passing=())
        kept = [each for each in (base, *found) if each is not None and each != Expectation()]
        return Expected((*kept, *grades), tuple(dict.fromkeys(not_counted)))

    def left_out(self, names: Sequence[str]) -> Iterator[LoadError]:
        """A warning for each thing that speaks of no solution."""
        if self._ignored:
            why = "is not used: only packages of the format 2025-09 have it, and this one is in the legacy format"
            yield LoadError(self._path, None, why, harmless=True)
        for entry in self._entries:
            default = any(choice in self._folders for choice in entry.choices)
            if not default and not any(entry.of(name) for name in names):
                line = entry.yaml.lines.get(entry.key)
                yield LoadError(self._path, line, f"no solution matches the pattern {entry.key[:80]!r}", harmless=True)

    def _rules(
        self, entry: _Entry, place: str, values: Mapping[str, Any], base: Expectation, not_counted: list[str]
    ) -> list[Expectation]:
        """The rule of a mapping, in place of what the base says, then those within it."""
        rule = base
        if "permitted" in values:
            rule = replace(rule, permitted=_verdicts(entry.yaml, f"{place}.permitted", values["permitted"]))
        if "required" in values:
            rule = replace(rule, required=_verdicts(entry.yaml, f"{place}.required", values["required"]))
        if values.get("message"):
            with at(entry.yaml, f"{place}.message"):
                message = text(values["message"], "message")
            if self._custom:
                rule = replace(rule, message=message)
            else:
                not_counted.append(_NO_MESSAGE)
        if "score" in values:
            not_counted.append("score")
        rules = _timed(rule, values.get("use_for_time_limit", True), not_counted)
        for key, value in values.items():
            if key in _RULES or (key in _PROGRAM and base.tests is None):
                continue
            if isinstance(value, dict) and base.tests is None:
                rules += self._within(entry, place, key, value, not_counted)
            else:
                not_counted.append(f"unknown key {key[:40]!r}")
        return rules

    def _within(
        self, entry: _Entry, place: str, key: str, value: Mapping[str, Any], not_counted: list[str]
    ) -> list[Expectation]:
        """The rules for the tests of a pattern."""
        with at(entry.yaml, f"{place}.{key}"):
            patterns = choices(key)
        tests = tuple(test for test in self._tests if matches_within(patterns, test))
        if not tests:
            not_counted.append(f"{key[:80]} (no such tests)")
            return []
        return self._rules(entry, f"{place}.{key}", value, Expectation(tests=tests), not_counted)

    def _graded(self, files: Mapping[str, str], not_counted: list[str]) -> list[Expectation]:
        stated = next((found[1].split() for source in files.values() if (found := _GRADES.search(source))), None)
        if stated is None:
            return []
        if len(stated) != len(self._groups):
            not_counted.append(f"@EXPECTED_GRADES@ ({len(stated)} for {len(self._groups)} groups)")
            return []
        return [graded(Verdict(word), self._members[group]) for word, group in zip(stated, self._groups, strict=True)]


def _timed(rule: Expectation, stated: Any, not_counted: list[str]) -> list[Expectation]:
    """With what use_for_time_limit says; its ``lower`` and ``upper`` are equivalent to rules on verdicts."""
    match stated:
        case True:
            return [rule]
        case False:
            return [replace(rule, bounds_limit=False)]
        case "lower":
            return [rule, Expectation(permitted=_NOT_SLOW, tests=rule.tests)]
        case "upper":
            return [rule, Expectation(required=FORMAT_VERDICTS["TLE"], tests=rule.tests)]
    not_counted.append(f"use_for_time_limit {str(stated)[:40]!r}")
    return [rule]


def _verdicts(yaml: Yaml, place: str, stated: Any) -> tuple[Verdict, ...]:
    with at(yaml, place):
        found = words([] if stated is None else stated, place.rpartition(".")[2])
        unknown = set(found) - set(FORMAT_VERDICTS)
        if unknown:
            raise FormatError(f"unknown verdict {min(unknown)[:40]!r}: choose from {', '.join(FORMAT_VERDICTS)}")
    return tuple(verdict for name, ours in FORMAT_VERDICTS.items() if name in found for verdict in ours)


def _entries(tree: Tree, path: Any) -> list[_Entry]:
    if not tree.is_file(path):
        return []
    yaml = parse_yaml(tree.text(path, LARGEST), path)
    found, left = [], MOST_CHOICES
    for key, value in yaml.values.items():
        with at(yaml, str(key)):
            names = choices(str(key), left)
            values = mapping(value or {}, "each pattern's value")
        found.append(_Entry(yaml, str(key), names, {str(field): each for field, each in values.items()}))
        left -= len(names)
        _check(yaml, str(key), values)
    return found


def _check(yaml: Yaml, place: str, values: Mapping[str, Any]) -> None:
    """Verdicts that nobody knows are found before any solution is read."""
    for key, value in values.items():
        if isinstance(value, dict):
            _check(yaml, f"{place}.{key}", value)
        elif key in ("permitted", "required"):
            _verdicts(yaml, f"{place}.{key}", value)


def _secret_groups(tests: Sequence[Test]) -> tuple[str, ...]:
    """The groups that divide the secret tests, numbers in them as numbers; none where they are one group."""
    groups = {test.group for test in tests if not test.public} - {"", SECRET}

    def order(group: str) -> list[tuple[bool, int, str]]:
        return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", group)]

    return tuple(sorted(groups, key=order))


def _members(group: str, tests: Sequence[Test]) -> tuple[str, ...]:
    return tuple(test.name for test in tests if test.group == group)
