"""``alphadial serve`` with a real vLLM engine of its own: crowds, commands that are killed, other clients, faults.

``bash .ci/vllm`` makes the environment that the engine runs in, and runs these tests.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from alphadial.envs.problems import load_split
from alphadial.merge_engine import find_weights_id

from .live_engines import START_S, Served, served, vllm_python
from .toy_families import toy_family, words

pytestmark = pytest.mark.vllm

ALPHAS = ("0", "0.5", "1", "1.5", "-0.5", "2")
PROMPTS = 4
REQUESTS = 200
NEAR = 0.01
"""Logprobs that lie closer than this may change places with what shares the batch."""
_TWO = [problem.id for problem in load_split("tiny-problems", "dev").problems[:2]]
FEW = ("--split", "dev", "--problems", ",".join(_TWO))
CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    weights_id: str
    logprobs: list[dict[str, float]]
    """Of the two likeliest tokens at each place."""
    first_s: float
    """Until it began."""
    rest_s: float


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    family = toy_family(tmp_path_factory.mktemp("gateway") / "toy", "qwen2")
    with served(family, "--max-model-len", "1024") as gateway:
        yield gateway


async def ask(client: httpx.AsyncClient, alpha: str, prompt: int) -> Answer:
    message = {"role": "user", "content": words(*(prompt * 7 + place * place for place in range(3 + prompt)))}
    body = {"model": f"toy@{alpha}", "messages": [message], "temperature": 0, "max_tokens": 24, "stream": True}
    began, first = time.monotonic(), 0.0
    pieces, tops, ids = [], [], set()
    async with client.stream("POST", CHAT, json=body | {"logprobs": True, "top_logprobs": 2}) as answer:
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            if not line or line == "data: [DONE]":
                continue
            first = first or time.monotonic() - began
            event = json.loads(line.removeprefix("data: "))
            ids.add(event["system_fingerprint"])
            for choice in event["choices"]:
                pieces.append(choice["delta"].get("content") or "")
                for token in (choice.get("logprobs") or {}).get("content") or []:
                    tops.append({top["token"]: top["logprob"] for top in token["top_logprobs"]})
    (weights_id,) = ids
    return Answer("".join(pieces), weights_id, tops, first, time.monotonic() - began - first)


def differs(solo: Answer, crowd: Answer) -> bool:
    """Whether two texts differ; where they part, the two best tokens must lie close."""
    if solo.text == crowd.text:
        return False
    pairs = zip(solo.logprobs, crowd.logprobs, strict=False)
    parting = next(
        here for here, there in pairs if max(here, key=here.__getitem__) != max(there, key=there.__getitem__)
    )
    best, second = sorted(parting.values(), reverse=True)
    assert best - second < NEAR, f"{solo.text!r} became {crowd.text!r}"
    return True


def longest_swap(metrics: str) -> float:
    """The upper end of the last bucket that holds a swap."""
    buckets = re.findall(r'^alphadial_swap_seconds_bucket\{le="([^"]+)"\} ([0-9.]+)$', metrics, re.MULTILINE)
    return float(next(end for end, count in buckets if count == buckets[-1][1]))


def test_a_crowd_gets_the_answers_that_each_would_get_alone(gateway: Served) -> None:
    async def scenario() -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=gateway.url, timeout=900, limits=limits) as client:
            solo = {(alpha, prompt): await ask(client, alpha, prompt) for alpha in ALPHAS for prompt in range(PROMPTS)}
            for (alpha, _), answer in solo.items():
                assert answer.weights_id == find_weights_id(gateway.family, float(alpha))
            crowd = [(ALPHAS[number % 6], number // 6 % PROMPTS) for number in range(REQUESTS)]
            random.Random(0).shuffle(crowd)
            answers = await asyncio.gather(*(ask(client, *each) for each in crowd))
            assert [answer.weights_id for answer in answers] == [solo[each].weights_id for each in crowd]
            parted = sum(differs(solo[each], answer) for each, answer in zip(crowd, answers, strict=True))
            assert parted <= REQUESTS // 20
            assert len({answer.text for answer in solo.values()}) > len(solo) // 2
            # An alpha's turn takes no longer than its longest answer, whose prompt is a part of what is measured first;
            # a busy machine may make either twice as long as it was when it was measured.
            swap = longest_swap((await client.get("/metrics")).text)
            turn = max(answer.rest_s for answer in answers) + max(answer.first_s for answer in solo.values()) + swap
            longest = max(answer.first_s for answer in answers)
            print(f"{REQUESTS} requests, {parted} parted; longest wait {longest:.1f} s, bound {12 * turn:.1f} s")
            assert longest <= 2 * len(ALPHAS) * turn

    asyncio.run(scenario())


def test_a_client_of_a_third_party_turns_the_dial(gateway: Served) -> None:
    program = """
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="none", max_retries=0)
names = [model.id for model in client.models.list()]
assert {"toy@-2", "toy@0.5", "toy@high"} <= set(names), names[:5]
asked = dict(messages=[{"role": "user", "content": "w1 w2 w3"}], temperature=0, max_tokens=8)
for name in ("toy@0.5", "toy@1.25", "toy@high"):
    whole = client.chat.completions.create(model=name, **asked)
    parts = list(client.chat.completions.create(model=name, stream=True, **asked))
    text = "".join(part.choices[0].delta.content or "" for part in parts)
    assert whole.model == name and text == whole.choices[0].message.content
    assert {part.system_fingerprint for part in parts} == {whole.system_fingerprint}
    legacy = client.completions.create(model=name, prompt="w1 w2", max_tokens=4)
    assert legacy.system_fingerprint == whole.system_fingerprint
    print(whole.system_fingerprint)
for name, kind in (("toy@0.3", openai.BadRequestError), ("gpt-4", openai.NotFoundError)):
    try:
        client.chat.completions.create(model=name, **asked)
    except kind as error:
        print(error.body["message"])
"""
    command = [vllm_python(), "-c", program, gateway.url]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600).stdout.splitlines()
    assert told[:3] == [find_weights_id(gateway.family, alpha) for alpha in (0.5, 1.25, 1.0)]
    assert "0.296875 and 0.30078125" in told[3]
    assert "gpt-4" in told[4]


def test_a_run_chooses_alpha_at_the_gateway(gateway: Served, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ("--alphas=0,0.5,1", "--controller", "uniform", "--attempts", "4", "--out", out)
    subprocess.run(gateway.command("run", gateway.family.path, *FEW, *options), check=True, timeout=900, cwd=tmp_path)
    made = rows(out)
    assert {model for model, _ in made} <= {"toy@0", "toy@0.5", "toy@1"}
    assert len({weights_id for _, weights_id in made}) > 1
    assert all(weights_id == find_weights_id(gateway.family, float(model[4:])) for model, weights_id in made)


def test_a_frontier_and_a_comparison_are_killed_and_go_on(gateway: Served, tmp_path: Path) -> None:
    out = tmp_path / "frontier"
    frontier = gateway.command(
        "frontier", gateway.family.path, *FEW, "--alphas=0,0.5,1", "--samples", "16", "--out", out
    )
    kill_when_begun(frontier, out, tmp_path)
    kept = len(rows(out))
    subprocess.run(frontier, check=True, timeout=900, cwd=tmp_path)
    assert len(rows(out)) == 3 * 2 * 16 > kept > 0
    table = json.loads((out / "outcomes.json").read_text())
    told = json.dumps(table)
    assert all(find_weights_id(gateway.family, alpha) in told for alpha in (0.0, 0.5, 1.0))

    out = tmp_path / "compare"
    compare = gateway.command(
        "compare", gateway.family.path, "--split", "test", "--dev", "dev", "--alphas=0,1", "--out", out,
        "--attempts", "1,2", "--samples", "2", "--temperatures", "0.6", "--controllers", "rule", "--orders", "5",
        "--json", tmp_path / "compare.json",
    )  # fmt: skip
    kill_when_begun(compare, out, tmp_path)
    subprocess.run(compare, check=True, timeout=1800, cwd=tmp_path)
    assert {row["controller"] for row in json.loads((tmp_path / "compare.json").read_text())["rows"]} >= {"rule"}


def kill_when_begun(command: list[str], out: Path, cwd: Path) -> None:
    killed = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 600
    while not any(rows(store.parent) for store in out.rglob("attempts.sqlite")) and killed.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    killed.kill()
    killed.wait(30)


def rows(folder: Path) -> list[tuple[str, str]]:
    """Model and weights id of each attempt on disk, as another process sees them."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'attempts.sqlite'}?mode=ro", uri=True)) as store:
            return store.execute("SELECT model, weights_id FROM attempts").fetchall()
    except sqlite3.OperationalError:
        return []


def test_an_engine_that_dies_is_started_again_and_nobody_is_answered_by_other_weights(gateway: Served) -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "w1"}], "max_tokens": 900, "temperature": 0}
    (guard,) = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
    (engine,) = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()

    async def scenario() -> None:
        async with httpx.AsyncClient(base_url=gateway.url, timeout=900) as client:

            async def one(number: int) -> tuple[int, str]:
                model = {"model": f"toy@{number % 3 / 2}", "ignore_eos": True, "stream": number % 2 == 0}
                answer = await client.post(CHAT, json=body | model)
                return answer.status_code, answer.text

            asked = [asyncio.create_task(one(number)) for number in range(12)]
            while "alphadial_running 0.0" in (await client.get("/metrics")).text:
                await asyncio.sleep(0.05)
            os.kill(int(engine), signal.SIGKILL)
            for status, text in await asyncio.gather(*asked):
                assert status in (200, 502, 503), text
                assert status != 200 or "engine_error" in text or text.rstrip().endswith(("[DONE]", "}")), text[-300:]
            until = time.monotonic() + START_S
            while (await client.get("/health")).status_code != 200:
                assert time.monotonic() < until
                await asyncio.sleep(0.5)
            answer = await client.post(CHAT, json=body | {"model": "toy@1.5", "max_tokens": 4})
            assert answer.json()["system_fingerprint"] == find_weights_id(gateway.family, 1.5)

    asyncio.run(scenario())
