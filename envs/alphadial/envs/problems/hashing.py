"""What binds results to problems."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from alphadial.envs.files import File
from alphadial.envs.problems.formats.git_tree import GitTree
from alphadial.envs.problems.formats.packages import Package
from alphadial.envs.repository import ImageSource, Repository
from alphadial.envs.types import Problem, Test

_CHECKER = {"rule": "kattis"}
_PROBLEM = {
    "interface": "call",
    "checker": {"float_absolute": None, "float_relative": None, "case_sensitive": False, "space_sensitive": False},
    "validator": None,
    "time_limit_s": None,
    "files": {},
    "requires": {},
    "continues": (),
    "starter": {},
    "input_rules": "",
    "output_rules": "",
    "languages": (),
    "repository": None,
    "features": {},
}
_TEST = {"name": "", "group": "", "checker": None, "arguments": None, "check": ""}
"""Fields that do not count at these values: results were bound to hashes before problems had them."""
_TEST_FIELDS = tuple(field.name for field in fields(Test))


def problems_hash(problems: Sequence[Problem]) -> str:
    """sha256 over all that a verdict can depend on, tests and limits included, features not."""
    digest = hashlib.sha256()
    for problem in problems:
        values = _used(_plain(asdict(replace(problem, features={}, repository=None, tests=()))), _PROBLEM)
        if problem.repository is not None:
            values["repository"] = _repository(problem.repository)
        values["tests"] = [_test(test) for test in problem.tests]
        digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()


def _test(test: Test) -> dict[str, Any]:
    """A test as plain values; ``asdict`` copies deeply, and most of a set are tests."""
    values = {name: getattr(test, name) for name in _TEST_FIELDS}
    return _used(_plain(values | {"checker": test.checker and asdict(test.checker)}), _TEST)


def packages_hash(packages: Sequence[Package]) -> str:
    """The hash of problems as they were read: their tests may still have to be made, and their limits to be found.

    It covers what both are made of: the generator, and the programs that come with a problem without a time limit. It
    equals ``problems_hash`` where there are none of these.
    """
    read = problems_hash([package.problem for package in packages])
    sources = [
        [package.problem.id, package.generator and package.generator.files, asdict(package.time_rule), *programs]
        for package in packages
        if (programs := _deciding_programs(package)) or package.generator
    ]
    if not sources:
        return read
    return hashlib.sha256(json.dumps([read, sources], sort_keys=True).encode()).hexdigest()


def _repository(repository: Repository) -> dict[str, Any]:
    """A code base as plain values, every tree of files by its digest."""
    verifier, performance = repository.verifier, repository.performance
    values = asdict(
        replace(
            repository,
            image=ImageSource(),
            tree=None,
            solution={},  # no verdict depends on it
            verifier=replace(verifier, files={}, image=None),
            performance=performance and replace(performance, files={}),
        )
    )
    del values["solution"]
    values["image"] = _image(repository.image)
    values["tree"] = repository.tree is not None and tree_digest(repository.tree)
    values["verifier"] |= {"files": tree_digest(verifier.files), "image": verifier.image and _image(verifier.image)}
    if performance is not None:
        values["performance"]["files"] = tree_digest(performance.files)
    return values


def _image(source: ImageSource) -> list[str]:
    return [source.name, tree_digest(source.context)]


def tree_digest(files: Mapping[str, File]) -> str:
    """sha256 over the paths, kinds and contents of a tree; of one in a git repository its name there."""
    if isinstance(files, GitTree):
        return files.digest
    digest = hashlib.sha256()
    for path, file in sorted(files.items()):
        digest.update(json.dumps([path, file.link, file.executable, file.sha256]).encode())
    return digest.hexdigest()


def _deciding_programs(package: Package) -> list[dict[str, Any]]:
    return [] if package.problem.time_limit_s is not None else [asdict(each) for each in package.solutions]


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    checker = values["checker"]
    return values if checker is None else values | {"checker": _used(checker, _CHECKER)}


def _used(values: dict[str, Any], unused: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in unused or value != unused[name]}
