"""The words in which the change of a code base is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alphadial.envs.errors import ProblemError
from alphadial.envs.files import File
from alphadial.envs.repository import PROTECTED, ImageSource, Performance, Repository, Verifier
from alphadial.envs.tools.answers import read_submission
from alphadial.envs.tools.posing import pose
from alphadial.envs.types import Interface, Problem, Setting, Test

REPOSITORY = Repository(
    ImageSource("repository"),
    Verifier(files={"tests/test_hidden.py": File(b"assert secret")}),
    workdir="/srv/shop",
    tree={
        "src/shop.py": File(b"def total():\n    return '```'\n"),
        "README.md": File(b"A shop.\n"),
        "logo.png": File(b"\x89PNG\0"),
        "empty": File(b""),
        "link": File(b"README.md", link=True),
    },
    gold="the secret patch",
    editable=("src/*",),
    protected=(*PROTECTED, "src/version.py"),
)
PROBLEM = Problem(
    "shop",
    statement="total() is to be a number.\n",
    tests=(Test(1, "", "", name="tests/test_hidden.py::test_total"), Test(1, "", "", public=True, name="t.py::seen")),
    interface=Interface.REPOSITORY,
    repository=REPOSITORY,
)


def test_agentic() -> None:
    posed = pose(PROBLEM, Setting.AGENTIC)
    assert posed == (
        "total() is to be a number.\n\nThe code base lies in /srv/shop, where your tools work. Look around, edit and "
        "run. run_tests runs the public tests; submit hands in what you have changed, once. Only changes of src/* "
        "count. Changes of what configures Python and pytest (such as conftest.py) do not count, nor do those of "
        "src/version.py. Hidden tests decide."
    )
    fast = replace(REPOSITORY, performance=Performance(("python3", "x.py")), editable=("*",), tree=None)
    posed = pose(replace(PROBLEM, repository=fast, tests=PROBLEM.tests[:1]), Setting.AGENTIC)
    assert "Hidden tests decide, and then how fast the code is." in posed
    assert "run_tests" not in posed
    assert "Only changes" not in posed


@pytest.mark.parametrize("setting", [Setting.REASONING, Setting.TOOLS])
def test_without_a_workspace_the_files_are_shown(setting: Setting) -> None:
    posed = pose(PROBLEM, setting)
    assert "src/shop.py:\n````\ndef total():\n    return '```'\n````" in posed
    assert "README.md:\n```\nA shop.\n```" in posed
    assert "empty (empty)" in posed
    assert "Not shown here: link, logo.png." in posed
    assert "--- a/PATH" in posed
    assert ("Answer with one code block, tagged diff" in posed) == (setting is Setting.REASONING)
    assert ("submit hands in" in posed) == (setting is Setting.TOOLS)


@pytest.mark.parametrize("setting", list(Setting))
def test_nothing_hidden_is_said(setting: Setting) -> None:
    assert "secret" not in pose(PROBLEM, setting)
    assert "hidden.py" not in pose(PROBLEM, setting)


def test_files_whose_changes_count_are_shown_first_where_room_is_short() -> None:
    tree = {f"a{number}.py": File(b"x = 1\n" * 3_000) for number in range(80)} | {"src/z.py": File(b"last = 1\n")}
    posed = pose(replace(PROBLEM, repository=replace(REPOSITORY, tree=tree)), Setting.REASONING)
    assert "last = 1" in posed
    assert posed.count("x = 1") == 5 * 3_000
    assert "and 25 more." in posed
    assert len(posed) < 110_000


def test_a_code_base_in_an_image_is_for_workspaces_alone() -> None:
    with pytest.raises(ProblemError, match="agentic alone"):
        pose(replace(PROBLEM, repository=replace(REPOSITORY, tree=None)), Setting.REASONING)
    with pytest.raises(ProblemError, match="no statement"):
        pose(replace(PROBLEM, statement=" "), Setting.AGENTIC)


def test_an_answer_in_the_form_that_is_asked_for_is_read() -> None:
    answer = "So:\n\n```diff\n--- a/src/shop.py\n+++ b/src/shop.py\n@@ -1 +1 @@\n-a\n+b\n```\n"
    submission = read_submission(answer, PROBLEM)
    assert submission is not None
    assert submission.source.startswith("--- a/src/shop.py")
