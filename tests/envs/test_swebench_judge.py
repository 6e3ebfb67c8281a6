"""SWE-bench rows are judged in real boxes, from the local git repository to what the benchmark would say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.judging.repositories.resolution import Resolution, resolution
from alphadial.envs.patches import diff
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.types import Problem, Submission

from .test_formats_swebench import BASE, FIXED, ROW, _git, _write


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, open_boxes() as boxes, Judge(sandbox, boxes=boxes) as opened:
        yield opened


@pytest.fixture(scope="module")
def problem(tmp_path_factory: pytest.TempPathFactory) -> Problem:
    folder = tmp_path_factory.mktemp("rows")
    repository = folder / "repos/owner__shop"
    repository.mkdir(parents=True)
    _git(repository, "init", "-q")
    _write(repository, BASE)
    _git(repository, "add", "-A")
    _git(repository, "commit", "-qm", "base")
    row = {**ROW, "base_commit": _git(repository, "rev-parse", "HEAD"), "image": "repository", "timeout_s": 60}
    (folder / "rows.jsonl").write_text(json.dumps(row))
    (found,) = load_split(folder / "rows.jsonl").problems
    return found


@pytest.mark.slow
def test_resolved_unresolved_and_error(judge: Judge, problem: Problem) -> None:
    broken = {**BASE, "src/shop.py": replace(BASE["src/shop.py"], data=b"def total(prices):\n    return 3 or prices\n")}
    assert problem.repository is not None
    said = {
        "gold": problem.repository.gold,
        "nothing": "",
        "breaks what worked": diff(BASE, broken),
        "does not apply": diff(FIXED, BASE),
    }
    found = {name: resolution(judge.judge(problem, Submission.patch(patch))) for name, patch in said.items()}
    assert found == {
        "gold": Resolution.RESOLVED,
        "nothing": Resolution.UNRESOLVED,
        "breaks what worked": Resolution.UNRESOLVED,
        "does not apply": Resolution.ERROR,
    }


def test_a_test_patch_that_does_not_apply_is_the_tasks_fault(judge: Judge, problem: Problem) -> None:
    assert problem.repository is not None
    verifier = replace(problem.repository.verifier, patch=diff(FIXED, {}))
    bad = replace(problem, repository=replace(problem.repository, verifier=verifier))
    report = judge.judge(bad, Submission.patch(problem.repository.gold))
    assert report.verdict is None
    assert "the patch of its tests does not apply: line" in report.error
