from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.agent.checkpoints import CheckpointSaver
from alphadial.agents.errors import BadAnswerError, PolicyError
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.policies.scripted import Line
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.attempt_rows import TIMES
from alphadial.agents.runs.config import ModelChoice, RunConfig, plan
from alphadial.agents.runs.prices import Prices
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import Progress, rollout, run_attempts
from alphadial.agents.types import Completion, Policy, Request
from alphadial.envs.types import JudgeReport, Problem, Rules, Setting

from .fakes import PROGRAMS, ReadingJudge, answer, make_config, make_problems

MODEL = (ModelChoice("toy@0", 0.0),)


def run(
    folder: Path,
    config: RunConfig,
    problems: tuple[Problem, ...],
    policy: Policy,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoints: CheckpointStore | None = None,
) -> list[Any]:
    with RunFolder(folder, config) as opened:
        specs = plan(config, problems)
        run_attempts(specs, AttemptDeps(policy, ReadingJudge(), checkpoints), opened.store, on_progress)
        return table(opened)


def table(folder: RunFolder) -> list[dict[str, Any]]:
    rows = map(dataclasses.asdict, folder.store.attempts())
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def test_every_attempt_is_a_row(tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]) -> None:
    seen: list[Progress] = []
    rows = run(tmp_path, config, problems, ScriptedPolicy(answer), on_progress=seen.append)
    assert len(rows) == 6 * 2 * 4
    assert {(row["problem"], row["model"], row["sample"]) for row in rows} == {
        (f"p{p}", model, sample) for p in range(6) for model in ("toy@0", "toy@init") for sample in range(4)
    }
    assert len({row["seed"] for row in rows}) == len(rows)
    for row in rows:
        assert row["program"] == PROGRAMS[row["seed"] % len(PROGRAMS)]
        assert row["status"] == ("unmeasurable" if row["program"] == "U" else "judged")
    slow = next(row for row in rows if row["program"] == "TLE 1")
    assert (slow["verdict"], slow["failure_kind"], slow["level_reached"]) == ("TLE", "optimisation", 1)
    assert (seen[0].done, seen[0].latest, seen[-1].done, seen[-1].total) == (0, None, 48, 48)


def test_finished_attempts_are_not_made_again(tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]) -> None:
    calls = 0

    def failing(request: Request) -> str | Exception:
        nonlocal calls
        calls += 1
        return PolicyError("out of order") if calls > 20 else answer(request)

    with pytest.raises(PolicyError, match="out of order"):
        run(tmp_path, config, problems, ScriptedPolicy(failing, concurrency=4))
    second = ScriptedPolicy(answer, concurrency=4)
    seen: list[Progress] = []
    resumed = run(tmp_path, config, problems, second, on_progress=seen.append)
    assert 0 < seen[0].resumed <= 20
    assert len(second.requests) == 48 - seen[0].resumed
    assert resumed == run(tmp_path / "whole", config, problems, ScriptedPolicy(answer))


def test_batching_and_order_change_no_row(tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]) -> None:
    tables = [run(tmp_path / f"{n}", config, problems, ScriptedPolicy(answer, concurrency=n)) for n in (1, 5, 64)]
    assert tables[0] == tables[1] == tables[2]


def test_an_error_of_the_judge_ends_the_run_and_keeps_the_rows(
    tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]
) -> None:
    def late(request: Request) -> str:
        return "broken" if request.model == "toy@init" else answer(request)

    with pytest.raises(RuntimeError, match="the judge broke"):
        run(tmp_path, config, problems, ScriptedPolicy(late, concurrency=4))
    with RunFolder(tmp_path, config) as folder:
        assert len(folder.store.finished()) > 0


def test_an_answer_without_a_program_is_judged_as_none(
    tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]
) -> None:
    fenced = dataclasses.replace(config, parser="fenced")
    rows = run(tmp_path, fenced, problems, ScriptedPolicy(lambda request: "I do not know."))
    assert {(row["program"], row["answer"], row["verdict"]) for row in rows} == {("", "I do not know.", "CE")}


def test_what_databases_refuse_is_replaced(tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]) -> None:
    fenced = dataclasses.replace(config, parser="fenced")
    rows = run(tmp_path, fenced, problems, ScriptedPolicy(lambda request: "a\0b\ud800c"))
    assert {row["answer"] for row in rows} == {"a\ufffdb?c"}


def test_a_row_holds_tokens_costs_and_the_submission_s_language(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    def given(request: Request) -> Completion:
        nothing = math.inf if request.messages[-1]["content"] == "prompt p0" else -0.5
        return Completion("AC 2", None, 0, 3, token_ids=(5, 6, 2), logprobs=(-0.25, nothing, 0.0))

    prices = Prices(prompt_token=0.5, completion_token=2.0, sandbox_second=0.0)
    config = dataclasses.replace(make_config(samples=1), models=MODEL, prices=prices)
    rows = {row["problem"]: row for row in run(tmp_path, config, problems, ScriptedPolicy(given))}
    assert {row["token_ids"] for row in rows.values()} == {"[[5,6,2]]"}
    assert rows["p0"]["logprobs"] == "[[-0.25,null,0.0]]"
    assert rows["p1"]["logprobs"] == "[[-0.25,-0.5,0.0]]"
    assert {(row["language"], row["borderline"], row["error"]) for row in rows.values()} == {("python3", 0, "")}
    assert {row["model_cost"] for row in rows.values()} == {2 * 0.5 + 3 * 2.0}
    plain = dataclasses.replace(config, prices=None)
    for row in run(tmp_path / "plain", plain, problems, ScriptedPolicy(answer)):
        assert (row["model_cost"], row["token_ids"], row["logprobs"]) == (None, "", "")


def test_seeds_follow_from_run_problem_sample_dial_and_temperature(
    config: RunConfig, problems: tuple[Problem, ...]
) -> None:
    def seeds(changed: RunConfig) -> list[int]:
        return [spec.request.seed for spec in plan(changed, problems)]

    assert seeds(config) == seeds(dataclasses.replace(config, command="run", coverage="low"))
    assert max(seeds(config)) < 2**53
    for change in (
        {"seed": 2},
        {"temperature": 1.0},
        {"models": (ModelChoice("toy@1", 1.0), ModelChoice("toy@2", 2.0))},
    ):
        assert not set(seeds(config)) & set(seeds(dataclasses.replace(config, **change)))


def test_rollouts_take_the_same_path(problems: tuple[Problem, ...]) -> None:
    policy = ScriptedPolicy(answer, weights_id=None)
    asked = [problem for problem in problems for _ in range(3)]
    options: dict[str, Any] = {
        "model": "in-training",
        "temperature": 1.0,
        "max_tokens": 8,
        "rules": Rules(coverage="low"),
        "prompt": "tiny",
        "parser": "program",
    }
    first = rollout(asked, AttemptDeps(policy, ReadingJudge()), seed="grpo/0/1", **options)
    assert [one.request.messages[0]["content"] for one in first] == [problem.prompt for problem in asked]
    assert all(one.program == answer(one.request) for one in first)
    assert all(one.report.verdict == (None if one.program == "U" else one.program.split()[0]) for one in first)
    again = rollout(asked, AttemptDeps(policy, ReadingJudge()), seed="grpo/0/1", **options)
    assert [one.request for one in again] == [one.request for one in first]
    other = rollout(asked, AttemptDeps(policy, ReadingJudge()), seed="grpo/0/2", **options)
    assert not {one.request.seed for one in other} & {one.request.seed for one in first}


class Held(ScriptedPolicy):
    """Holds one answer back until it is released."""

    def __init__(self, held: str) -> None:
        super().__init__(lambda request: "AC 2" if "<repair>" in request.messages[-1]["content"] else "WA 1")
        self.released = asyncio.Event()
        self._held = held

    async def complete(self, request: Request) -> Completion:
        if request.messages[-1]["content"] == self._held:
            async with asyncio.timeout(120):
                await self.released.wait()
        return await super().complete(request)


@pytest.mark.parametrize("setting", [Setting.REASONING, Setting.TOOLS])
def test_no_attempt_waits_for_the_answer_to_another(
    tmp_path: Path, problems: tuple[Problem, ...], setting: Setting
) -> None:
    turns = 1 if setting is Setting.REASONING else 3
    config = dataclasses.replace(make_config(samples=1), setting=setting, max_turns=turns, models=MODEL)
    policy, ended = Held("prompt p0"), []

    def note(progress: Progress) -> None:
        if progress.latest is not None:
            ended.append(progress.latest.problem)
        if progress.done == len(problems) - 1:
            policy.released.set()

    run(tmp_path, config, problems, policy, note)
    assert ended[-1] == "p0"


def test_no_attempt_waits_for_the_judgement_of_another(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    released = threading.Event()

    class Holding(ReadingJudge):
        def judge(self, problem: Problem, *given: Any, **options: Any) -> JudgeReport:
            assert problem.id != "p0" or released.wait(120)
            return super().judge(problem, *given, **options)

    def note(progress: Progress) -> None:
        if progress.done == len(problems) - 1:
            released.set()

    config = dataclasses.replace(make_config(samples=1), models=MODEL)
    with RunFolder(tmp_path, config) as folder:
        deps = AttemptDeps(ScriptedPolicy(answer), Holding())
        run_attempts(plan(config, problems), deps, folder.store, note)
        assert len(table(folder)) == len(problems)


def test_an_unusable_answer_and_a_problem_that_does_not_fit_are_failed_attempts(
    tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]
) -> None:
    lines: dict[str, Line] = {problem.prompt: "AC 2" for problem in problems}
    lines["prompt p0"] = BadAnswerError("the server sent\0 nonsense")
    lines["prompt p1"] = Completion("", None, 0, 0, finish_reason="context")
    rows = run(tmp_path, config, problems, ScriptedPolicy(lines))
    assert len(rows) == 48
    odd = {row["problem"]: row for row in rows if row["failure_kind"] is not None}
    assert set(odd) == {"p0", "p1"}
    assert all(
        (row["verdict"], row["failure_kind"], row["status"]) == ("CE", "correctness", "judged") for row in odd.values()
    )
    assert (odd["p0"]["end_reason"], odd["p0"]["cause"]) == ("policy", "the server sent\ufffd nonsense")
    assert (odd["p1"]["end_reason"], odd["p1"]["cause"]) == ("context", "the problem does not fit the model's context")
    assert {row["weights_id"] for row in rows if row["problem"] not in odd} == {"scripted"}
    assert odd["p0"]["weights_id"] is None  # nobody answered


def _kill_and_resume(tmp_path: Path, kills: int, interruption: signal.Signals = signal.SIGKILL) -> None:
    child = [sys.executable, "-m", "tests.agents.resume_child", str(tmp_path / "killed")]
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    dice = random.Random(kills)
    for _ in range(kills):
        process = subprocess.Popen(child, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        for _ in range(dice.randint(12, 40)):
            assert process.stdout.readline()
        time.sleep(dice.uniform(0, 0.01))
        process.send_signal(interruption)
        process.wait(timeout=60)
        process.stdout.close()
    last = subprocess.run(child, env=environment, check=True, capture_output=True, text=True)
    resumed = int(last.stdout.partition("\n")[0])
    assert 8 * kills <= resumed < 480
    rows = json.loads((tmp_path / "killed" / "table.json").read_bytes())
    assert rows == run(tmp_path / "whole", make_config(samples=40), make_problems(), ScriptedPolicy(answer))


@pytest.mark.slow
def test_killed_and_resumed_is_the_same_table(tmp_path: Path) -> None:
    _kill_and_resume(tmp_path, kills=1)


@pytest.mark.slow
def test_interrupted_from_the_keyboard_and_resumed_is_the_same_table(tmp_path: Path) -> None:
    _kill_and_resume(tmp_path, kills=3, interruption=signal.SIGINT)


@pytest.mark.slow
def test_killed_ten_times_and_resumed_is_the_same_table(tmp_path: Path) -> None:
    _kill_and_resume(tmp_path, kills=10)


def test_a_row_is_on_disk_before_what_it_could_be_resumed_from_goes(
    tmp_path: Path, problems: tuple[Problem, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(make_config(samples=2), setting=Setting.TOOLS, max_turns=2)
    monkeypatch.setattr("alphadial.agents.runs.store.FLUSH_SECONDS", 1e9)  # no row goes by itself
    forget, forgotten = CheckpointSaver.adelete_thread, []

    async def watched(saver: CheckpointSaver, attempt: str) -> None:
        # As the next process would see it, if this one were killed here.
        with closing(sqlite3.connect(tmp_path / "attempts.sqlite")) as store:
            forgotten.append(store.execute("SELECT COUNT(*) FROM attempts WHERE id = ?", (attempt,)).fetchone()[0])
        await forget(saver, attempt)

    monkeypatch.setattr(CheckpointSaver, "adelete_thread", watched)
    RunFolder(tmp_path, config).close()
    with CheckpointStore(tmp_path) as checkpoints:
        rows = run(tmp_path, config, problems, ScriptedPolicy(lambda _: "AC 1"), checkpoints=checkpoints)
    assert forgotten == [1] * len(rows) == [1] * 24
