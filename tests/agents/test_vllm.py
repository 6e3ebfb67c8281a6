"""Real vLLM engines, one per alpha, behind one address: the same answers as in this process, and whole runs.

``bash .ci/vllm`` makes the environment that they run in, and runs these tests.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from alphadial.agents.policies import open_policy, served_models
from alphadial.agents.policies.http import HttpPolicy, ServerOptions
from alphadial.agents.policies.torch_policy import TorchPolicy
from alphadial.agents.policies.weights import VerifiedPolicy
from alphadial.agents.runs.run_folder import RunFolder, read_config
from alphadial.agents.types import Completion, Message, Request
from alphadial.merge_engine import Family, load_family, merge_to_folder

from ..tiny_specs import FIRST, SECOND
from .conftest import ModelMaker
from .servers import Reply, ask_all, serving

pytestmark = pytest.mark.vllm

ALPHAS = (0.0, 0.5)
START_S = 420
SETTINGS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
FEW = (
    "--alphas=0,0.5",
    "--split",
    "dev",
    "--problems",
    f"{FIRST.id},{SECOND.id}",
    "--temperature",
    "0",
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A process that serves one model."""

    name: str
    weights_id: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def await_start(self, until: float) -> None:
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.5)
        raise TimeoutError(self.log.read_text()[-4000:])


@pytest.fixture(scope="module")
def family(make_model: ModelMaker, tmp_path_factory: pytest.TempPathFactory) -> Family:
    """Random weights with heads of 32, the narrowest that vLLM serves on a CPU."""
    folder = tmp_path_factory.mktemp("vllm") / "toy"
    for seed, name in enumerate(("low", "high")):
        model, tokenizer = make_model(seed, hidden_size=64, num_attention_heads=2, max_position_embeddings=1024)
        model.to(torch.bfloat16).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    contents = {
        "name": "toy",
        "checkpoints": {"low": "low", "high": "high"},
        "alpha_range": [-1, 2],
        "prompt": "tiny",
        "parser": "program",
        "problem_set": "tiny-problems",
        "temperature": 0.6,
        "max_tokens": 24,
    }
    (folder / "family.json").write_text(json.dumps(contents))
    return load_family(folder)


def start(python: str, family: Family, alpha: float, folder: Path) -> Engine:
    report = merge_to_folder(family, alpha, folder / f"merged-{alpha:g}")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    name, log = f"{family.name}@{alpha:g}", folder / f"{alpha:g}.log"
    command: list[str | Path] = [
        python,
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        report.out,
        "--served-model-name",
        name,
    ]
    command += ["--fingerprint-mode", "custom", "--fingerprint-value", report.weights_id, "--dtype", "float32"]
    command += ["--enforce-eager", "--max-model-len", "1024", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | SETTINGS, start_new_session=True
        )
    return Engine(name, report.weights_id, port, process, log)


def stop(engine: Engine) -> None:
    os.killpg(engine.process.pid, signal.SIGKILL)
    engine.process.wait(30)


@pytest.fixture(scope="module")
def engines(family: Family) -> Iterator[dict[str, Engine]]:
    """By the name of the model."""
    python = os.environ.get("ALPHADIAL_VLLM_PYTHON")
    assert python is not None, "run bash .ci/vllm, which makes the environment for vLLM"
    with ExitStack() as stack:
        until = time.monotonic() + START_S
        running = [start(python, family, alpha, family.path.parent) for alpha in ALPHAS]
        for engine in running:
            stack.callback(stop, engine)
        for engine in running:
            engine.await_start(until)
        yield {engine.name: engine for engine in running}


@pytest.fixture(scope="module")
def server(engines: Mapping[str, Engine]) -> Iterator[str]:
    """The address of all engines together."""

    def behave(body: dict[str, Any]) -> Reply:
        if "GET" in body:
            return 200, json.dumps({"object": "list", "data": [{"id": name} for name in engines]}).encode()
        if body["model"] not in engines:
            return 404, b'{"error": {"message": "The model does not exist."}}'
        request = urllib.request.Request(
            f"http://127.0.0.1:{engines[body['model']].port}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read()

    with serving(behave, lists=True) as url:
        yield url


def requests() -> list[Request]:
    """Greedy ones of different lengths, to both models in turn."""
    return [
        Request(
            f"toy@{ALPHAS[number % 2]:g}",
            (Message(role="user", content=" ".join(f"w{(number * 7 + i * i) % 60}" for i in range(3 + number))),),
            seed=number,
            temperature=0.0,
            max_tokens=24,
        )
        for number in range(24)
    ]


def one_by_one(policy: Any) -> list[Completion]:
    """On a CPU, what shares a batch of vLLM's changes the last bits."""
    return [ask_all(policy, [request])[0] for request in requests()]


def test_greedy_answers_are_those_of_this_process(family: Family, server: str) -> None:
    assert served_models(server) == frozenset({"toy@0", "toy@0.5"})
    asked = VerifiedPolicy(HttpPolicy(server, options=ServerOptions(logprobs=True)), family, server)
    there = one_by_one(asked)
    asked.close()
    here = [one for request in requests() for one in TorchPolicy(family).answer([request])]
    assert [one.token_ids for one in there] == [one.token_ids for one in here]
    for ours, theirs in zip(here, there, strict=True):
        assert (theirs.weights_id, theirs.finish_reason) == (ours.weights_id, ours.finish_reason)
        assert (theirs.text.strip(), theirs.prompt_tokens) == (ours.text, ours.prompt_tokens)
        assert theirs.logprobs == pytest.approx(ours.logprobs, abs=1e-3)
    assert len({one.weights_id for one in there}) == len(ALPHAS)
    assert len({one.token_ids for one in there}) > len(there) // 2


def test_a_chat_that_does_not_fit_is_told_apart(family: Family, server: str) -> None:
    policy = open_policy(family, server)
    long = Request("toy@0", (Message(role="user", content="w1 " * 2000),), seed=0, max_tokens=8)
    assert ask_all(policy, [long])[0].finish_reason == "context"
    policy.close()


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", "from alphadial.cli import main; main()", *map(str, arguments)]


def rows(folder: Path) -> dict[tuple[str, str, int], tuple[str, str | None, str | None]]:
    with RunFolder(folder, read_config(folder)) as opened:
        return {
            (row.model, row.problem, row.sample): (row.answer.strip(), row.weights_id, row.verdict)
            for row in opened.store.attempts()
        }


def test_a_run_chooses_between_the_engines(
    family: Family, server: str, engines: Mapping[str, Engine], tmp_path: Path
) -> None:
    options = (*FEW, "--controller", "uniform", "--attempts", "6", "--server", server, "--out", tmp_path / "run")
    subprocess.run(command("run", family.path, *options), check=True, timeout=300, cwd=tmp_path)
    made = rows(tmp_path / "run")
    assert {model for model, _, _ in made} == set(engines)
    assert all(weights_id == engines[model].weights_id for (model, _, _), (_, weights_id, _) in made.items())


def test_a_frontier_that_is_killed_goes_on_and_is_that_of_this_process(
    family: Family, server: str, tmp_path: Path
) -> None:
    asked = ("frontier", family.path, *FEW, "--samples", "32")
    remote = command(*asked, "--server", server, "--out", tmp_path / "there")
    killed = subprocess.Popen(remote, cwd=tmp_path, stdout=subprocess.DEVNULL)
    database = tmp_path / "there" / "attempts.sqlite"
    until = time.monotonic() + 120
    while not (database.exists() and finished(tmp_path / "there")) and killed.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    killed.kill()
    killed.wait(30)
    subprocess.run(remote, check=True, timeout=300, cwd=tmp_path)
    subprocess.run(command(*asked, "--out", tmp_path / "here"), check=True, timeout=300, cwd=tmp_path)
    assert rows(tmp_path / "there") == rows(tmp_path / "here")
    tables = [json.loads((tmp_path / side / "outcomes.json").read_text()) for side in ("there", "here")]
    assert tables[0] == tables[1]


def finished(folder: Path) -> int:
    """How many attempts are on disk, as another process sees it."""
    import sqlite3

    try:
        with closing(sqlite3.connect(f"file:{folder / 'attempts.sqlite'}?mode=ro", uri=True)) as store:
            return int(store.execute("SELECT COUNT(*) FROM attempts").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
