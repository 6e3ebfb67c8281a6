"""The five shipped repository tasks are problems whose levels tell patches apart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alphadial.envs.files import File
from alphadial.envs.judging import Judge
from alphadial.envs.patches import apply, diff
from alphadial.envs.problems import load_split
from alphadial.envs.problems.repositories import FOLDER
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.types import FailureKind, Problem

from .repository_cheats import CHEATS

PATCHES = Path(__file__).parent / "repositories"
PROBLEMS = {problem.id: problem for problem in load_split("repositories", "test").problems}
LEVELS = {
    "empty": (0, FailureKind.CORRECTNESS),
    "partial": (1, FailureKind.CORRECTNESS),
    "slow": (2, FailureKind.OPTIMISATION),
    "gold": (3, None),
}


def candidate(problem: Problem, name: str) -> str:
    assert problem.repository is not None
    if name in ("empty", "gold"):
        return problem.repository.gold if name == "gold" else ""
    return (PATCHES / problem.id / f"{name}.patch").read_text("utf-8")


@pytest.fixture(
    scope="module",
    params=[pytest.param("rootfs", marks=pytest.mark.slow), pytest.param("docker", marks=pytest.mark.docker)],
)
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    with (
        open_sandbox() as sandbox,
        open_boxes(request.param) as boxes,
        Judge(sandbox, workers=1, boxes=boxes) as opened,
    ):
        yield opened


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_every_task_has_three_levels_and_nothing_hidden_in_its_tree(problem: Problem) -> None:
    repository = problem.repository
    assert repository is not None
    assert repository.tree is not None
    assert {test.level for test in problem.tests} == {1, 2, 3}
    for level in (1, 2):
        assert any(test.input and test.level == level for test in problem.tests), "values compared outside"
        assert any(not test.input and test.level == level for test in problem.tests)
    assert any(test.public for test in problem.tests)
    assert not any(test.public and test.level == 1 for test in problem.tests)
    assert not repository.verifier.files.keys() & repository.tree.keys()
    assert all(path.startswith(("src/", "README.md")) for path in changed(problem, candidate(problem, "gold")))
    assert len([path for path in repository.tree if path.startswith("src/")]) >= 5


def changed(problem: Problem, patch: str) -> set[str]:
    assert problem.repository is not None
    tree = problem.repository.tree or {}
    return {path for path, file in apply(patch, tree).items() if tree.get(path) != file}


def test_there_is_a_task_of_each_kind() -> None:
    kinds = sorted(str(problem.features["category"]) for problem in PROBLEMS.values())
    assert kinds == ["bug fix", "bug fix", "feature", "performance", "refactoring"]
    assert {folder.name for folder in FOLDER.iterdir()} == PROBLEMS.keys()


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_patches_reach_their_level(judge: Judge, problem: Problem, name: str) -> None:
    found = judge.judge(problem, candidate(problem, name))
    assert (found.level_reached, found.failure_kind, found.error) == (*LEVELS[name], "")


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_levels_hold_beside_busy_loops(judge: Judge) -> None:
    problem = PROBLEMS["share-tariffs"]
    with busy_loops(2):
        for _ in range(3):
            for name in ("slow", "gold"):
                found = judge.judge(problem, candidate(problem, name))
                assert (found.level_reached, found.failure_kind, found.error) == (*LEVELS[name], "")


def cheat(name: str) -> str:
    repository = PROBLEMS["fix-busy-times"].repository
    assert repository is not None
    tree = dict(repository.tree or {})
    return diff(tree, {**tree, **{path: File(text.encode()) for path, text in CHEATS[name].items()}})


@pytest.mark.parametrize("name", CHEATS)
def test_nobody_passes_without_mending_anything(judge: Judge, name: str) -> None:
    found = judge.judge(PROBLEMS["fix-busy-times"], cheat(name))
    assert (found.level_reached, found.failure_kind, found.error) == (0, FailureKind.CORRECTNESS, "")
