"""SWE-bench: rows, and the task folders of its version 5. docs/repository_tasks.md describes both.

The code base is the tree of ``base_commit`` in a local git repository beside the rows, or what the image holds. Level 1
is FAIL_TO_PASS, level 2 PASS_TO_PASS. Only tests that pytest knows can be graded here: a task with others is refused,
since its own script would tell what happened by what the candidate prints.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from alphadial.envs.files import File
from alphadial.envs.problems.formats.features import known_features
from alphadial.envs.problems.formats.fields import Row, mapping, number, parse, required, sequence, text, text_of
from alphadial.envs.problems.formats.file_trees import read_regular, read_tree
from alphadial.envs.problems.formats.git_tree import commit_tree, git_folder
from alphadial.envs.problems.formats.lines import describe
from alphadial.envs.problems.formats.packages import FormatError, LoadError, Package
from alphadial.envs.problems.formats.repository_problems import gold_solutions, repository_problem
from alphadial.envs.problems.formats.rows import checked
from alphadial.envs.problems.formats.tree import kind_of
from alphadial.envs.problems.formats.yaml_file import LARGEST, parse_yaml
from alphadial.envs.raw import as_text
from alphadial.envs.repository import ImageSource, Repository, Verifier, VerifierKind
from alphadial.envs.types import MIB, Test

KEYS = frozenset({"instance_id", "repo", "base_commit", "problem_statement"})
SET, TASK = "sweb.yaml", "task.yaml"
WORKDIR = "/testbed"
TIMEOUT_S = 1800.0
"""CPU seconds that the tests of a task may take where its row states no limit: as many as in the benchmark's runner."""
_LARGEST = 64 * MIB
"""The largest patch or list of tests that is read, in bytes."""
_IMAGES = ("image", "image_name", "docker_image")
_FILES = {"patch": "gold.patch", "test_patch": "test.patch", "problem_statement": "problem_statement.md"}
_ASSETS = ("assets", "test_assets")
_NODE = re.compile(r"[^:\\\0\n]+\.py(::[^\0\n]+)?")


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The task in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be.
    """
    return _package(row, path, path.parent, {})


def is_set(folder: Path) -> bool:
    """Whether a folder holds the tasks of a data set of SWE-bench 5."""
    return kind_of(folder / SET) is not None


def load(folder: Path) -> Iterator[Package | LoadError]:
    """Every task of a data set, and a fault for each that cannot be read."""
    try:
        splits = _splits(folder)
        if (folder / "tasks").is_symlink():
            raise FormatError("a link in place of a folder: put what it leads to there", path=folder / "tasks")
        tasks = sorted((folder / "tasks").iterdir())
    except FormatError as error:
        yield error.fault(folder / SET)
        return
    except OSError as error:
        yield LoadError(folder / "tasks", None, f"cannot be listed: {describe(error)}")
        return
    for task in tasks:
        if kind_of(task) != stat.S_IFDIR or task.name.startswith("."):
            continue
        try:
            if task.is_symlink():
                raise FormatError("a link in place of a folder: put what it leads to there", path=task)
            yield _task(task, splits)
        except FormatError as error:
            yield error.fault(task / TASK)
        except Exception as error:  # what nobody foresaw in a task is a fault of it, and the others are still read
            yield LoadError(task, None, f"cannot be read: {type(error).__name__}: {describe(error)}")


def _splits(folder: Path) -> list[str]:
    """The names of the splits that the data set publishes."""
    path = folder / SET
    values = parse_yaml(_read(path, LARGEST), path).values
    return [text(name, "each of splits") for name in sequence(values.get("splits") or [], "splits")]


def _task(folder: Path, splits: list[str]) -> Package | LoadError:
    """One task's folder."""
    path = folder / TASK
    row = dict(parse_yaml(_read(path, LARGEST), path).values)
    split = text_of(row, "split", "")
    if splits and split and split not in splits:
        return LoadError(folder, None, f"of split {split[:40]!r}, which the data set does not publish", harmless=True)
    for field, name in _FILES.items():
        row.setdefault(field, _read(folder / name) if kind_of(folder / name) is not None else "")
    if kind_of(folder / "tests.json") is not None:
        row |= mapping(parse(_read(folder / "tests.json"), "tests.json"), "tests.json")
    if kind_of(folder / "Dockerfile") is not None:
        row.setdefault("dockerfile", _read(folder / "Dockerfile"))
    row.setdefault("instance_id", folder.name)
    assets = {path: file for name in _ASSETS for path, file in read_tree(folder / name).items()}
    return _package(row, folder, folder.parent.parent, assets, split)


def _read(path: Path, largest: int = _LARGEST) -> str:
    return as_text(read_regular(path, largest))


def _package(row: Row, source: Path, beside: Path, assets: Mapping[str, File], split: str = "") -> Package:
    repo = text_of(row, "repo")
    folder = git_folder(beside, repo)
    timeout_s = number(row.get("timeout_s") or TIMEOUT_S, "field 'timeout_s'", most=86_400)
    repository = Repository(
        image=_image(row),
        verifier=Verifier(
            VerifierKind.PROJECT_TESTS, assets, patch=text_of(row, "test_patch", ""), timeout_s=timeout_s
        ),
        workdir=_workdir(row),
        tree=None if folder is None else commit_tree(folder, text_of(row, "base_commit")),
        gold=text_of(row, "patch", ""),
    )
    problem = repository_problem(
        text_of(row, "instance_id"),
        text_of(row, "problem_statement"),
        repository,
        _tests(row),
        template=repo,
        features=known_features(difficulty=row.get("difficulty"), date=row.get("created_at")),
    )
    return Package(problem, gold_solutions(repository), source=source, split=split)


def _tests(row: Row) -> list[Test]:
    named = [_names(row, field) for field in ("FAIL_TO_PASS", "PASS_TO_PASS")]
    if not named[0]:
        raise FormatError("FAIL_TO_PASS is empty: nothing could tell a right patch from none")
    both = [node for names in named for node in names]
    if len(set(both)) < len(both):
        raise FormatError("a test is in FAIL_TO_PASS or PASS_TO_PASS twice")
    return [Test(level, "", "", name=node) for level, names in enumerate(named, 1) for node in names]


def _names(row: Row, field: str) -> list[str]:
    stated: Any = required(row, field)
    if isinstance(stated, str):
        stated = parse(stated, f"field {field!r}")
    names = [text(name, f"each of {field}") for name in sequence(stated, f"field {field!r}")]
    for name in names:
        if not _NODE.fullmatch(name) or name.startswith("/") or ".." in name.partition("::")[0].split("/"):
            raise FormatError(f"{field}: {name[:100]!r} is no test of pytest, such as 'tests/test_core.py::test_order'")
    return names


def _image(row: Row) -> ImageSource:
    """The image that the row names, or that its Dockerfile builds, or else the one that the benchmark publishes."""
    for field in _IMAGES:
        if name := text_of(row, field, ""):
            return ImageSource(name)
    if dockerfile := text_of(row, "dockerfile", ""):
        return ImageSource(context={"Dockerfile": File(dockerfile.encode("utf-8", "surrogateescape"))})
    published = text_of(row, "instance_id").lower().replace("__", "_1776_")
    return ImageSource(f"swebench/sweb.eval.x86_64.{published}:latest")


def _workdir(row: Row) -> str:
    path = PurePosixPath(text_of(row, "workdir", WORKDIR))
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise FormatError(f"workdir must be an absolute path of a folder, not {str(path)[:100]!r}")
    return str(path)
