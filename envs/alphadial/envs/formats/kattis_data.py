"""Tests of Kattis packages: data/sample and data/secret, their groups, and what groups ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphadial.envs.types import Test

from .fields import text
from .kattis_settings import Settings, at, words
from .levels import SAMPLE, SECRET
from .tree import Tree
from .types import FormatError
from .yaml_file import LARGEST, Yaml, parse_yaml

_GROUP_KEYS = {"max_score", "score_aggregation", "static_validation_score", "require_pass", "args", "full_feedback"} | {
    "input_validator_args",
    "static_validator_args",
    "output_validator_args",
    "input_visualizer_args",
    "output_visualizer_args",
    "hint",
    "description",
}


@dataclass(frozen=True, slots=True)
class Data:
    """The tests, in order of their names, not yet leveled; each has the ``arguments`` of its output validator."""

    tests: tuple[Test, ...]
    requires: dict[str, tuple[str, ...]]
    """Group to the groups that must pass before it."""


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path
    group: str
    arguments: tuple[str, ...]


def read_data(tree: Tree, settings: Settings) -> Data:
    """Reads all tests.

    Raises:
        FormatError: an input without answer or the other way round, unknown keys, or what is not supported: arguments
            and files for the program.
    """
    requires: dict[str, tuple[str, ...]] = {}
    tests: list[Test] = []
    for folder in _folders(tree, settings, requires):
        for path in _inputs(tree, folder.path):
            tests.append(_test(tree, folder, path, _own_arguments(tree, settings, path, folder.arguments)))
    if not any(not test.public for test in tests):
        raise FormatError("there are no tests in data/secret", path=tree.root / "data")
    _check_requires(tree, requires, {test.group for test in tests})
    return Data(tuple(tests), requires)


def _folders(tree: Tree, settings: Settings, requires: dict[str, tuple[str, ...]]) -> Iterator[_Folder]:
    root = tree.root / "data"
    base = _legacy_arguments(tree, root, ()) if settings.legacy else ()
    for top in (SAMPLE, SECRET):
        pending = [_Folder(root / top, "", base)]
        while pending:
            outer = pending.pop()
            folder = _configured(tree, settings, outer, requires)
            yield folder
            inner = [entry for entry in tree.children(folder.path) if tree.is_folder(entry)]
            if unsupported := next((entry for entry in inner if entry.suffix == ".files"), None):
                raise FormatError("files for the program are not supported", path=unsupported)
            pending += [_Folder(entry, folder.group, folder.arguments) for entry in reversed(inner)]


def _configured(tree: Tree, settings: Settings, folder: _Folder, requires: dict[str, tuple[str, ...]]) -> _Folder:
    name = folder.path.relative_to(tree.root / "data").as_posix()
    if settings.legacy:
        return _Folder(folder.path, name, _legacy_arguments(tree, folder.path, folder.arguments))
    if name.count("/") > 1:
        return folder
    path = folder.path / "test_group.yaml"
    if not tree.is_file(path):
        return _Folder(folder.path, name, ())
    yaml = parse_yaml(settings.filled(tree.text(path, LARGEST)), path)
    with at(yaml, "require_pass"):
        stated = yaml.values.get("require_pass") or []
        requires[name] = words([stated] if isinstance(stated, str) else stated, "require_pass")
    return _Folder(folder.path, name, _arguments(yaml, ()))


def _own_arguments(tree: Tree, settings: Settings, path: Path, inherited: tuple[str, ...]) -> tuple[str, ...]:
    own = path.with_suffix(".yaml")
    if settings.legacy:
        return settings.flags + inherited
    if not tree.is_file(own):
        return inherited
    return _arguments(parse_yaml(tree.text(own, LARGEST), own), inherited)


def _arguments(yaml: Yaml, inherited: tuple[str, ...]) -> tuple[str, ...]:
    unknown = next((str(key) for key in yaml.values if key not in _GROUP_KEYS), None)
    if unknown is not None:
        raise yaml.error(unknown, f"unknown key {unknown!r}")
    for key in ("args", "static_validation_score"):
        if yaml.values.get(key):
            raise yaml.error(key, f"{key} is not supported")
    if "output_validator_args" not in yaml.values:
        return inherited
    with at(yaml, "output_validator_args"):
        return words(yaml.values["output_validator_args"], "output_validator_args")


def _legacy_arguments(tree: Tree, folder: Path, inherited: tuple[str, ...]) -> tuple[str, ...]:
    path = folder / "testdata.yaml"
    if not tree.is_file(path):
        return inherited
    yaml = parse_yaml(tree.text(path, LARGEST), path)
    with at(yaml, "output_validator_flags"):
        stated: Any = yaml.values.get("output_validator_flags") or ""
        if isinstance(stated, dict):
            stated = stated.get("flags") or ""
        return tuple(text(stated, "output_validator_flags").split())


def _inputs(tree: Tree, folder: Path) -> list[Path]:
    names = {entry.name for entry in tree.children(folder) if tree.is_file(entry)}
    for name in sorted(names):
        stem, dot, extension = name.rpartition(".")
        if extension == "in" and f"{stem}.ans" not in names:
            raise FormatError(f"has no answer: {stem}.ans is missing", path=folder / name)
        if extension == "ans" and dot and f"{stem}.in" not in names:
            raise FormatError(f"has no input: {stem}.in is missing", path=folder / name)
    return [folder / name for name in sorted(names) if name.endswith(".in")]


def _test(tree: Tree, folder: _Folder, path: Path, arguments: tuple[str, ...]) -> Test:
    return Test(
        level=1,
        input=tree.text(path),
        answer=tree.text(path.with_suffix(".ans")),
        public=folder.group.partition("/")[0] == SAMPLE,
        name=path.relative_to(tree.root / "data").with_suffix("").as_posix(),
        group=folder.group,
        arguments=arguments,
    )


def _check_requires(tree: Tree, requires: dict[str, tuple[str, ...]], groups: set[str]) -> None:
    for group, needed in requires.items():
        for other in needed:
            if other not in groups:
                path = tree.root / "data" / group / "test_group.yaml"
                line = parse_yaml(tree.text(path, LARGEST), path).lines.get("require_pass")
                raise FormatError(f"require_pass names {other!r}, which has no tests", path=path, line=line)
