"""The tools on a repository: commands in a box, a patch of the host's handed in, calls resumed from a journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs import (
    Limits,
    Problem,
    PublicResult,
    Rules,
    SandboxFailedError,
    Setting,
    Test,
    Verdict,
    WorkspaceError,
)
from alphadial.envs.errors import ImageError, JournalError, ProblemError
from alphadial.envs.patches import apply
from alphadial.envs.sandbox import File
from alphadial.envs.sandbox.trusted import Trusted
from alphadial.envs.tools.answers import read_submission
from alphadial.envs.tools.catalogue import tool_specs
from alphadial.envs.tools.journal import Entry, MemoryJournal
from alphadial.envs.tools.journal_sqlite import SqliteJournal
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.tools.text import public_text

from .fake_boxes import PROBLEM, REPOSITORY, TREE, FolderBoxes, PatchJudge, broken

RULES = Rules(Setting.AGENTIC, max_turns=9, tool_limits=Limits(cpu_s=20.0, wall_s=60.0))


@pytest.fixture
def boxes() -> Iterator[FolderBoxes]:
    with FolderBoxes({"repository": TREE}, git=False) as opened:
        yield opened
        assert not opened.open_boxes


def begin(boxes: FolderBoxes, problem: Problem = PROBLEM, rules: Rules = RULES, **more: Any) -> ToolSession:
    return ToolSession(problem, rules, Trusted(), PatchJudge(boxes), **more)


def shell(session: ToolSession, command: str, call_id: str = "1") -> str:
    return session.call(call_id, "shell", {"command": command}).content


def test_a_box_is_opened_at_the_first_command_and_takes_edits_with_it(boxes: FolderBoxes) -> None:
    boxes.git = True
    with begin(boxes) as session:
        seen = session.call("0", "view", {"path": "."}).content
        assert seen.splitlines()[-2:] == ["run.sh (9 bytes)", "src/core.py (22 bytes)"]
        assert "latest is a link to src/core.py" in seen
        edit = session.call("1", "edit", {"path": "src/core.py", "old": "1", "new": "2"})
        assert edit.content == "changed src/core.py"
        assert boxes.happened == []
        said = shell(session, "cat latest; ./run.sh; git log --oneline | wc -l; git status --short", "2")
        assert said == "def f():\n    return 2\nran\n1\n M src/core.py"
        assert boxes.count("open") == 1
        session.call("3", "edit", {"path": "new.txt", "old": "", "new": "n\n"})
        assert (
            shell(session, "cat new.txt; echo x > made.log; git status --short", "4") == "n\n M src/core.py\n?? new.txt"
        )
        assert shell(session, "cat made.log", "5") == "x"
        assert (boxes.count("open"), boxes.count("restore")) == (1, 3)
        listed = session.call("6", "view", {"path": ""}).content
        assert ".git/" not in listed
        assert "made.log" in listed


WORK: tuple[tuple[str, dict[str, str]], ...] = (
    ("shell", {"command": "sed -i s/1/2/ src/core.py; rm run.sh; printf 'a\\0b' > data.bin; ln -s / root"}),
    ("edit", {"path": "docs/new.md", "old": "", "new": "# New\n"}),
    ("shell", {"command": "git add -A && git commit -qm mine; chmod +x docs/new.md; ls docs"}),
    ("view", {"path": "src"}),
    ("submit", {}),
)


def work(session: ToolSession, calls: int = len(WORK)) -> list[str]:
    return [session.call(str(number), *WORK[number]).content for number in range(calls)]


def test_what_is_handed_in_is_the_difference_of_the_last_workspace_and_the_first(boxes: FolderBoxes) -> None:
    boxes.git = True
    with begin(boxes) as session:
        assert work(session) == ["[no output]", "created docs/new.md", "new.md", "src/core.py (22 bytes)", "submitted"]
        assert not boxes.open_boxes
        assert session.submission is not None
        patched = apply(session.submission.source, TREE)
        assert session.report is not None
        assert session.report.verdict is Verdict.AC
    changed = {"src/core.py": File(b"def f():\n    return 2\n"), "data.bin": File(b"a\0b")}
    kept = {name: TREE[name] for name in ("latest", ".gitignore")}
    assert patched == {**kept, **changed, "docs/new.md": File(b"# New\n", executable=True)}
    assert ".git/" not in session.submission.source


@pytest.mark.parametrize("kept", range(len(WORK) + 1))
def test_a_session_goes_on_from_its_journal(boxes: FolderBoxes, tmp_path: Path, kept: int) -> None:
    with begin(boxes) as whole:
        said = work(whole)
    path = tmp_path / "journal.sqlite"
    with SqliteJournal(path) as journal, begin(boxes, journal=journal, episode="e") as first:
        work(first, kept)
    before = boxes.count("exec")
    with SqliteJournal(path) as journal, begin(boxes, journal=journal, episode="e") as second:
        assert work(second) == said
        assert [second.call(str(number), *WORK[number]).content for number in range(len(WORK))] == said
        assert second.digest == whole.digest
        assert second.submission == whole.submission
        assert [entry.call_id for entry in journal.entries("e")] == [str(number) for number in range(len(WORK))]
    commands = sum(name == "shell" for name, _ in WORK[kept:])
    assert boxes.count("exec") - before == commands + (kept == 0)  # the history is begun once


@pytest.mark.thorough
def test_a_command_that_a_limit_stops_changes_nothing(boxes: FolderBoxes) -> None:
    boxes.git = True
    limits = Limits(cpu_s=10.0, wall_s=3.0)
    with begin(boxes, rules=replace(RULES, tool_limits=limits)) as session:
        assert shell(session, "echo a > kept", "1") == "[no output]"
        said = shell(session, "rm kept; sleep 60", "2")
        assert said == "[stopped after 3 s]\n[the workspace is as it was before the command]"
        assert shell(session, "cat kept; git log --oneline | wc -l", "3") == "a\n1"
        assert boxes.count("open") == 2
        assert len(boxes.open_boxes) == 1


def test_what_cannot_be_kept_is_undone(boxes: FolderBoxes) -> None:
    def fails(what: str, _: str) -> Exception | None:
        return (
            WorkspaceError("a workspace holds at most 256 MiB")
            if what == "snapshot" and boxes.count(what) == 2
            else None
        )

    boxes.fails = fails
    with begin(boxes) as session:
        said = shell(session, "echo x > big")
        assert said == "[a workspace holds at most 256 MiB: the workspace is as it was before the command]"
        assert "big" not in shell(session, "ls", "2")


def test_a_box_that_breaks_is_replaced_and_the_command_runs_again(boxes: FolderBoxes) -> None:
    for what in ("open", "restore", "exec", "snapshot"):
        failed: list[str] = []

        def once(each: str, _: str, what: str = what, failed: list[str] = failed) -> Exception | None:
            if each != what or failed:
                return None
            failed.append(each)
            return SandboxFailedError("broke")

        boxes.fails = once
        with begin(boxes) as session:
            assert shell(session, "echo a >> log; cat log") == "a"
            assert failed


def test_a_command_that_breaks_boxes_is_told_from_boxes_that_are_broken(boxes: FolderBoxes) -> None:
    boxes.fails = broken(("exec", "evil"))
    with begin(boxes) as session:
        shell(session, "echo a > kept", "0")
        result = session.call("1", "shell", {"command": "evil"})
        assert (result.ok, result.content) == (False, "the command broke the sandbox: nothing was changed")
        assert shell(session, "cat kept", "2") == "a"
        boxes.fails = broken("exec", "open")
        with pytest.raises(SandboxFailedError, match="broke"):
            shell(session, "cat kept", "3")
        boxes.fails = broken()
        assert shell(session, "cat kept", "3") == "a"  # it was not journaled


def test_an_image_that_is_gone_is_our_failure_and_nothing_is_lost(boxes: FolderBoxes) -> None:
    with begin(boxes) as session:
        session.call("0", "edit", {"path": "a", "old": "", "new": "b"})
        gone = ImageError("image 'repository' is gone: build it again with alphadial images build")
        boxes.fails = lambda what, _: gone if what == "find" else None
        with pytest.raises(SandboxFailedError, match="images build"):
            shell(session, "ls")
        boxes.fails = broken()
        assert "a" in shell(session, "ls").split()
    boxes.fails = lambda what, _: gone if what == "find" else None
    with pytest.raises(ImageError):
        begin(boxes, replace(PROBLEM, repository=replace(REPOSITORY, tree=None)))


def test_a_call_that_could_not_be_journaled_has_not_happened(boxes: FolderBoxes) -> None:
    class FullJournal(MemoryJournal):
        full = True

        def append(self, episode: str, entry: Entry) -> None:
            if self.full:
                raise JournalError("disk full")
            super().append(episode, entry)

    journal = FullJournal()
    with begin(boxes, journal=journal) as session:
        with pytest.raises(JournalError):
            shell(session, "echo a >> log")
        journal.full = False
        assert shell(session, "echo a >> log; cat log") == "a"


def test_an_attempt_that_is_given_up_ends_its_command_and_opens_no_other_box(boxes: FolderBoxes) -> None:
    session = begin(boxes)
    shell(session, "true", "0")
    boxes.fails = lambda what, _: session.close() if what == "exec" else None
    with pytest.raises(SandboxFailedError, match="given up"):
        shell(session, "sleep 5", "1")
    assert (boxes.count("open"), len(boxes.open_boxes)) == (1, 0)


def test_the_tree_may_lie_in_the_image(boxes: FolderBoxes) -> None:
    with begin(boxes, replace(PROBLEM, repository=replace(REPOSITORY, tree=None))) as session:
        assert session.workspace.files == TREE
        assert shell(session, "./run.sh") == "ran"
    with pytest.raises(ProblemError, match="give the judge boxes"):
        ToolSession(PROBLEM, RULES, Trusted(), PatchJudge(None))


def test_the_tools_of_a_repository() -> None:
    def names(setting: Setting, problem: Problem = PROBLEM) -> list[str]:
        return [spec.name for spec in tool_specs(setting, problem)]

    assert names(Setting.AGENTIC) == ["shell", "view", "edit", "submit"]
    assert names(Setting.TOOLS) == ["submit"]
    public = replace(PROBLEM, tests=(replace(PROBLEM.tests[0], public=True),))
    assert names(Setting.AGENTIC, public) == ["shell", "view", "edit", "run_tests", "submit"]
    assert names(Setting.TOOLS, public) == ["run_tests", "submit"]
    assert names(Setting.REASONING, public) == ["submit"]
    (submit,) = tool_specs(Setting.REASONING, PROBLEM)
    assert submit.parameters["properties"]["program"]["description"] == "The patch, as git diff writes it."
    with pytest.raises(ProblemError, match="takes a patch, not programs in java"):
        ToolSession(PROBLEM, Rules(language="java"), Trusted(), PatchJudge(None))


PATCH = """--- a/src/core.py
+++ b/src/core.py
@@ -1,2 +1,2 @@
 def f():
-    return 1
+    return 2
"""


@pytest.mark.parametrize(
    ("answer", "patch"),
    [
        (f"First:\n```python\nx\n```\nThen:\n```diff\n{PATCH}```\n", PATCH),
        (f"```patch\n{PATCH}```\n```diff\n\n```", PATCH),
        (f"```diff\n{PATCH}", None),
        (f"```python\n{PATCH}```", None),
    ],
)
def test_an_answer_without_tools_holds_the_patch(answer: str, patch: str | None) -> None:
    found = read_submission(answer, PROBLEM)
    assert (found.source if found is not None else None) == patch
    if found is not None:
        session = ToolSession(PROBLEM, Rules(), Trusted(), PatchJudge(None))
        assert session.hand_in(found).verdict is Verdict.AC


def test_links_are_shown_and_not_edited(boxes: FolderBoxes) -> None:
    with begin(boxes) as session:
        assert session.call("1", "view", {"path": "latest"}).content == "latest is a link to src/core.py"
        edit = session.call("2", "edit", {"path": "latest", "old": "1", "new": "2"})
        assert (edit.ok, edit.content) == (False, "'latest' is a link: edit the file that it leads to")


def test_a_large_folder_is_shown_by_what_lies_in_it(boxes: FolderBoxes) -> None:
    tree = {f"src/part{number}/{'long' * 10}{each}.py": File(b"") for number in range(20) for each in range(20)}
    tree["src/part0.txt"] = File(b"x")
    with begin(boxes, replace(PROBLEM, repository=replace(REPOSITORY, tree=tree))) as session:
        assert session.call("1", "view", {"path": "."}).content == "src/ (401 files)"
        lines = session.call("2", "view", {"path": "src"}).content.splitlines()
    assert len(lines) == 21
    assert {"src/part7/ (20 files)", "src/part0.txt (1 bytes)"} <= set(lines)


def test_changes_that_are_too_large_can_still_be_mended(boxes: FolderBoxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphadial.envs.patches.making.MAX_PATCH_BYTES", 10_000)
    with begin(boxes) as session:
        shell(session, "head -c 12000 /dev/urandom > big", "0")
        result = session.call("1", "submit", {})
        assert (result.ok, result.ended) == (False, False)
        assert "the changes are more than" in result.content
        assert "remove what does not belong" in result.content
        shell(session, "rm big", "2")
        assert session.call("3", "submit", {}).ended


def test_public_tests_are_told_by_name_with_what_they_wrote() -> None:
    shown = Test(1, "", "", public=True, name="tests/test_core.py::test_f")
    problem = replace(PROBLEM, tests=(shown,))
    failed = PublicResult(shown, Verdict.WA, "", "assert 1 == 2\nTest 2: passed.")
    assert public_text(problem, [failed, PublicResult(shown, Verdict.AC, "", "")]) == (
        "1 of 2 public tests passed.\n"
        "Test 1: wrong answer. tests/test_core.py::test_f\nOutput:\n    assert 1 == 2\n    Test 2: passed.\n"
        "Test 2: passed. tests/test_core.py::test_f"
    )
    unfit = PublicResult(shown, Verdict.CE, "line 3: does not fit", "")
    assert public_text(problem, [unfit]) == "The patch does not apply:\nline 3: does not fit"
