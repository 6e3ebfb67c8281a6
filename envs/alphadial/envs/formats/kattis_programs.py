"""Programs of Kattis packages: output validators, and labelled solutions with the files they include."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from alphadial.envs.types import Solution, Validator

from .fields import mapping, text
from .kattis_settings import Settings, words
from .names import is_source, known_language, language_of, main_first
from .tree import Tree
from .types import Fault, FormatError
from .yaml_file import LARGEST, Yaml, at, parse_yaml

_LARGEST = 16 * 1024 * 1024
"""Bytes of one source file."""
_MOST_CHOICES = 1000
"""Names with or without stars that the patterns of one file stand for, by their braces."""
_LONGEST_PATTERN = 1000
_EXPECTED = {
    (frozenset({"AC"}), None): "accepted",
    (frozenset({"AC", "WA"}), frozenset({"WA"})): "wrong_answer",
    (frozenset({"AC", "TLE"}), frozenset({"TLE"})): "time_limit_exceeded",
    (frozenset({"AC", "RTE"}), frozenset({"RTE"})): "run_time_error",
    (frozenset({"AC", "RTE", "TLE"}), frozenset({"RTE", "TLE"})): "brute_force",
    (None, frozenset({"RTE", "TLE", "WA"})): "rejected",
}
"""Of the permitted and required verdicts in submissions.yaml, as the package format pairs them."""
_LABELS = frozenset(_EXPECTED.values()) | {"partially_accepted", "compile_error"}


@dataclass(frozen=True, slots=True)
class _Metadata:
    yaml: Yaml
    key: str
    choices: tuple[str, ...]
    """What the key stands for: with stars, without braces."""
    values: Mapping[str, Any]

    def of(self, name: str, folder: str) -> bool:
        """Whether it speaks of the solution of that name, or of the folder that holds it."""
        return any(_matches(choice, name) or _matches(choice, folder) for choice in self.choices)

    def stated(self, field: str) -> str:
        """What it says in a field; "" where it says nothing."""
        with at(self.yaml, f"{self.key}.{field}"):
            return text(self.values.get(field, ""), field)


def read_validator(tree: Tree, settings: Settings, arguments: tuple[str, ...]) -> Validator:
    """The output validator of a package that has one of its own.

    Raises:
        FormatError: there is none, or more than one, or it comes with a build or run script.
    """
    folder = tree.root / settings.rules.validators
    folders = [entry for entry in tree.children(folder) if tree.is_folder(entry)]
    if folder.name == "output_validators":  # which holds a program, where output_validator is one
        if len(folders) > 1:
            raise FormatError("several output validators are not supported", path=folder)
        folder = folders[0] if folders else folder
    files = {name: settings.filled(source) for name, source in tree.files(folder, _LARGEST).items()}
    if not files:
        raise FormatError("holds no output validator, but problem.yaml asks for one", path=folder)
    if script := next((name for name in ("build", "run") if name in files), None):
        raise FormatError("validators with build or run scripts are not supported", path=folder / script)
    try:
        language = language_of(files)
    except FormatError as error:
        raise FormatError(str(error), path=folder) from None
    return Validator(language, main_first(files, language), arguments)


def read_solutions(tree: Tree, settings: Settings) -> Iterator[Solution | Fault]:
    """The programs in the folders of submissions/, each named by its path there."""
    root = tree.root / "submissions"
    metadata = [] if settings.rules.old else _metadata(tree, root)
    for folder in tree.children(root):
        if not tree.is_folder(folder):
            if is_source(folder.name):
                yield Fault(folder, None, "is left out: solutions belong in a folder here, such as accepted")
            continue
        for path in tree.children(folder):
            try:
                yield _solution(tree, settings, path, metadata)
            except FormatError as error:
                yield error.fault(path)


def _solution(tree: Tree, settings: Settings, path: Path, metadata: list[_Metadata]) -> Solution:
    files = tree.files(path, _LARGEST) if tree.is_folder(path) else {path.name: tree.raw(path, _LARGEST)}
    name = path.relative_to(tree.root / "submissions").as_posix()
    label: str | None = path.parent.name if path.parent.name in _LABELS else None
    language = entry = ""
    for found in metadata:
        if found.of(name, path.parent.name):
            language = _stated_language(found, name) or language
            entry = found.stated("entrypoint") or entry
            label = _label(found, label)
    language = language or language_of(files)
    files.update(_included(tree, language))
    return Solution(
        name,
        language,
        {file: settings.filled(source) for file, source in main_first(files, language, entry).items()},
        label,
    )


def _stated_language(found: _Metadata, name: str) -> str:
    stated = found.stated("language")
    with at(found.yaml, f"{found.key}.language"):
        try:
            return known_language(stated) if stated else ""
        except FormatError as error:
            raise FormatError(f"{name}: {error}") from None


def _included(tree: Tree, language: str) -> dict[str, str]:
    for folder in (tree.root / "include" / language, tree.root / "include" / "default"):
        if tree.is_folder(folder):
            return tree.files(folder, _LARGEST)
    return {}


def _metadata(tree: Tree, root: Path) -> list[_Metadata]:
    path = root / "submissions.yaml"
    if not tree.is_file(path):
        return []
    yaml = parse_yaml(tree.text(path, LARGEST), path)
    found, left = [], _MOST_CHOICES
    for key, value in yaml.values.items():
        with at(yaml, str(key)):
            choices = _choices(str(key), left)
            found.append(_Metadata(yaml, str(key), choices, mapping(value or {}, "each pattern's value")))
        left -= len(choices)
        _check(found[-1])
    return found


def _check(found: _Metadata) -> None:
    for field in ("permitted", "required"):
        with at(found.yaml, f"{found.key}.{field}"):
            unknown = set(words(found.values.get(field) or [], field)) - {"AC", "WA", "TLE", "RTE"}
            if unknown:
                raise FormatError(f"unknown verdict {min(unknown)[:40]!r}: choose from AC, WA, TLE, RTE")


def _label(found: _Metadata, inherited: str | None) -> str | None:
    permitted, required = found.values.get("permitted"), found.values.get("required")
    if permitted is None and required is None:
        return inherited
    pair = (None if permitted is None else frozenset(permitted), None if required is None else frozenset(required))
    if pair == (frozenset({"AC"}), frozenset({"AC"})):
        return "accepted"
    return _EXPECTED.get(pair)


def _choices(glob: str, most: int) -> tuple[str, ...]:
    """``{a,b}`` is either."""
    if len(glob) > _LONGEST_PATTERN:
        raise FormatError(f"a pattern of more than {_LONGEST_PATTERN:,} characters")
    parts = [part.split(",") if place % 2 else [part] for place, part in enumerate(re.split(r"\{([^{}]*)\}", glob))]
    if prod(map(len, parts)) > most:
        raise FormatError(f"the patterns of this file stand for more than {_MOST_CHOICES:,} names")
    return tuple("".join(choice) for choice in product(*parts))


def _matches(pattern: str, name: str) -> bool:
    """Whether a path is of a pattern, in which ``*`` stays within a name and nothing else is special."""
    parts, names = pattern.split("/"), name.split("/")
    return len(parts) == len(names) and all(map(_matches_name, parts, names))


def _matches_name(pattern: str, name: str) -> bool:
    """In linear time, which a regular expression with many stars does not take."""
    first, *middle = pattern.split("*")
    if not middle:
        return name == first
    last = middle.pop()
    if not (name.startswith(first) and name.endswith(last)):
        return False
    place = len(first)
    for part in middle:
        place = name.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return place <= len(name) - len(last)
