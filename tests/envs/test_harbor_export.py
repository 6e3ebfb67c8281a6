"""Code bases as Harbor task folders: read back they are what they were, and their grader needs nothing but Python."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from alphadial.envs import export_tasks
from alphadial.envs.errors import ProblemError, StoreError
from alphadial.envs.files import File
from alphadial.envs.harbor.exporting import task_folder
from alphadial.envs.harbor.grader_archive import grader_archive
from alphadial.envs.harbor.grading_here import plan_of, problem_of
from alphadial.envs.patches import diff
from alphadial.envs.problems import load_split
from alphadial.envs.repository import REWARD, ImageSource, Performance, Repository, Verifier, VerifierKind
from alphadial.envs.types import Interface, Limits, Problem, Test

TREE = {
    "src/shop.py": File(b"def total():\n    return 0\n"),
    "src/tool": File(b"#!/bin/sh\n", executable=True),
    "link": File(b"src/shop.py", link=True),
    ".gitignore": File(b"*.log\n"),
}
FIXED = {**TREE, "src/shop.py": File(b"def total():\n    return 1\n")}
REPOSITORY = Repository(
    ImageSource("repository"),
    Verifier(files={"tests/test_shop.py": File(b"def test_total(): pass\n")}, timeout_s=60.0, env={"LEVEL": "x"}),
    tree=TREE,
    gold=diff(TREE, FIXED),
    editable=("src/*",),
    import_from=("src",),
    performance=Performance(("python3", "/grade/bench.py"), {"bench.py": File(b"print(1)\n")}, 3.0, 5),
    env={"COLOUR": 'blau "1" \\ ${HOME:-x}'[:12]},
)
SHOP = Problem(
    "shop",
    statement='total() of "shop" ist größer 😀\tals 0.\n\n    total()\n',
    tests=(
        Test(1, "", "", name="tests/test_shop.py::test_total"),
        Test(1, '["shop:total", []]', '{"a": [1, null]}', name="call 1: shop:total"),
        Test(2, "", "", name='tests/test_shop.py::test_other[x-"y"]'),
        Test(3, "", "", name="performance"),
    ),
    limits=Limits(60.0, 130.0, 1024 * 2**20, 16 * 2**20, 512 * 2**20, 256),
    coverages={"low": 1, "mid": 2, "high": 3},
    interface=Interface.REPOSITORY,
    time_limit_s=60.0,
    repository=REPOSITORY,
    features={"difficulty": "easy", "tags": "a,b"},
)


@pytest.mark.parametrize("source", ["shop", "shipped"])
def test_an_exported_task_is_the_problem_that_it_was(source: str, tmp_path: Path) -> None:
    problems = (SHOP,) if source == "shop" else load_split("repositories").problems
    done = export_tasks(problems, tmp_path / "out")
    assert not done.refused
    back = {problem.id: problem for problem in load_split(tmp_path / "out").problems}
    assert len(back) == len(problems)
    for problem in problems:
        found = back[problem.id.rpartition("/")[2]]
        own = problem.template == problem.id
        assert replace(found, id=problem.id, template=problem.id if own else found.template) == problem
        assert len(load_split(tmp_path / "out" / found.id).packages[0].solutions) == 1


def test_what_is_hidden_lies_below_tests_and_solution_alone(tmp_path: Path) -> None:
    files = task_folder(SHOP, "shop")
    for path, file in files.items():
        if path.startswith("environment/") or path == "instruction.md":
            assert b"test_total" not in file.data
            assert b"return 1" not in file.data
    toml = tomllib.loads(files["task.toml"].data.decode())
    assert toml["verifier"]["environment_mode"] == "separate"
    assert toml["verifier"]["collect"][0]["command"].startswith("tar -C /app -cf /logs/artifacts/workspace.tar")
    assert toml["artifacts"] == ["/logs/artifacts/workspace.tar"]
    compose = files["environment/docker-compose.yaml"].data.decode()
    assert "init: true" in compose
    assert "network_mode: none" in compose
    assert files["tests/test.sh"].executable
    dockerfile = files["environment/Dockerfile"].data.decode()
    assert "FROM ${BASE}" in dockerfile
    assert "rm -rf .git" in dockerfile


def test_the_grader_reads_its_plan_again(tmp_path: Path) -> None:
    (folder,) = export_tasks((SHOP,), tmp_path).folders
    found = problem_of(json.loads((folder / "tests/plan.json").read_text("utf-8")), folder / "tests")
    assert found.tests == SHOP.tests
    assert found.limits == SHOP.limits
    assert found.repository == replace(REPOSITORY, image=ImageSource("here"), tree=None)
    assert plan_of(found) == plan_of(SHOP)


def test_the_grader_needs_nothing_but_python(tmp_path: Path) -> None:
    """In an interpreter without any package: what grades must import nothing that a container may lack."""
    (tmp_path / "grader.zip").write_bytes(grader_archive())
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'grader.zip')!r})\n"
        "import alphadial.envs.harbor.grading_here\n"
        "from alphadial.envs.judging.repositories.box_report import guest_files\n"
        "print(len(guest_files()), alphadial.envs.harbor.grading_here.__file__)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "6"
    assert "grader.zip" in done.stdout


def test_writing_again_replaces_tasks_and_nothing_else(tmp_path: Path) -> None:
    (folder,) = export_tasks((SHOP,), tmp_path).folders
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "stray").write_text("old")
    export_tasks((SHOP,), tmp_path)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (folder / "task.toml").unlink()
    with pytest.raises(StoreError, match="is no task folder"):
        export_tasks((SHOP,), tmp_path)
    assert (folder / "instruction.md").exists()


def test_what_cannot_be_exported_is_named(tmp_path: Path) -> None:
    shared = replace(REPOSITORY, verifier=Verifier(VerifierKind.SHARED_SCRIPT), performance=None)
    patched = replace(REPOSITORY, tree=None, verifier=Verifier(patch="x"))
    problems = (
        SHOP,
        replace(SHOP, id="call", repository=None, interface=Interface.CALL),
        replace(SHOP, id="shared", repository=shared),
        replace(SHOP, id="patched", repository=patched),
        replace(SHOP, id="own", coverages={"half": 1}),
    )
    done = export_tasks(problems, tmp_path)
    assert [folder.name for folder in done.folders] == ["shop"]
    assert {name: reason.partition(" has ")[2] or reason for name, reason in done.refused.items()} == {
        "call": "problem call is no code base",
        "shared": "a verifier that looks at a candidate from within its own box",
        "patched": "its code base in an image, to which its tests come as a patch",
        "own": "coverages of its own, which a task folder cannot state",
    }
    with pytest.raises(ProblemError, match="no task that can be exported: problem call"):
        export_tasks(problems[1:2], tmp_path)


def test_scripts_and_their_images_are_exported_as_they_are(tmp_path: Path) -> None:
    files = {"test.sh": File(b"echo 1\n"), "Dockerfile": File(b"FROM x\n")}
    verifier = Verifier(
        VerifierKind.SCRIPT,
        files,
        command=("bash", "/tests/test.sh"),
        timeout_s=60.0,
        image=ImageSource(context=files),
        artifacts=("/logs/artifacts", "/app/out"),
        collect=("git diff > /logs/artifacts/p",),
    )
    repository = Repository(ImageSource("others/image:3"), verifier, workdir="/srv")
    problem = replace(
        SHOP, repository=repository, tests=(Test(1, "", "", name=REWARD),), coverages={"low": 1, "mid": 1, "high": 1}
    )
    export_tasks((problem,), tmp_path)
    (found,) = load_split(tmp_path).problems
    assert found == problem


def test_tests_that_come_as_a_patch_are_exported_as_files(tmp_path: Path) -> None:
    test = File(b"def test_total(): pass\n")
    verifier = Verifier(
        VerifierKind.PROJECT_TESTS, patch=diff(TREE, {**TREE, "tests/test_shop.py": test}), timeout_s=60.0
    )
    problem = replace(SHOP, repository=replace(REPOSITORY, verifier=verifier))
    export_tasks((problem,), tmp_path)
    (found,) = load_split(tmp_path).problems
    assert found.repository is not None
    assert found.repository.verifier == replace(verifier, patch="", files={"tests/test_shop.py": test})


def test_folders_are_called_as_their_problems(tmp_path: Path) -> None:
    names = ("a/b/c", "django__django-1.2", "x#2", "a/..", "ü b", "dev/c", "c")
    done = export_tasks([replace(SHOP, id=name, template="t") for name in names], tmp_path)
    assert [folder.name for folder in done.folders] == [
        *("c", "django__django-1.2", "x-2", "task-", "task-b", "dev-c", "c-2")
    ]
    assert len(load_split(tmp_path).problems) == len(names)
