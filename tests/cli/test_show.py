"""``alphadial show``: one attempt, found by its id or how that begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.reading_runs import StoredRun, read_results
from alphadial.agents.types import Attempt
from alphadial.envs.problems import load_split

from ..tiny_specs import EASY
from .report_runs import make_attempt, make_config, repository_run, write_run

Cli = Callable[..., Any]
PROBLEM = load_split("tiny-problems", "dev").select([EASY.id])[0]
MINE = f"""
from alphadial.envs import load_split
print("MINE RUNS")
class Mine:
    splits = ("dev",)
    def load(self, split):
        return load_split("tiny-problems", "dev").select([{PROBLEM.id!r}])
"""
PROGRAM = "def f(a, k):\n return 0\n"


def kept(folder: Path, **fields: Any) -> tuple[RunConfig, Attempt]:
    """A run folder with one attempt on the problem."""
    hash_of = load_split("tiny-problems", "dev").hash
    given = {"problem_set": "tiny-problems", "split_hash": hash_of, "prompt": "tiny", **fields}
    config = make_config([PROBLEM.id], **{"samples": 1, **given})
    return config, make_attempt(config, PROBLEM.id, 0.5, 0, "WA")


def words(shown: str) -> str:
    return " ".join(shown.replace("│", " ").split())


@pytest.mark.thorough
def test_the_problem_is_told_in_words_beside_the_models_compact_prompt(cli: Cli, tmp_path: Path) -> None:
    config, attempt = kept(tmp_path)
    write_run(tmp_path / "run", config, [attempt])
    done = cli("show", attempt.id, "--run", "run")
    assert (done.status, done.stderr) == (0, "")
    assert PROBLEM.statement in words(done.stdout)
    assert done.stdout.index("Write a Python function") < done.stdout.index(PROBLEM.prompt)
    config, attempt = kept(tmp_path, prompt="plain")
    write_run(tmp_path / "plain", config, [attempt])
    assert words(cli("show", attempt.id, "--run", "plain").stdout).count("Let r be") == 1


def test_an_attempt_is_found_by_how_its_id_begins(cli: Cli, tmp_path: Path) -> None:
    config, _ = kept(tmp_path, samples=40)
    many = [make_attempt(config, PROBLEM.id, 0.5, sample, "AC") for sample in range(40)]
    write_run(tmp_path / "runs" / "one", config, many)
    ids = sorted(attempt.id for attempt in many)
    only = next(one for one in ids if sum(other.startswith(one[:5]) for other in ids) == 1)
    for run in ((), ("--run", "runs/one")):
        assert json.loads(cli("show", only[:5], *run, "--json", "-").stdout)["id"] == only
    first = next(digit for digit in "0123456789abcdef" if 1 < sum(one.startswith(digit) for one in ids) <= 10)
    several = cli("show", first)
    alike = [one for one in ids if one.startswith(first)]
    assert (several.status, several.stdout) == (2, "")
    assert [line.split()[0] for line in several.stderr.splitlines()[1:-1]] == alike
    assert f"alphadial: {len(alike)} attempts begin with {first!r}: give more of the id\n" in several.stderr
    for wrong in ("%", "zz", f"{only}0", ""):
        assert cli("show", wrong).refused(f"no attempt {wrong!r} in the 1 runs in runs/")


def test_the_first_public_test_that_fails_is_shown_and_no_hidden_one(cli: Cli, tmp_path: Path) -> None:
    config, attempt = kept(tmp_path)
    wrong = make_attempt(config, PROBLEM.id, 0.5, 0, "WA", program="def f(a, k):\n return [k]\n")
    write_run(tmp_path / "run", config, [wrong])
    shown = [line.rstrip() for line in cli("show", wrong.id, "--run", "run").stdout.splitlines()]
    at = shown.index("first public test that fails: 0, WA")
    first = PROBLEM.tests[0]
    told = (
        f"input     f({first.input[1:-1]})",
        f"expected  {first.answer}",
        f"got       [{json.loads(first.input)[1]}]",
    )
    assert shown[at + 1 : at + 4] == [f"  {line}" for line in told]
    slow = make_attempt(config, PROBLEM.id, 0.5, 0, "TLE", public_verdict="AC")
    write_run(tmp_path / "slow", config, [slow])
    done = cli("show", slow.id, "--run", "slow", "--json", "-")
    assert json.loads(done.stdout)["failed_test"] is None
    assert attempt.id == slow.id


def test_without_a_sandbox_the_rest_is_shown(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, attempt = kept(tmp_path)
    write_run(tmp_path / "run", config, [attempt])
    monkeypatch.setenv("PATH", str(tmp_path))
    done = cli("show", attempt.id, "--run", "run")
    assert done.status == 0
    assert "which public test failed cannot be shown: " in done.stderr
    assert "WA (correctness failure)" in done.stdout


def test_tool_calls_show_a_program_once_and_in_lines(cli: Cli, tmp_path: Path) -> None:
    config, attempt = kept(tmp_path)

    def call(name: str, **given: Any) -> dict[str, Any]:
        return {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}

    other = PROGRAM.replace("0", "1")
    said = [
        {"role": "assistant", "content": PROGRAM, "tool_calls": [call("run_tests", program=PROGRAM)]},
        {"role": "assistant", "content": "", "tool_calls": [call("run_tests", program=other, first=2)]},
        {"role": "assistant", "content": "", "tool_calls": [call("submit", program=PROGRAM)]},
    ]
    made = make_attempt(config, PROBLEM.id, 0.5, 0, "WA", transcript=json.dumps(said))
    write_run(tmp_path / "run", config, [made])
    shown = words(cli("show", made.id, "--run", "run").stdout)
    assert "def f(a, k): return 0 run_tests(the program above)" in shown
    assert "run_tests(the program below, first=2) def f(a, k): return 1" in shown
    assert "submit(the program above)" in shown
    assert attempt.id == made.id


@pytest.mark.thorough
def test_a_class_is_imported_only_where_the_user_names_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_problems.py").write_text(MINE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    config, attempt = kept(tmp_path, problem_set="my_problems:Mine")
    write_run(tmp_path / "run", config, [attempt])
    done = cli("show", attempt.id, "--run", "run")
    assert "MINE RUNS" not in done.stdout
    assert "name it yourself, with --problem-set my_problems:Mine" in done.stderr
    named = cli("show", attempt.id, "--run", "run", "--problem-set", "my_problems:Mine")
    assert "MINE RUNS" in named.stdout
    assert PROBLEM.statement in words(named.stdout)
    assert "are not those of the run any more" in named.stderr
    assert cli("show", attempt.id, "--run", "run", "--problem-set", "nowhere").refused("'nowhere'")
    done = cli("report", "run")
    assert (done.status, "MINE RUNS" in done.stdout) == (0, False)
    assert "name it yourself, with --problem-set my_problems:Mine" in done.stderr
    named = cli("report", "run", "--problem-set", "my_problems:Mine")
    assert (named.status, named.stderr) == (0, "")


def test_a_patch_is_shown_with_its_tests(cli: Cli, tmp_path: Path) -> None:
    run = read_results(repository_run(tmp_path / "run"))
    assert isinstance(run, StoredRun)
    shown = {one.verdict: words(cli("show", one.id, "--run", "run").stdout) for one in run.attempts}
    assert "patch of toy@0" in shown["WA"]
    assert "- return 1" in shown["WA"]
    assert "2 tests/test_core.py::test_<b>g</b> WA" in shown["WA"]
    assert "1.25 times the CPU time of the gold patch" in shown["AC"]
    assert "which can be deceived" in shown["AC"]
