"""Programs of Kattis packages: output validators, and labelled solutions with the files they include."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

from alphadial.envs.types import Solution, Validator

from .fields import mapping, text
from .kattis_settings import Settings, at, words
from .names import language_of, main_first
from .tree import Tree
from .types import Fault, FormatError
from .yaml_file import LARGEST, Yaml, parse_yaml

_LARGEST = 16 * 1024 * 1024
"""Bytes of one source file."""
_MOST_CHOICES = 1000
"""Of one pattern with braces."""
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
    pattern: re.Pattern[str]
    values: Mapping[str, Any]
    key: str


def read_validator(tree: Tree, settings: Settings, arguments: tuple[str, ...]) -> Validator:
    """The output validator of a package that has one of its own.

    Raises:
        FormatError: there is none, or more than one, or it comes with a build or run script.
    """
    folder = tree.root / ("output_validators" if settings.legacy else "output_validator")
    folders = [entry for entry in tree.children(folder) if tree.is_folder(entry)]
    if settings.legacy and len(folders) == 1:
        folder = folders[0]
    elif len(folders) > 1 and settings.legacy:
        raise FormatError("several output validators are not supported", path=folder)
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
    metadata = [] if settings.legacy else _metadata(tree, root)
    for folder in tree.children(root):
        if not tree.is_folder(folder):
            continue
        for path in tree.children(folder):
            try:
                yield _solution(tree, settings, path, metadata)
            except FormatError as error:
                yield error.fault(path)


def _solution(tree: Tree, settings: Settings, path: Path, metadata: list[_Metadata]) -> Solution:
    files = tree.files(path, _LARGEST) if tree.is_folder(path) else {path.name: tree.text(path, _LARGEST)}
    name = path.relative_to(tree.root / "submissions").as_posix()
    label: str | None = path.parent.name if path.parent.name in _LABELS else None
    language = entry = ""
    for found in metadata:
        if found.pattern.fullmatch(name) or found.pattern.fullmatch(path.parent.name):
            language = text(found.values.get("language", language), "language")
            entry = text(found.values.get("entrypoint", entry), "entrypoint")
            label = _label(found, label)
    language = language or language_of(files)
    files.update(_included(tree, language))
    return Solution(
        name,
        language,
        {file: settings.filled(source) for file, source in main_first(files, language, entry).items()},
        label,
    )


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
    found = []
    for key, value in yaml.values.items():
        with at(yaml, str(key)):
            found.append(_Metadata(_pattern(str(key)), mapping(value or {}, f"{key!r}"), str(key)))
            _check(yaml, found[-1])
    return found


def _check(yaml: Yaml, found: _Metadata) -> None:
    for field in ("permitted", "required"):
        with at(yaml, f"{found.key}.{field}"):
            unknown = set(words(found.values.get(field) or [], field)) - {"AC", "WA", "TLE", "RTE"}
            if unknown:
                raise FormatError(f"unknown verdict {min(unknown)!r}: choose from AC, WA, TLE, RTE")


def _label(found: _Metadata, inherited: str | None) -> str | None:
    permitted, required = found.values.get("permitted"), found.values.get("required")
    if permitted is None and required is None:
        return inherited
    pair = (None if permitted is None else frozenset(permitted), None if required is None else frozenset(required))
    if pair == (frozenset({"AC"}), frozenset({"AC"})):
        return "accepted"
    return _EXPECTED.get(pair)


def _pattern(glob: str) -> re.Pattern[str]:
    """``*`` stays within a name, ``{a,b}`` is either; nothing else is special."""
    parts = [part.split(",") if place % 2 else [part] for place, part in enumerate(re.split(r"\{([^{}]*)\}", glob))]
    choices = ["".join(choice) for choice in islice(product(*parts), _MOST_CHOICES)]
    return re.compile("|".join("[^/]*".join(map(re.escape, choice.split("*"))) for choice in choices))
