"""The shipped family behind ``alphadial serve`` with a real vLLM engine: answers as in this process, and whole runs.

``bash .ci/vllm`` makes the environment that the engine runs in, and runs these tests.
"""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.policies import open_policy, served_models
from alphadial.agents.policies.http import HttpPolicy, ServerOptions
from alphadial.agents.policies.torch_policy import TorchPolicy
from alphadial.agents.policies.weights import VerifiedPolicy
from alphadial.agents.runs.run_folder import RunFolder, read_config
from alphadial.agents.types import Completion, Message, Request
from alphadial.envs.problems import load_split
from alphadial.merge_engine import Family, find_weights_id, load_family

from ..merge_engine.live_engines import ALPHADIAL, Served, served
from ..tiny_specs import FIRST, SECOND
from .servers import ask_all

pytestmark = pytest.mark.vllm

ALPHAS = (0.0, 0.5, 2.0)
FEW = (
    "--alphas=0,0.5,2",
    "--split",
    "dev",
    "--problems",
    f"{FIRST.id},{SECOND.id}",
    "--temperature",
    "0",
)
TOOLS = ({"type": "function", "function": {"name": "submit", "parameters": {"type": "object", "properties": {}}}},)
SETTINGS = pytest.mark.parametrize("setting", ["reasoning", "tools"])


@pytest.fixture(scope="module")
def family() -> Family:
    return load_family("tiny")


@pytest.fixture(scope="module")
def server(family: Family) -> Iterator[Served]:
    """It takes requests that offer tools, whatever the model makes of them."""
    with served(family, "--enable-auto-tool-choice", "--tool-call-parser", "hermes") as made:
        yield made


def requests() -> list[Request]:
    """Greedy ones, to all models in turn."""
    return [
        Request(
            f"tiny@{ALPHAS[number % len(ALPHAS)]:g}",
            (Message(role="user", content=problem.prompt),),
            seed=number,
            temperature=0.0,
            max_tokens=64,
        )
        for number, problem in enumerate(load_split("tiny-problems", "dev").problems[:24])
    ]


def one_by_one(policy: Any, asked: list[Request]) -> list[Completion]:
    """On a CPU, what shares a batch of vLLM's changes the last bits."""
    return [ask_all(policy, [request])[0] for request in asked]


def test_greedy_answers_are_those_of_this_process(family: Family, server: Served) -> None:
    assert {"tiny@0", "tiny@0.5", "tiny@2"} <= (served_models(server.url) or frozenset())
    policy = VerifiedPolicy(HttpPolicy(server.url, options=ServerOptions(logprobs=True)), family, server.url)
    there = one_by_one(policy, requests())
    offered = one_by_one(policy, [dataclasses.replace(request, tools=TOOLS) for request in requests()[:6]])
    policy.close()
    here = [one for request in requests() for one in TorchPolicy(family).answer([request])]
    assert [one.token_ids for one in there] == [one.token_ids for one in here]
    assert [one.token_ids for one in offered] == [one.token_ids for one in here[:6]], "its template leaves tools out"
    for ours, theirs in zip(here, there, strict=True):
        assert (theirs.weights_id, theirs.finish_reason) == (ours.weights_id, ours.finish_reason)
        assert (theirs.text.strip(), theirs.prompt_tokens) == (ours.text.strip(), ours.prompt_tokens)
        assert theirs.logprobs == pytest.approx(ours.logprobs, abs=1e-3)
    assert len({one.weights_id for one in there}) == len(ALPHAS)
    assert len({one.token_ids for one in there}) > len(there) // 2


def test_a_chat_that_does_not_fit_is_told_apart(family: Family, server: Served) -> None:
    policy = open_policy(family, server.url)
    long = Request("tiny@0", (Message(role="user", content="agg:count " * 2000),), seed=0, max_tokens=8)
    assert ask_all(policy, [long])[0].finish_reason == "context"
    policy.close()


def rows(folder: Path) -> dict[tuple[str, str, int], tuple[str, str | None, str | None, int]]:
    with RunFolder(folder, read_config(folder)) as opened:
        return {
            (row.model, row.problem, row.sample): (row.answer.strip(), row.weights_id, row.verdict, row.turns)
            for row in opened.store.attempts()
        }


@SETTINGS
def test_a_run_chooses_alpha_at_the_server(family: Family, server: Served, tmp_path: Path, setting: str) -> None:
    options = ("--setting", setting, "--controller", "uniform", "--attempts", "6", "--out", tmp_path / "run")
    subprocess.run(server.command("run", family.path, *FEW, *options), check=True, timeout=900, cwd=tmp_path)
    made = rows(tmp_path / "run")
    assert len({model for model, _, _ in made}) > 1
    assert all(found[1] == find_weights_id(family, float(model[5:])) for (model, _, _), found in made.items())
    assert read_config(tmp_path / "run").setting == setting


@SETTINGS
def test_a_frontier_that_is_killed_goes_on_and_is_that_of_this_process(
    family: Family, server: Served, tmp_path: Path, setting: str
) -> None:
    asked = ("frontier", family.path, *FEW, "--setting", setting, "--samples", "4", "--out")
    remote = server.command(*asked, tmp_path / "there")
    killed = subprocess.Popen(remote, cwd=tmp_path, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 600
    while not finished(tmp_path / "there") and killed.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    killed.kill()
    killed.wait(30)
    subprocess.run(remote, check=True, timeout=900, cwd=tmp_path)
    alone = [*ALPHADIAL, *map(str, asked), str(tmp_path / "here")]
    subprocess.run(alone, check=True, timeout=900, cwd=tmp_path)
    there, here = rows(tmp_path / "there"), rows(tmp_path / "here")
    assert len(there) == len(ALPHAS) * 2 * 4
    # This process has the checkpoints beside the line too, which the server has not.
    assert there == {made: found for made, found in here.items() if made[0] in {model for model, _, _ in there}}


def finished(folder: Path) -> int:
    """How many attempts are on disk, as another process sees it."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'attempts.sqlite'}?mode=ro", uri=True)) as store:
            return int(store.execute("SELECT COUNT(*) FROM attempts").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
