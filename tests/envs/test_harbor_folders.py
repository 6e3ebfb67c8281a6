"""Five task folders written after the pages of Harbor's format: they load, or are refused with a reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alphadial.envs import validate_tasks
from alphadial.envs.errors import ProblemError
from alphadial.envs.files import File
from alphadial.envs.judging import Judge
from alphadial.envs.judging.repositories.oracle import oracle_patch
from alphadial.envs.judging.repositories.task_findings import Finding
from alphadial.envs.patches import apply, diff
from alphadial.envs.problems import load_split
from alphadial.envs.repository import REWARD, ImageSource, Repository, VerifierKind
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import Boxes, open_boxes
from alphadial.envs.types import Problem, Submission, Verdict

TASKS = Path(__file__).parent / "harbor_folders"
SPLIT = load_split(TASKS)


def _found(name: str) -> tuple[Problem, Repository]:
    problem = next(problem for problem in SPLIT.problems if problem.id == name)
    assert problem.repository is not None
    return problem, problem.repository


def test_two_load_and_three_are_refused_with_the_reason() -> None:
    assert [problem.id for problem in SPLIT.problems] == ["artifacts", "separate-verifier"]
    refused = {fault.path.relative_to(TASKS).parts[0]: fault for fault in SPLIT.faults if not fault.harmless}
    assert {name: (fault.path.name, fault.message) for name, fault in refused.items()} == {
        "compose": ("docker-compose.yaml", "side services (greeter) are not supported: a box is one machine"),
        "multi-step": ("task.toml", "tasks of several steps are not supported: it has 2"),
        "no-dockerfile": (
            "task.toml",
            "it has no image: neither environment/Dockerfile nor [environment] docker_image is there",
        ),
    }
    assert [str(fault.path.relative_to(TASKS)) for fault in SPLIT.faults if fault.harmless] == ["artifacts/task.toml"]


def test_a_separate_verifier_with_an_image_of_its_own() -> None:
    problem, repository = _found("separate-verifier")
    verifier = repository.verifier
    assert verifier.kind is VerifierKind.SCRIPT
    assert verifier.image is not None
    assert sorted(verifier.image.context) == ["Dockerfile", "test.sh"]
    assert verifier.collect == ("cp /app/words.py /logs/artifacts/words.py",)
    assert verifier.env == {"EXPECTED": "3"}
    assert (repository.image, repository.workdir) == (ImageSource("alphadial/repository"), "/app")
    assert problem.features == {"difficulty": "easy", "tags": "text"}


def test_artifacts_are_carried_to_the_verifier() -> None:
    _, repository = _found("artifacts")
    assert repository.verifier.artifacts == ("/logs/artifacts", "/app/report", "/app/data/summary.txt")
    assert repository.verifier.image is None


@pytest.fixture(scope="module")
def boxes() -> Iterator[Boxes]:
    with open_boxes() as opened:
        yield opened


@pytest.fixture(scope="module")
def judge(boxes: Boxes) -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox, boxes=boxes) as opened:
        yield opened


def test_the_script_that_solves_a_task_gives_its_patch(boxes: Boxes) -> None:
    problem, repository = _found("artifacts")
    here = replace(repository, image=ImageSource("repository"), tree={"kept": File(b"")})
    problem = replace(problem, repository=here)
    patch = oracle_patch(boxes, problem)
    assert apply(patch, {"kept": File(b"")}) == {
        "kept": File(b""),
        "report/state.txt": File(b"done\n"),
        "data/summary.txt": File(b"1\n"),
    }
    fails = replace(here, solution={"solve.sh": File(b"echo cannot >&2; exit 3")})
    with pytest.raises(ProblemError, match=r"solve\.sh fails: cannot"):
        oracle_patch(boxes, replace(problem, repository=fails))
    with pytest.raises(ProblemError, match="no gold patch, and no script"):
        oracle_patch(boxes, replace(problem, repository=replace(here, solution={})))
    assert oracle_patch(boxes, replace(problem, repository=replace(here, gold="x"))) == "x"


@pytest.mark.slow
def test_its_script_judges_what_a_patch_makes(judge: Judge) -> None:
    problem, repository = _found("artifacts")
    here = replace(repository, image=ImageSource("repository"), tree={})  # /app is empty in the image, or not there
    problem = replace(problem, repository=here)
    right = {"report/state.txt": File(b"done\n"), "data/summary.txt": File(b"1\n")}
    for files, verdict in ((right, Verdict.AC), ({"report/state.txt": File(b"done\n")}, Verdict.WA), ({}, Verdict.WA)):
        report = judge.judge(problem, Submission.patch(diff({}, files)))
        assert (report.verdict, report.error) == (verdict, "")


@pytest.mark.slow
def test_a_task_whose_script_solves_it_is_validated(tmp_path: Path) -> None:
    shutil.copytree(TASKS / "artifacts", tmp_path / "set/artifacts")
    (tmp_path / "set/artifacts/environment/repository").mkdir(parents=True)
    (tmp_path / "set/artifacts/environment/repository/kept").write_text("")
    toml = tmp_path / "set/artifacts/task.toml"
    toml.write_text(toml.read_text().replace("alphadial/repository", "repository"))
    (task,) = validate_tasks(tmp_path / "set", tmp_path / "out", runs=2).tasks
    assert task.faults == ()
    assert [(test.name, test.finding) for test in task.tests] == [(REWARD, Finding.FAILS_BEFORE)]
    (tmp_path / "set/artifacts/solution/solve.sh").write_text("exit 4\n")
    (task,) = validate_tasks(tmp_path / "set", tmp_path / "out", runs=2).tasks
    assert task.faults == ("problem artifacts: solve.sh fails: it says nothing",)
