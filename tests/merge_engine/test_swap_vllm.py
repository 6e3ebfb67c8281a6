"""Real vLLM engines in mode swap: what they answer is, to the bit, what fresh engines on merged folders answer.

``bash .ci/vllm`` makes the environment that they run in, and runs these tests.
"""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from alphadial.merge_engine import Family, format_alpha, merge_to_folders
from alphadial.merge_engine.live.swap import WORKER, swap_arguments

from .live_engines import Answer, LiveClient, comparable, fresh_answers, live_engine, vllm_python
from .toy_families import toy_family

pytestmark = pytest.mark.vllm

ALPHAS = (-1.5, -0.5, 0.0, 0.00390625, 0.25, 0.3984375, 0.5, 0.75, 1.0, 1.25, 2.0, 3.0)
SWAPS = 40
PROMPTS = [[1, *(random.Random(length).randrange(4, 64) for _ in range(length))] for length in (3, 17, 60, 264)]
LONG = 3
CACHED = 256
TOKENS = 16


@dataclass(frozen=True)
class Served:
    """An engine, and what must come of it."""

    client: LiveClient
    ids: Mapping[str, str]
    """Of a merge, by alpha."""
    fresh: Mapping[str, list[Answer]]
    """What a fresh engine answers to each prompt, by alpha."""
    fault: Path
    """A file: as long as it is there, reloads break off."""

    def turn(self, alpha: str) -> Any:
        answer = self.client.turn(alpha)
        assert answer.status_code == 200, answer.text
        assert answer.json()["weights_id"] == self.ids[alpha]
        return answer.json()

    def ask(self, alpha: str, number: int, **fields: Any) -> Any:
        return self.client.complete(alpha, self.ids[alpha], PROMPTS[number], TOKENS, **fields)

    def state(self) -> Any:
        return self.client.http.get("/v1/alpha").json()


def serve(architecture: str, folder: Path, alphas: tuple[float, ...], *, plain: bool = False) -> Iterator[Served]:
    family: Family = toy_family(folder / architecture, architecture)
    names = [format_alpha(alpha) for alpha in alphas]
    reports = merge_to_folders(family, {alpha: folder / f"merged-{format_alpha(alpha)}" for alpha in alphas})
    fresh = fresh_answers([report.out for report in reports], PROMPTS, TOKENS, plain=plain)
    ids = {name: report.weights_id for name, report in zip(names, reports, strict=True)}
    worker = "vllm_workers.PlainWorker" if plain else "vllm_workers.FaultyWorker"
    arguments = [worker if argument == WORKER else argument for argument in swap_arguments(family)]
    fault = folder / "fault"
    environment = {"ALPHADIAL_TEST_FAULT": str(fault)} | ({"ALPHADIAL_TEST_PLAIN": "1"} if plain else {})
    with live_engine(family, arguments, environment) as client:
        yield Served(client, ids, dict(zip(names, fresh, strict=True)), fault)


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serve(request.param, tmp_path_factory.mktemp("swap"), ALPHAS)


def test_forty_swaps_answer_as_fresh_engines_on_merged_folders(served: Served) -> None:
    draw = random.Random(7)
    names = list(served.ids)
    order: list[str] = draw.sample(names, len(names))
    while len(order) < SWAPS:
        order.append(draw.choice([name for name in names if name != order[-1]]))
    assert served.state()["write_path"] == "reload"
    met: set[str] = set()
    seconds, worker_seconds = [], []
    for number, alpha in enumerate(order, served.state()["version"]):
        began = time.perf_counter()
        change = served.turn(alpha)
        seconds.append(time.perf_counter() - began)
        worker_seconds.append(change["seconds"])
        assert change["version"] in (number, number + 1)  # the first may be what the engine has
        for prompt in range(len(PROMPTS)) if alpha not in met else (LONG,):
            answer = served.ask(alpha, prompt)
            assert comparable(answer) == served.fresh[alpha][prompt], (alpha, prompt)
            assert (answer["model"], answer["system_fingerprint"]) == (f"toy@{alpha}", served.ids[alpha])
            if prompt == LONG:
                reused = answer["usage"]["prompt_tokens_details"]["cached_tokens"]
                assert reused == (CACHED if alpha in met else 0), alpha
        met.add(alpha)
    assert met == set(names)
    assert len({json.dumps(answers[LONG]) for answers in served.fresh.values()}) > len(names) // 2
    median, worker = (sorted(times)[len(times) // 2] * 1e3 for times in (seconds, worker_seconds))
    print(f"POST /v1/alpha: median {median:.1f} ms, of it {worker:.1f} ms in the worker, at most {max(seconds):.3f} s")


@pytest.mark.parametrize("alpha", ["0.3", "9", "x"])
def test_an_alpha_that_is_refused_leaves_the_engine_serving(served: Served, alpha: str) -> None:
    served.turn("0.5")
    assert served.client.turn(alpha).status_code == 400
    assert comparable(served.ask("0.5", 1)) == served.fresh["0.5"][1]
    wrong = served.client.http.post(
        "/v1/completions", json=served.client.body("0.5", PROMPTS[0], 4), headers={"X-Weights-Id": served.ids["2"]}
    )
    assert (wrong.status_code, served.ids["0.5"] in wrong.text) == (412, True)


def test_routes_that_generate_or_change_weights_unseen_are_refused(served: Served) -> None:
    for path in ("/v1/responses", "/v1/messages", "/inference/v1/generate", "/v1/load_lora_adapter", "/invocations"):
        assert served.client.http.post(path, json={"model": "toy", "prompt": "w1"}).status_code == 403
    for path in ("/health", "/metrics", "/v1/models"):
        assert served.client.http.get(path).status_code == 200


def test_a_swap_waits_for_the_requests_under_way(served: Served) -> None:
    served.turn("0.25")
    whole = served.client.complete("0.25", served.ids["0.25"], PROMPTS[1], 400)["choices"][0]["token_ids"]
    ended: list[float] = []
    began = threading.Event()

    def turn() -> None:
        began.wait(60)
        served.turn("1.25")
        ended.append(time.monotonic())

    thread = threading.Thread(target=turn)
    thread.start()
    tokens: list[int] = []
    read: list[float] = []
    body = served.client.body("0.25", PROMPTS[1], 400) | {"stream": True}
    with served.client.http.stream(
        "POST", "/v1/completions", json=body, headers={"X-Weights-Id": served.ids["0.25"]}
    ) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                event = json.loads(line.removeprefix("data: "))
                assert event["system_fingerprint"] == served.ids["0.25"]
                tokens += event["choices"][0]["token_ids"]
                read.append(time.monotonic())
                began.set()
    thread.join(60)
    assert tokens == whole
    # This client may read the last tokens some milliseconds after the engine has written them.
    assert ended[0] > (read[0] + read[-1]) / 2
    assert comparable(served.ask("1.25", 2)) == served.fresh["1.25"][2]


def test_a_client_that_goes_away_before_a_swap_leaves_nothing_in_the_prefix_cache(served: Served) -> None:
    for number in range(6):
        served.turn("2")
        prompt = [1, *(random.Random(number).randrange(4, 64) for _ in range(300))]
        body = served.client.body("2", prompt, 300) | {"stream": True}
        with (
            httpx.Client(base_url=served.client.url) as http,
            http.stream("POST", "/v1/completions", json=body, headers={"X-Weights-Id": served.ids["2"]}) as answer,
        ):
            for _ in zip(range(1 + 3 * number), answer.iter_lines(), strict=False):
                pass
        served.turn("-0.5")
        served.turn("2")
        again = served.client.complete("2", served.ids["2"], prompt, 300)
        alone = served.client.complete("2", served.ids["2"], prompt, 300, cache_salt=f"alone-{number}")
        assert again["choices"][0]["token_ids"] == alone["choices"][0]["token_ids"]


def test_an_engine_whose_weights_broke_off_answers_nothing_any_more(served: Served) -> None:
    """The last one: the engine is of no use afterwards."""
    served.turn("0.5")
    served.fault.touch()
    broken = served.client.turn("1")
    served.fault.unlink()
    assert (broken.status_code, "the stream broke" in broken.text) == (503, True), broken.text
    headers = {"X-Weights-Id": served.ids["0.5"]}
    for answer in (
        served.client.http.post("/v1/completions", json=served.client.body("0.5", PROMPTS[0], 4), headers=headers),
        served.client.turn("0.5"),
        served.client.http.get("/health"),
    ):
        assert (answer.status_code, "the stream broke" in answer.text) == (503, True)
    assert served.state()["state"] == "poisoned"


REFUSALS = """
from types import SimpleNamespace as Some
import torch
from alphadial.merge_engine import MergeError
from alphadial.merge_engine.live.swap_worker import check_config, parts_of

def said(refuse):
    try:
        refuse()
    except MergeError as error:
        print(error)

def config(quantization=None, images=False, lora=None, drafts=None):
    model = Some(quantization=quantization, is_multimodal_model=images)
    return Some(model_config=model, lora_config=lora, speculative_config=drafts)

model = torch.nn.Sequential(torch.nn.LayerNorm(4), torch.nn.Conv1d(2, 2, 1))
said(lambda: parts_of(model, torch.float32, torch.device("cpu")))
for refused in ({"quantization": "fp8"}, {"images": True}, {"lora": 1}, {"drafts": 1}, {}):
    said(lambda: check_config(config(**refused)))
"""


def test_what_the_self_test_cannot_look_into_is_refused_by_name() -> None:
    said = subprocess.run([vllm_python(), "-c", REFUSALS], check=True, stdout=subprocess.PIPE, text=True).stdout
    *_, layer, quantised, images, lora, drafts = said.splitlines()
    assert "1 is a Conv1d" in layer
    assert ("quantised" in quantised, "images" in images, "adapters" in lora, "draft" in drafts) == (True,) * 4


def test_parameters_that_are_not_repacked_are_written_straight(tmp_path: Path) -> None:
    for served in serve("qwen2", tmp_path, (0.0, 0.5, 2.0), plain=True):
        assert served.state()["write_path"] == "direct"
        for alpha in ("0.5", "2", "0", "2", "0.5"):
            served.turn(alpha)
            for number in range(len(PROMPTS)):
                assert comparable(served.ask(alpha, number)) == served.fresh[alpha][number], (alpha, number)
