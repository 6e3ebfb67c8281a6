"""Attempts on repositories through the one path: what agents hand in, what ends one attempt and what ends a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import ModelChoice, plan
from alphadial.agents.runs.exporting import load_attempts
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import rollout, run_attempts
from alphadial.agents.types import Attempt, Completion, Request
from alphadial.envs.errors import ImageError, SandboxUnavailableError
from alphadial.envs.patches import apply
from alphadial.envs.repository import ImageSource
from alphadial.envs.types import EndReason, FailureKind, Problem, Rules, Setting, Verdict

from ..envs.fake_boxes import PROBLEM, REPOSITORY, TREE, FolderBoxes, PatchJudge, broken
from .fakes import make_config
from .tool_fakes import answers, attempt_spec, calls, play_all

OTHER = replace(PROBLEM, id="other", repository=replace(REPOSITORY, image=ImageSource("other")))
STEPS = [
    calls(("view", {"path": "."}), ("shell", {"command": "echo seen >> log.txt; cat log.txt"})),
    calls(("edit", {"path": "src/core.py", "old": "1", "new": "2"}), ("shell", {"command": "rm log.txt; ls"})),
    calls(("submit", {})),
]


@pytest.fixture
def boxes() -> Iterator[FolderBoxes]:
    with FolderBoxes({"repository": TREE, "other": TREE}, git=False) as opened:
        yield opened
        assert not opened.open_boxes


def play(request: Request) -> Completion:
    return STEPS[min(answers(request.messages), 2)]


def run(folder: Path, boxes: FolderBoxes, problems: tuple[Problem, ...]) -> list[Attempt]:
    """One attempt on each problem, as a process makes it that finds what others left."""
    config = replace(
        make_config(1),
        problems=tuple(problem.id for problem in problems),
        models=(ModelChoice("m", None),),
        family=None,
        weights=None,
        setting=Setting.AGENTIC,
        max_turns=5,
        prompt="agent",
        parser="fenced",
    )
    with RunFolder(folder, config) as opened, CheckpointStore(folder) as checkpoints:
        deps = AttemptDeps(ScriptedPolicy(play), PatchJudge(boxes), checkpoints)
        run_attempts(plan(config, problems), deps, opened.store)
        return list(opened.store.attempts())


def test_what_an_agent_makes_of_a_repository_is_a_row(boxes: FolderBoxes, tmp_path: Path) -> None:
    (row,) = run(tmp_path / "run", boxes, (PROBLEM,))
    assert (row.verdict, row.language, row.level_reached, row.end_reason) == ("AC", "patch", 1, "submitted")
    assert apply(row.program, TREE)["src/core.py"].data == b"def f():\n    return 2\n"
    assert json.loads(row.tests) == [[PROBLEM.tests[0].name, 1, "AC"]]
    said = [message["content"] for message in json.loads(row.transcript) if message["role"] == "tool"]
    assert said[1:] == ["seen", "changed src/core.py", "latest\nrun.sh\nsrc", "submitted"]


def test_an_image_that_is_gone_costs_its_own_attempts(boxes: FolderBoxes, tmp_path: Path) -> None:
    gone = ImageError("image other is gone: alphadial images build other")
    boxes.fails = lambda what, detail: gone if (what, detail) == ("find", "other") else None
    rows = {row.problem: row for row in run(tmp_path / "run", boxes, (OTHER, PROBLEM))}
    assert rows["repo"].verdict == "AC"
    assert (rows["other"].failure_kind, rows["other"].error) == (FailureKind.UNMEASURABLE, str(gone))
    in_image = replace(OTHER, repository=replace(REPOSITORY, image=ImageSource("other"), tree=None))
    (row,) = run(tmp_path / "in image", boxes, (in_image,))
    assert (row.status, row.end_reason, row.error, row.turns) == ("unmeasurable", "machinery", str(gone), 0)


def test_boxes_that_break_make_an_attempt_unmeasurable(boxes: FolderBoxes, tmp_path: Path) -> None:
    boxes.fails = broken(("open", "/app"))
    (row,) = run(tmp_path / "run", boxes, (PROBLEM,))
    assert (row.status, row.end_reason, row.error) == ("unmeasurable", "machinery", "open broke")


def test_boxes_that_are_gone_put_off_their_attempts_and_nothing_else(
    boxes: FolderBoxes, tmp_path: Path, problems: tuple[Problem, ...]
) -> None:
    dead = SandboxUnavailableError("the Docker daemon does not answer any more: start it")
    boxes.fails = lambda what, detail: dead if what == "exec" and "rm log.txt" in detail else None
    plain = replace(problems[0], files={"src/core.py": "1"})
    with pytest.raises(SandboxUnavailableError, match="start it"):
        run(tmp_path / "run", boxes, (PROBLEM, plain, OTHER))
    assert not boxes.open_boxes
    assert [row["problem"] for row in load_attempts(tmp_path / "run")] == [plain.id]
    boxes.fails = broken()
    executed = boxes.count("exec")
    rows = {row.problem: row for row in run(tmp_path / "run", boxes, (PROBLEM, plain, OTHER))}
    assert [rows[name].verdict for name in ("repo", "other")] == ["AC", "AC"]
    assert "echo seen" not in str(boxes.happened[-(boxes.count("exec") - executed) :])
    assert '"seen"' in rows["repo"].transcript  # once, by the first process


def test_a_patch_in_an_answer_needs_no_box() -> None:
    patch = "--- a/src/core.py\n+++ b/src/core.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2\n"
    policy = ScriptedPolicy([f"So:\n```diff\n{patch}```", "I do not know."])
    spec = attempt_spec(PROBLEM, Setting.REASONING, prompt="plain", parser="fenced")
    made = play_all([spec, replace(spec, id="second")], policy, PatchJudge(None))
    assert {one.end_reason for one in made} == {EndReason.SUBMITTED, EndReason.NO_PROGRAM}
    assert {one.program for one in made} == {patch, ""}
    assert {one.report.verdict for one in made} == {Verdict.AC, Verdict.CE}


def test_training_rollouts_work_on_repositories_too(boxes: FolderBoxes) -> None:
    deps = AttemptDeps(ScriptedPolicy(play), PatchJudge(boxes))
    rules = Rules(Setting.AGENTIC, 5)
    sampling = {"model": "m", "seed": 1, "temperature": 1.0, "max_tokens": 64}
    made = rollout([PROBLEM, OTHER, PROBLEM], deps, rules=rules, prompt="agent", parser="fenced", **sampling)  # type: ignore[arg-type]
    assert [one.report.verdict for one in made] == [Verdict.AC] * 3
    assert len({one.workspace for one in made}) == 1
