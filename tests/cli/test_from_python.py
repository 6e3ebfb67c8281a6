"""What each command does, done from Python in a few lines, from the public face of the part that owns it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents import (
    CompareOptions,
    FrontierOptions,
    RunOptions,
    RuntimeConfig,
    StoredRun,
    attempt_problems,
    compare_controllers,
    describe,
    find_attempt,
    read_results,
    sample_frontier,
)
from alphadial.agents.policies.weights import expected_weights_id
from alphadial.cli import write_report
from alphadial.envs import Judge, RejudgeOptions, judge_set, load_split, open_sandbox, rejudge
from alphadial.envs.judging.batch import BatchStep
from alphadial.merge_engine import load_family, merge_to_folder, weights_id_of_folder
from alphadial.training import TrainConfig, saved_curves, train_family

from .fakes import chat_server
from .judging_sets import TWICE, write

Cli = Callable[..., Any]
PARTS = ("envs", "controller", "merge_engine", "agents", "training", "cli")
EXTRAS = ("torch", "safetensors", "transformers", "tokenizers", "matplotlib", "plotly")
PROBLEMS = [problem.id for problem in load_split("tiny-problems", "dev").problems[:2]]


@pytest.mark.parametrize("part", PARTS)
def test_every_public_name_is_there(part: str) -> None:
    module = import_module(f"alphadial.{part}")
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert len(set(module.__all__)) == len(module.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        module.no_such_name  # noqa: B018


@pytest.mark.thorough
def test_run_frontier_report_and_show(tmp_path: Path) -> None:
    family = load_family("tiny")
    with chat_server(lambda model: expected_weights_id(family, model)) as address:
        runtime = RuntimeConfig(server=address, workers=1)
        options = RunOptions(family=family, split="dev", problems=PROBLEMS, attempts=2, controller="two-ends")
        finished = attempt_problems(options, tmp_path / "run", runtime)
        frontier = sample_frontier(
            FrontierOptions(family=family, split="dev", problems=PROBLEMS[:1], alphas=[0, 1], samples=1),
            tmp_path / "frontier",
            runtime,
        )
    assert [row["k"] for row in finished.summary["rows"]] == [1, 2]
    assert [row["alpha"] for row in frontier.summary["rows"]] == [0, 1]
    assert frontier.table.verified
    run = read_results(finished.folder)
    assert isinstance(run, StoredRun)
    assert describe(run)["counts"]["attempts"] == finished.summary["attempts"] == 4
    found = find_attempt(run.attempts[0].id, [frontier.folder, finished.folder])
    assert found is not None
    assert found[0].program.startswith("def f")
    assert write_report(finished.folder, tmp_path / "report.html", transcripts=1).attempts == 4


@pytest.mark.thorough
def test_a_model_without_a_family_attempts_problems_of_ones_own(cli: Cli, tmp_path: Path) -> None:
    tests = [{"name": "1", "group": "sample", "input": "21", "answer": "42"}]
    twice = {"id": "twice", "time_limit_s": 2, "statement": "Print the number twice as large.", "tests": tests}
    twice["submissions"] = []
    other = {**twice, "id": "other", "tests": [{**tests[0], "answer": "43"}]}
    rows = [twice, other, {**twice, "id": "broken", "tests": []}]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (tmp_path / "prices.json").write_text('{"completion_token": 0.5}', "utf-8")
    with chat_server(
        lambda model: None, text="So:\n```cpp\nint x;\n```\n```python\nprint(2 * int(input()))\n```"
    ) as url:
        asked = ("run", "--model", "org/mine", "--server", url, "--problem-set", "mine.jsonl", "--attempts", "2")
        done = cli(*asked, "--workers", "1", "--prices", "prices.json", "--out", "out", "--json", "run.json")
        assert cli(*asked, "--controller", "uniform").refused("--model org/mine", "--controller")
        assert cli("run", "--model", "x", "--problem-set", "mine.jsonl").refused("--model x", "--server")
        assert cli(*asked, "--language", "cobol").refused("'cobol'", "python3")
    assert done.status == 0, done.stderr
    assert "mine.jsonl:3: there are no tests" in done.stderr
    told = json.loads((tmp_path / "run.json").read_text("utf-8"))
    stories = {story["problem"]: story["verdicts"] for story in told["by_problem"]}
    assert stories == {"twice": ["AC"], "other": ["WA", "WA"]}
    run = read_results(tmp_path / "out")
    assert isinstance(run, StoredRun)
    assert [(attempt.language[:2], attempt.cost) for attempt in run.attempts] == [("py", 4.5)] * 3
    shown = cli("show", run.attempts[0].id, "--run", "out")
    assert "print(2 * int(input()))" in shown.stdout
    assert f"language      {run.attempts[0].language}" in shown.stdout
    assert write_report(tmp_path / "out", tmp_path / "out" / "report.html").attempts == 3
    assert cli("run").refused("FAMILY", "--model NAME")
    (tmp_path / "mine.jsonl").unlink()
    assert "the problem cannot be shown" in cli("show", run.attempts[0].id, "--run", "out").stderr


@pytest.mark.thorough
def test_compare(tmp_path: Path) -> None:
    options = CompareOptions(
        families=["tiny"], attempts=[1], controllers=["two-ends"], alphas=[0, 1], temperatures=[0.6], orders=2
    )
    told: list[str] = []
    finished = compare_controllers(options, tmp_path / "out", RuntimeConfig(workers=1), notify=told.append)
    assert [row["controller"] for row in finished.summary["rows"]] == ["best-single", "uniform", "two-ends"]
    assert len(told) == 2
    assert all("tables at hand" in text for text in told)


def test_judge() -> None:
    (problem,) = load_split("tiny-problems", "dev").select(PROBLEMS[:1])
    with open_sandbox() as sandbox, Judge(sandbox, workers=1) as judge:
        assert judge.judge(problem, "def f(a, k):\n return 0\n").verdict == "WA"


def test_merge(tmp_path: Path) -> None:
    report = merge_to_folder(load_family("tiny"), 0.5, tmp_path / "half")
    assert weights_id_of_folder(tmp_path / "half") == report.weights_id


@pytest.mark.slow
def test_train(tmp_path: Path) -> None:
    steps: list[str] = []
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        train_family(TrainConfig().scaled(0.001), judge, tmp_path, lambda stage, point, of: steps.append(stage))
    assert load_family(str(tmp_path)).name == "tiny"
    assert list(saved_curves(tmp_path)) == list(dict.fromkeys(steps)) == ["init", "low", "mid", "high"]


@pytest.mark.slow  # the parts of it are tested one by one beside it
def test_the_core_install_runs_with_a_server_and_compares_shipped_tables(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules.update(dict.fromkeys({EXTRAS!r}))
from pathlib import Path
from alphadial.agents import CompareOptions, RunOptions, RuntimeConfig, attempt_problems, compare_controllers
from alphadial.merge_engine import load_family
if __name__ == "__main__":
    options = RunOptions(family=load_family("tiny"), split="dev", problems={PROBLEMS[:1]!r}, attempts=1)
    runtime = RuntimeConfig(server=sys.argv[1], workers=1)
    print(attempt_problems(options, Path("run"), runtime).summary["attempts"])
    compared = CompareOptions(families=["tiny"], attempts=[1], controllers=[], temperatures=[0.6], orders=2)
    print(len(compare_controllers(compared, Path("compared"), RuntimeConfig(workers=1)).summary["rows"]))
"""
    (tmp_path / "mine.py").write_text(code, "utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    family = load_family("tiny")
    with chat_server(lambda model: expected_weights_id(family, model)) as address:
        done = subprocess.run(
            [sys.executable, "mine.py", address],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    assert (done.returncode, done.stdout) == (0, "1\n2\n"), done.stderr


@pytest.mark.thorough
def test_judge_a_set_and_again_under_other_terms(tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", TWICE)
    steps: list[BatchStep] = []
    judged = judge_set(tmp_path / "set.jsonl", tmp_path / "run", workers=1, on_step=steps.append)
    assert (judged.agreement["agreement"], len(judged.rows), judged.faults) == (1.0, 7, ())
    assert [(step.made, step.found) for step in steps] == [*((made, 0) for made in range(8)), (7, 0)]
    assert [step.limit is None for step in steps] == [*[True] * 8, False]
    low = rejudge(tmp_path / "run", RejudgeOptions(coverage=1))
    assert sum(row.verdict == "AC" for row in low.rows) > sum(row.verdict == "AC" for row in judged.rows)
    steps.clear()
    assert judge_set(tmp_path / "set.jsonl", tmp_path / "run", on_step=steps.append).rows == judged.rows
    assert (steps[-1].made, steps[-1].found) == (0, 7)
