"""``alphadial/Coding-v0`` on a repository: worked on in a box, or patched by an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from alphadial.envs import ProblemError, SandboxFailedError
from alphadial.envs.errors import ImageError
from alphadial.envs.gym import CodingEnv, tool_call
from alphadial.envs.gym.backend import Backend
from alphadial.envs.repository import ImageSource
from alphadial.envs.types import Setting

from .fake_boxes import PROBLEM, REPOSITORY, TREE, FolderBoxes, PatchJudge

PATCH = "--- a/src/core.py\n+++ b/src/core.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2\n"


class FolderBackend(Backend):
    """Works in folders, and judges patches by what they say."""

    def __init__(self, boxes: FolderBoxes) -> None:
        super().__init__("trusted", 1)
        self.judge.close()
        self.judge = PatchJudge(boxes)


@pytest.fixture
def boxes() -> Iterator[FolderBoxes]:
    with FolderBoxes({"repository": TREE}, git=False) as opened:
        yield opened
        assert not opened.open_boxes


def make(boxes: FolderBoxes, setting: Setting, **more: Any) -> CodingEnv:
    return CodingEnv(problem_set=(PROBLEM,), setting=setting, backend=FolderBackend(boxes), **more)


def said(text: str) -> str:
    return "\n".join(message["content"] for message in json.loads(text))


def test_a_workspace_is_the_repository(boxes: FolderBoxes) -> None:
    env = make(boxes, Setting.AGENTIC)
    posed, info = env.reset(seed=1)
    assert "Let f return 2." in said(posed)
    assert [tool["function"]["name"] for tool in info["tools"]] == ["shell", "view", "edit", "submit"]
    text, *_ = env.step(tool_call("shell", command="sed -i s/1/2/ src/core.py; ./run.sh"))
    assert said(text) == "ran"
    _, reward, terminated, truncated, info = env.step(tool_call("submit"))
    assert (reward, terminated, truncated, info["language"], info["measured"]) == (1.0, True, False, "patch", True)
    env.reset(seed=2)
    env.step(tool_call("shell", command="true"))
    assert len(boxes.open_boxes) == 1
    env.reset(seed=3)
    assert not boxes.open_boxes
    env.step(tool_call("shell", command="true"))
    env.close()


def test_elsewhere_a_patch_is_handed_in(boxes: FolderBoxes) -> None:
    env = make(boxes, Setting.REASONING)
    posed, _ = env.reset(seed=1)
    assert "return 1" in said(posed)
    _, reward, terminated, _, info = env.step(f"So:\n```diff\n{PATCH}```")
    assert (reward, terminated, info["end_reason"], info["language"]) == (1.0, True, "submitted", "patch")
    tools = make(boxes, Setting.TOOLS)
    tools.reset(seed=1)
    _, reward, terminated, _, info = tools.step(tool_call("submit", program=PATCH.replace("2", "3")))
    assert (reward, terminated, info["verdict"]) == (0.0, True, "WA")
    assert boxes.count("open") == 0


def test_what_cannot_be_worked_on_is_left_out_or_not_measured(boxes: FolderBoxes) -> None:
    gone = ImageError("image other is gone: alphadial images build other")
    boxes.fails = lambda what, detail: gone if (what, detail) == ("find", "other") else None
    other = replace(PROBLEM, id="other", repository=replace(REPOSITORY, image=ImageSource("other")))
    env = CodingEnv(problem_set=(other, PROBLEM), setting="agentic", backend=FolderBackend(boxes))
    for seed in range(4):
        assert env.reset(seed=seed)[1]["problem"] == "repo"
    assert "alphadial images build other" in env.left_out["other"]
    with pytest.raises(ProblemError, match="images build other"):
        env.reset(options={"problem": "other"})
    env.reset(options={"problem": "repo"})
    boxes.fails = lambda what, detail: SandboxFailedError("broke") if what == "exec" else None
    _, reward, terminated, truncated, info = env.step(tool_call("shell", command="ls"))
    assert (reward, terminated, truncated, info["measured"]) == (0.0, False, True, False)
    env.close()
