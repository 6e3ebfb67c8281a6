"""What ``alphadial judge`` tells the person who sets problems."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.cli.judging import judging_progress
from alphadial.cli.judging.judge_command import default_folder
from alphadial.cli.judging.judging_progress import JudgingProgress
from alphadial.envs.judging.batch import BatchStep
from alphadial.envs.judging.judging_store import JudgingSettings, JudgingStore

from .judging_sets import CRASH, GOOD, WRONG, problem, submission, write

Cli = Callable[..., Any]
VALIDATOR = """import sys
wanted, got = open(sys.argv[2]).read().split(), sys.stdin.read().split()
open(sys.argv[3] + "/judgemessage.txt", "w").write(f"wanted {wanted} and got {got}")
print("compared")
sys.exit(42 if wanted == got else 43)
"""
GROUPED = {
    "problem.yaml": "problem_format_version: 2025-09\nname: x\ntype: scoring\nlimits:\n  time_limit: 1\n",
    **{
        f"data/secret/{name}.{end}": f"{text}\n"
        for name, text in (("a/1", "1"), ("b/2", "20"), ("b/3", "30"))
        for end in ("in", "ans")
    },
    "data/secret/a/test_group.yaml": "max_score: 50\n",
    "data/secret/b/test_group.yaml": "max_score: 50\n",
    "output_validator/check.py": VALIDATOR,
    "submissions/accepted/good.py": "print(input())\n",
    "submissions/partially_accepted/small.py": "n = int(input())\nprint(n if n < 10 else 0)\n",
    "submissions/wrong_answer/right.py": "print(input())\n",
    "submissions/accepted/k.kt": "fun main() = println(readln())\n",
    "submissions/submissions.yaml": (
        "partially_accepted/small.py:\n  score: 50\n  message: got ['0']\n  secret/a:\n    permitted: [AC]\n"
    ),
}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.thorough
def test_every_solution_is_shown_with_its_groups_its_first_failure_and_why(cli: Cli, tmp_path: Path) -> None:
    put(tmp_path / "p", GROUPED)
    done = cli("judge", "p", "--python", "python3", "--json", "out.json")
    assert done.status == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    small = next(at for at, line in enumerate(lines) if line.startswith("partially_accepted/small.py"))
    assert lines[small].endswith("agrees secret/a AC, secret/b WA")
    assert lines[small + 1 : small + 4] == [
        "fails first on secret/b/2",
        "validator: wanted ['20'] and got ['0']",
        "not counted: score",
    ]
    assert "does not agree: no test gives WA or OLE" in lines
    assert "not judged, for want of kotlin: 1 (p/accepted/k.kt)" in lines
    result = json.loads((tmp_path / "out.json").read_text("utf-8"))
    rows = {row["submission"]: row for row in result["rows"]}
    small_row = rows["partially_accepted/small.py"]
    assert (small_row["first_failure"], small_row["not_counted"]) == ("secret/b/2", ["score"])
    assert small_row["tests_run"] == 2  # group b ends at its first failure, which decides the label
    assert rows["wrong_answer/right.py"]["disagreement"] == "no test gives WA or OLE"
    assert result["extra_minutes"] >= 0
    assert (result["labelled"], result["agreed"], result["unjudged"]) == (3, 2, 1)


@pytest.mark.thorough
def test_a_folder_is_one_program(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("p", []))
    put(
        tmp_path / "mine",
        {"helper.py": "def twice(n): return 2 * n\n", "main.py": "import helper\nprint(helper.twice(int(input())))\n"},
    )
    put(
        tmp_path / "c",
        {
            "twice.c": "int twice(int n) { return 2 * n; }\n",
            "a.c": (
                '#include <stdio.h>\nint twice(int);\nint main() { int n; scanf("%d", &n); printf("%d", twice(n)); }\n'
            ),
        },
    )
    for folder in ("mine", "c"):
        done = cli("judge", "set.jsonl", folder, "--json", "-")
        assert (done.status, json.loads(done.stdout)["verdict"]) == (0, "AC"), done.stderr
    put(tmp_path / "kotlin", {"main.kt": "fun main() {}\n"})
    put(tmp_path / "empty", {"notes.txt": "none"})
    assert cli("judge", "set.jsonl", "kotlin").refused("kotlin is in kotlin", "python3")
    assert cli("judge", "set.jsonl", "empty").refused("empty", "no known extension tells the language")
    put(tmp_path / "package", {"problem.yaml": "", "submissions/accepted/a.py": GOOD})
    assert cli("judge", "set.jsonl", "package").refused("is a problem package, not a program")


def test_a_folder_has_no_function_to_call(cli: Cli, tmp_path: Path) -> None:
    row = {
        "task_id": "Ours/0",
        "prompt": 'def double(n):\n    """Twice n."""\n',
        "entry_point": "double",
        "canonical_solution": "    return 2 * n\n",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n",
    }
    write(tmp_path / "set.jsonl", row)
    put(tmp_path / "mine", {"a.py": "", "b.py": ""})
    assert cli("judge", "set.jsonl", "mine").refused("call a function", "the one file")


@pytest.mark.thorough
def test_without_a_right_solution_the_limit_is_a_stated_default(cli: Cli, tmp_path: Path) -> None:
    solutions = [submission("a.py", "accepted", WRONG), submission("b.py", "accepted", CRASH)]
    solutions.append(submission("c.kt", "accepted", "", language="kotlin"))
    write(tmp_path / "set.jsonl", problem("p", solutions, time_limit_s=None))
    done = cli("judge", "set.jsonl", "--json", "out.json", "--python", "python3")
    assert done.status == 0, done.stderr
    why = "no accepted solution gives one (a.py: WA on 2; b.py: RTE on 0 exit status 3; c.kt: kotlin is none of"
    assert f"p states no time limit, and {why}" in done.stderr
    assert "judged with 10 s per test: give another limit with --limit" in done.stderr
    rows = json.loads((tmp_path / "out.json").read_text("utf-8"))["rows"]
    assert {(row["verdict"], row["limit_s"], row["limit_source"]) for row in rows} == {
        ("WA", 10.0, "default"),
        ("RTE", 10.0, "default"),
        (None, 10.0, "default"),
    }
    reasons = {row["submission"]: row["not_calibrating"] for row in rows}
    assert reasons.pop("c.kt").startswith("kotlin is none of the languages")
    assert reasons == {"a.py": "WA on 2", "b.py": "RTE on 0 exit status 3"}
    assert "left out of the time limit" in done.stdout
    assert "p: limit 10 s (default)" in done.stdout


@pytest.mark.thorough
def test_others_may_read_while_a_judging_runs(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("p", [submission("a.py", "accepted", GOOD)]))
    assert cli("judge", "set.jsonl", "--python", "python3").status == 0
    settings = JudgingSettings(str((tmp_path / "set.jsonl").resolve()), "bubblewrap", None, False, "python3")
    folder = tmp_path / default_folder(settings)
    with JudgingStore(folder, settings):
        read = cli("rejudge", folder, "--json", "-")
        assert cli("judge", "set.jsonl", "--python", "python3").refused("is in use by process")
    assert (read.status, [row["verdict"] for row in json.loads(read.stdout)["rows"]]) == (0, ["AC"])
    for file in folder.glob("records.sqlite*"):
        file.unlink()
    assert cli("rejudge", folder).refused("holds no judged submission yet")
    assert not list(folder.glob("records.sqlite*"))


def test_without_a_terminal_a_line_comes_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judging_progress, "QUIET_S", 0.02)
    with JudgingProgress() as shown:
        shown.show(BatchStep("p", 3))
        shown.show(BatchStep("p", 3, made=1))
        deadline = time.monotonic() + 60
        said = ""
        while said.count("p: 1 of 3 solutions after ") < 2 and time.monotonic() < deadline:
            said += capsys.readouterr().err
            time.sleep(0.01)
    assert said.count("p: 1 of 3 solutions after ") >= 2


def test_workers_says_what_it_does(cli: Cli) -> None:
    said = " ".join(cli("judge", "--help").stdout.replace("\u2502", " ").split())
    assert "Programs of PATH that run at once; those near their limit run again, one at a time." in said
    assert "one less than the CPUs" in said
