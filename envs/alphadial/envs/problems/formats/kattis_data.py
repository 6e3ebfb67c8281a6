"""Tests of Kattis packages: data/sample and data/secret, their groups, and what groups ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from alphadial.envs.problems.formats.fields import text
from alphadial.envs.problems.formats.kattis_settings import Settings, words
from alphadial.envs.problems.formats.levels import SAMPLE, SECRET
from alphadial.envs.problems.formats.packages import FormatError, LoadError
from alphadial.envs.problems.formats.tree import Tree
from alphadial.envs.problems.formats.yaml_file import LARGEST, Yaml, at, parse_yaml
from alphadial.envs.types import Test

_GROUP_KEYS = {"max_score", "score_aggregation", "static_validation_score", "require_pass", "args", "full_feedback"} | {
    "input_validator_args",
    "static_validator_args",
    "output_validator_args",
    "input_visualizer_args",
    "output_visualizer_args",
    "hint",
    "description",
}
_DRAFT_KEYS = {"scoring", "static_validation"}
"""Some drafts have require_pass within scoring."""


_GROUP_READ = {
    "require_pass",
    "scoring",
    "output_validator_args",
    "args",
    "static_validation_score",
    "static_validation",
}
_OLDER_READ = {"output_validator_flags", "output_validator_args", "on_reject"}
"""Keys of test_group.yaml and of testdata.yaml that are used."""


@dataclass(frozen=True, slots=True)
class Data:
    """The tests, in order of their names, not yet leveled; each has the ``arguments`` of its output validator."""

    tests: tuple[Test, ...]
    requires: dict[str, tuple[str, ...]]
    """Group to the groups that must pass before it."""
    continues: tuple[str, ...]
    """See ``Problem``."""


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path
    group: str
    arguments: tuple[str, ...]


def read_data(tree: Tree, settings: Settings) -> Data:
    """Reads all tests.

    Raises:
        FormatError: an input without answer or the other way round, or what is not supported: arguments
            and files for the program.
    """
    requires: dict[str, tuple[str, ...]] = {}
    tests: list[Test] = []
    for folder in _folders(tree, settings, requires):
        for path in _inputs(tree, folder.path):
            tests.append(_test(tree, folder, path, _own_arguments(tree, settings, path, folder.arguments)))
    if not tests:
        raise FormatError("there are no tests in data/sample and data/secret", path=tree.root / "data")
    if all(test.public for test in tests):
        tree.warn(
            LoadError(tree.root / "data", None, "all tests are in data/sample, none in data/secret", harmless=True)
        )
    _check_requires(tree, requires, {test.group for test in tests})
    return Data(tuple(tests), requires, _continues(tree, settings, tests))


def _continues(tree: Tree, settings: Settings, tests: list[Test]) -> tuple[str, ...]:
    """Folders in which judging goes on after a failure.

    In 2025-09 every group of secret tests is judged, each until its first failure ("Result aggregation"). In the legacy
    format ``on_reject`` of testdata.yaml says so of a folder and those in it ("Test data groups"); "break" is the
    default.
    """
    groups = dict.fromkeys(test.group for test in tests)
    if not settings.rules.legacy:
        return ("", SECRET) if any(group.startswith(f"{SECRET}/") for group in groups) else ()
    folders = dict.fromkeys("/".join(group.split("/")[:length]) for group in groups for length in range(9))
    return tuple(folder for folder in folders if _on_reject(tree, settings, folder) == "continue")


def _on_reject(tree: Tree, settings: Settings, folder: str) -> str:
    for place in (folder, *(parent.as_posix() for parent in PurePosixPath(folder).parents)):
        path = tree.root / "data" / place / "testdata.yaml"
        if tree.is_file(path):
            yaml = parse_yaml(tree.text(path, LARGEST), path, _OLDER_READ)
            if "on_reject" in yaml.values:
                with at(yaml, "on_reject"):
                    return text(yaml.values["on_reject"], "on_reject")
    return settings.on_reject


def _folders(tree: Tree, settings: Settings, requires: dict[str, tuple[str, ...]]) -> Iterator[_Folder]:
    root = _configured(tree, settings, _Folder(tree.root / "data", "", ()), requires)
    for top in (SAMPLE, SECRET):
        pending = [_Folder(root.path / top, "", root.arguments)]
        while pending:
            outer = pending.pop()
            folder = _configured(tree, settings, outer, requires)
            yield folder
            inner = [entry for entry in tree.children(folder.path) if tree.is_folder(entry)]
            if unsupported := next((entry for entry in inner if entry.suffix == ".files"), None):
                raise FormatError("files for the program are not supported", path=unsupported)
            pending += [_Folder(entry, folder.group, folder.arguments) for entry in reversed(inner)]


def _configured(tree: Tree, settings: Settings, outer: _Folder, requires: dict[str, tuple[str, ...]]) -> _Folder:
    """A folder, given as within the one around it, with what its own files say."""
    place = outer.path.relative_to(tree.root / "data")
    depth = len(place.parts)
    group = place.as_posix() if depth in (1, 2) or (depth and settings.rules.legacy) else outer.group
    # Each group of 2025-09 states its own arguments; before, they held for the groups within too.
    inherited = () if settings.rules.final and depth < 3 else outer.arguments
    arguments = _older_arguments(tree, settings, outer.path, inherited)
    path = outer.path / "test_group.yaml"
    if not tree.is_file(path):
        return _Folder(outer.path, group, arguments)
    if settings.rules.final and depth not in (1, 2):
        raise FormatError("can stand in data/sample, data/secret and the folders in data/secret only", path=path)
    yaml = parse_yaml(settings.filled(tree.text(path, LARGEST)), path, _GROUP_READ)
    tree.warn(*yaml.warnings)
    with at(yaml, "require_pass"):
        scoring = yaml.values.get("scoring")
        within = scoring.get("require_pass") if isinstance(scoring, dict) else None
        stated = yaml.values.get("require_pass") or within or []
        needed = words([stated] if isinstance(stated, str) else stated, "require_pass")
    if needed and group == place.as_posix():
        requires[group] = needed
    return _Folder(outer.path, group, _arguments(tree, yaml, arguments, settings))


def _own_arguments(tree: Tree, settings: Settings, path: Path, inherited: tuple[str, ...]) -> tuple[str, ...]:
    own = path.with_suffix(".yaml")
    if settings.rules.old or not tree.is_file(own):
        return settings.flags + inherited
    yaml = parse_yaml(tree.text(own, LARGEST), own, _GROUP_READ)
    tree.warn(*yaml.warnings)
    return settings.flags + _arguments(tree, yaml, inherited, settings)


def _arguments(tree: Tree, yaml: Yaml, inherited: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    known = _GROUP_KEYS if settings.rules.final else _GROUP_KEYS | _DRAFT_KEYS
    for key in [str(key) for key in yaml.values if key not in known]:
        if key in _OLDER_READ:  # passed over, it would change what is accepted
            raise yaml.error(key, f"unknown key {key[:40]!r}, of an older format")
        tree.warn(yaml.unread(key))
    for key in ("args", "static_validation_score", "static_validation"):
        if yaml.values.get(key):
            raise yaml.error(key, f"{key} is not supported")
    if "output_validator_args" not in yaml.values:
        return inherited
    with at(yaml, "output_validator_args"):
        return words(yaml.values["output_validator_args"], "output_validator_args")


def _older_arguments(tree: Tree, settings: Settings, folder: Path, inherited: tuple[str, ...]) -> tuple[str, ...]:
    """From testdata.yaml, as it was before test_group.yaml: one text, which stands for the groups within too."""
    path = folder / "testdata.yaml"
    if not tree.is_file(path):
        return inherited
    if settings.rules.final:
        raise FormatError("of an older format: 2025-09 has test_group.yaml, with output_validator_args", path=path)
    yaml = parse_yaml(tree.text(path, LARGEST), path, _OLDER_READ)
    tree.warn(*yaml.warnings)
    for key in ("output_validator_flags", "output_validator_args"):
        if key in yaml.values:
            with at(yaml, key):
                return _flags(yaml.values[key], key)
    return inherited


def _flags(stated: Any, what: str) -> tuple[str, ...]:
    if isinstance(stated, dict):
        stated = stated.get("flags")
    return words(stated if isinstance(stated, list) else text(stated or "", what).split(), what)


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
        input=tree.raw(path),
        answer=tree.raw(path.with_suffix(".ans")),
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
                line = parse_yaml(tree.text(path, LARGEST), path, _GROUP_READ).lines.get("require_pass")
                raise FormatError(f"require_pass names {other[:40]!r}, which has no tests", path=path, line=line)
