"""SWE-bench: rows of our own making over a local git repository, and task folders of its version 5."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.errors import ProblemError
from alphadial.envs.files import File
from alphadial.envs.patches import apply, diff, written
from alphadial.envs.problems import LoadError, Package, load_split
from alphadial.envs.problems.formats import Format, detect, load
from alphadial.envs.problems.formats.git_tree import commit_tree, git_folder
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.repository import ImageSource, Repository, VerifierKind
from alphadial.envs.types import Test

BASE = {
    "src/shop.py": File(b"def total(prices):\n    return 0\n"),
    "tests/test_shop.py": File(b"from shop import total\n\n\ndef test_none():\n    assert total([]) == 0\n"),
    "tests/data.bin": File(bytes(range(256))),
    "run": File(b"#!/bin/sh\n", executable=True),
    "link": File(b"/somewhere/else", link=True),
}
FIXED = {**BASE, "src/shop.py": File(b"def total(prices):\n    return sum(prices)\n")}
TESTED = {
    **BASE,
    "tests/test_shop.py": File(
        BASE["tests/test_shop.py"].data + b"\n\ndef test_some():\n    assert total([1, 2]) == 3\n"
    ),
}
ROW: dict[str, Any] = {
    "instance_id": "owner__shop-7",
    "repo": "owner/shop",
    "problem_statement": "total([1, 2]) is 0.",
    "hints_text": "use sum",
    "created_at": "2024-04-01T10:00:00Z",
    "version": "1.0",
    "patch": diff(BASE, FIXED),
    "test_patch": diff(BASE, TESTED),
    "FAIL_TO_PASS": '["tests/test_shop.py::test_some"]',
    "PASS_TO_PASS": '["tests/test_shop.py::test_none"]',
}


def _git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=x", "-c", "user.email=x@y", "-c", "safe.directory=*"]
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, text=True, capture_output=True, check=True)
    return done.stdout.strip()


def _write(folder: Path, files: Mapping[str, File]) -> None:
    for path, file in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if file.link:
            (folder / path).unlink(missing_ok=True)
            (folder / path).symlink_to(file.data.decode())
        else:
            (folder / path).write_bytes(file.data)
            (folder / path).chmod(0o755 if file.executable else 0o644)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository that has a past, and a future in which the task is solved."""
    folder = tmp_path_factory.mktemp("data")
    repository = folder / "repos/owner/shop"
    repository.mkdir(parents=True)
    _git(repository, "init", "-q")
    for name, tree in (("base", BASE), ("solved", {**FIXED, "CHANGES": File(b"total is right now")})):
        _write(repository, tree)
        _git(repository, "add", "-A")
        _git(repository, "commit", "-qm", name)
        _git(repository, "tag", name)
    return folder


def _rows(data: Path, name: str, *changes: Mapping[str, Any]) -> Path:
    base = _git(data / "repos/owner/shop", "rev-parse", "base")
    rows = [{**ROW, "base_commit": base, **change} for change in changes]
    path = data / f"{name}.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def _repository(package: Package | LoadError) -> Repository:
    assert isinstance(package, Package), str(package)
    assert package.problem.repository is not None
    return package.problem.repository


def test_a_row_over_a_local_repository(data: Path) -> None:
    path = _rows(data, "rows", {})
    assert detect(path) is Format.SWEBENCH
    (package,) = load(path)
    repository = _repository(package)
    assert isinstance(package, Package)
    problem = package.problem
    assert (problem.id, problem.template, problem.statement) == ("owner__shop-7", "owner/shop", "total([1, 2]) is 0.")
    assert problem.tests == (
        Test(1, "", "", name="tests/test_shop.py::test_some"),
        Test(2, "", "", name="tests/test_shop.py::test_none"),
    )
    assert problem.features == {"date": 19814.0}
    assert repository.tree == BASE
    assert repository.verifier.kind is VerifierKind.PROJECT_TESTS
    assert repository.workdir == "/testbed"
    assert repository.image == ImageSource("swebench/sweb.eval.x86_64.owner_1776_shop-7:latest")
    assert repository.tree is not None
    assert written(repository.verifier.patch, repository.tree) == {"tests/test_shop.py": TESTED["tests/test_shop.py"]}
    (gold,) = package.solutions
    assert apply(gold.submission.source, repository.tree) == FIXED


def test_the_future_is_not_in_it(data: Path) -> None:
    tree = _repository(next(iter(load(_rows(data, "future", {}))))).tree
    assert tree is not None
    assert not any(path.startswith(".git") or path == "CHANGES" for path in tree)
    assert not any(b"sum(prices)" in file.data for file in tree.values())


def test_images_by_name_and_by_dockerfile(data: Path) -> None:
    named, built = load(_rows(data, "images", {"image": "mine:1", "workdir": "/code"}, {"dockerfile": "FROM mine\n"}))
    assert (_repository(named).image, _repository(named).workdir) == (ImageSource("mine:1"), "/code")
    assert _repository(built).image == ImageSource(context={"Dockerfile": File(b"FROM mine\n")})


def test_without_a_repository_the_image_holds_the_code(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{**ROW, "base_commit": "a" * 40, "FAIL_TO_PASS": ["tests/t.py::test_a[x - y]"]}]))
    (package,) = load(path)
    assert _repository(package).tree is None


@pytest.mark.thorough
def test_rows_of_parquet(data: Path, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'alphadial[parquet]'")
    tables = pytest.importorskip("pyarrow.parquet")
    row = json.loads(_rows(data, "lines", {"FAIL_TO_PASS": ["tests/test_shop.py::test_some"]}).read_text())
    tables.write_table(arrow.table({key: [value] for key, value in row.items()}), data / "table.parquet")
    (data / "table.jsonl").write_text(json.dumps(row))
    assert detect(data / "table.parquet") is Format.SWEBENCH
    assert load_split(data / "table.parquet").hash == load_split(data / "table.jsonl").hash


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "commit": ({"base_commit": "f" * 40}, "base_commit ffffffffffff cannot be read"),
    "option": ({"base_commit": "--output=/tmp/x"}, "no full name of a commit"),
    "branch": ({"base_commit": "master"}, "no full name of a commit"),
    "tests of others": ({"FAIL_TO_PASS": ["test_some (shop.tests.Shop)"]}, "no test of pytest"),
    "tests outside": ({"FAIL_TO_PASS": ["../tests/a.py::test"]}, "no test of pytest"),
    "no tests": ({"FAIL_TO_PASS": "[]"}, "FAIL_TO_PASS is empty"),
    "tests missing": ({"FAIL_TO_PASS": None}, "field 'FAIL_TO_PASS' is missing"),
    "tests are no list": ({"PASS_TO_PASS": "tests/a.py::test"}, "is not JSON"),
    "twice": ({"PASS_TO_PASS": ["tests/test_shop.py::test_some"]}, "twice"),
    "workdir": ({"workdir": "code"}, "workdir must be an absolute path"),
    "statement": ({"problem_statement": " "}, "without a statement"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_that_cannot_be_is_refused_and_the_next_is_read(data: Path, name: str) -> None:
    change, why = REFUSED[name]
    fault, good = load(_rows(data, "refused", change, {}))
    assert isinstance(fault, LoadError)
    assert why in str(fault)
    assert isinstance(good, Package)


def test_the_hash_covers_the_commit_and_the_tests(data: Path) -> None:
    solved = _git(data / "repos/owner/shop", "rev-parse", "solved")
    hashes = [
        load_split(_rows(data, "hash", change)).hash
        for change in ({}, {"hints_text": ""}, {"base_commit": solved}, {"test_patch": ""}, {"image": "x"})
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4


def test_a_repository_runs_nothing_when_it_is_read(data: Path, tmp_path: Path) -> None:
    """Its configuration names programs for everything that git can be made to run."""
    touched = tmp_path / "touched"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {touched}\n")
    program.chmod(0o755)
    folder = tmp_path / "repos/shop"
    folder.parent.mkdir()
    _git(tmp_path, "clone", "-q", "--bare", "--no-local", str(data / "repos/owner/shop"), str(folder))
    base = _git(folder, "rev-parse", "base")
    blob = _git(folder, "rev-parse", "base:src/shop.py")
    for name, value in {
        "core.fsmonitor": str(program),
        "core.sshCommand": str(program),
        "core.pager": str(program),
        "core.hooksPath": str(tmp_path),
        "filter.x.smudge": str(program),
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{program}",
        "protocol.ext.allow": "always",
    }.items():
        _git(folder, "config", name, value)
    found = git_folder(tmp_path, "owner/shop")
    assert found == folder
    assert commit_tree(folder, base) == BASE
    assert not touched.exists()
    _lose(folder, blob)
    with pytest.raises(ProblemError, match="is missing there: clone it whole"):
        len(commit_tree(folder, base))
    assert not touched.exists()


def _lose(folder: Path, blob: str) -> None:
    """Takes an object away, as a partial clone leaves it out, and forgets the trees that were read."""
    from alphadial.envs.problems.formats import git_tree

    packs = sorted((folder / "objects/pack").glob("*.pack"))
    data = [pack.read_bytes() for pack in packs]
    for file in (folder / "objects/pack").iterdir():
        file.chmod(0o644)
        file.unlink()
    for pack in data:
        subprocess.run(["git", "unpack-objects", "-q"], cwd=folder, input=pack, check=True)
    (folder / "objects" / blob[:2] / blob[2:]).unlink()
    git_tree._files.cache_clear()


def test_a_repository_that_lies_elsewhere_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "repos").mkdir()
    (tmp_path / "repos/shop").symlink_to(data / "repos/owner/shop")
    with pytest.raises(FormatError, match="leads elsewhere"):
        git_folder(tmp_path, "owner/shop")
    shutil.copytree(data / "repos/owner/shop/.git", tmp_path / "repos/mine/.git")
    (tmp_path / "repos/mine/.git/objects/info/alternates").write_text("/somewhere/else/objects\n")
    with pytest.raises(FormatError, match="takes objects of another repository"):
        git_folder(tmp_path, "mine")
    assert git_folder(tmp_path, "../shop") is None
    assert git_folder(tmp_path, "owner/other") is None


def _task(folder: Path, **changes: str) -> None:
    files = {
        "task.yaml": f"instance_id: {folder.name}\nrepo: owner/shop\nbase_commit: {'a' * 40}\nsplit: test\n",
        "tests.json": json.dumps({"FAIL_TO_PASS": ["tests/t.py::a"], "PASS_TO_PASS": []}),
        "problem_statement.md": "an issue",
        "gold.patch": ROW["patch"],
        "test.patch": ROW["test_patch"],
        "eval.sh": "exit 0",
        "Dockerfile": "FROM x\n",
        **changes,
    }
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(content)


def test_task_folders(tmp_path: Path) -> None:
    (tmp_path / "sweb.yaml").write_text("datasets: [x/y]\nsplits: [test]\n")
    tasks = tmp_path / "tasks"
    _task(tasks / "owner__shop-1")
    (tasks / "owner__shop-1/assets/tests").mkdir(parents=True)
    (tasks / "owner__shop-1/assets/tests/expected.png").write_bytes(b"\0")
    _task(tasks / "owner__shop-2", **{"tests.json": "{"})
    _task(tasks / "owner__shop-3", **{"task.yaml": "repo: owner/shop\nbase_commit: aaaaaaa\nsplit: deprecated\n"})
    _task(tasks / "owner__shop-4", **{"task.yaml": "repo: [\n"})
    (tasks / "empty").mkdir()
    (tasks / "linked").symlink_to(tasks / "owner__shop-1")
    assert detect(tmp_path) is Format.SWEBENCH_FOLDER
    empty, linked, first, broken, deprecated, no_yaml = load(tmp_path)
    assert "a link in place of a folder" in str(linked)
    repository = _repository(first)
    assert repository.image == ImageSource(context={"Dockerfile": File(b"FROM x\n")})
    assert repository.verifier.files == {"tests/expected.png": File(b"\0")}
    assert repository.verifier.patch == ROW["test_patch"]
    assert isinstance(first, Package)
    assert first.split == "test"
    assert isinstance(deprecated, LoadError)
    assert deprecated.harmless
    faults = [str(fault) for fault in (empty, broken, no_yaml)]
    assert ["cannot be read" in faults[0], "tests.json is not JSON" in faults[1], "not YAML" in faults[2]] == [True] * 3
