"""A gateway and its own vLLM engine, killed in mid-request and in mid-swap: answers are by the weights that were
asked for, before and after, and nothing is left running.

``bash .ci/vllm`` makes the environment that they run in, and runs these tests.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from alphadial.merge_engine import Family, find_weights_id

from .live_engines import ENVIRONMENT, START_S, vllm_python
from .toy_families import toy_family, words

pytestmark = pytest.mark.vllm

ALPHAS = (0.0, 0.5, 1.25)
_GATEWAY = "import sys; from alphadial.cli import main; sys.argv[0] = 'alphadial'; main()"
_ARGUMENTS = ["--enforce-eager", "--max-model-len", "1024", "--max-num-seqs", "16"]
_ARGUMENTS += ["--kv-cache-memory-bytes", str(64 << 20), "--worker-extension-cls", "waiting_worker.WaitingWorker"]


@dataclass
class Served:
    """A gateway in a process of its own, with an engine of its own."""

    family: Family
    folder: Path
    process: subprocess.Popen[str]
    url: str = ""
    said: list[str] = field(default_factory=list)

    def descendants(self) -> dict[int, str]:
        """Programs by process, the engine's guard first."""
        return _descendants(self.process.pid)

    def pid(self, program: str) -> int:
        """The youngest process whose command line or title has these words."""
        return max(pid for pid, command in self.descendants().items() if program in command)

    def body(self, alpha: float, **more: Any) -> dict[str, Any]:
        return {"model": f"toy@{alpha:g}", "prompt": words(3, 1, 4), "max_tokens": 12, "temperature": 0, **more}

    def ask(self, alpha: float) -> httpx.Response:
        return httpx.post(f"{self.url}/completions", json=self.body(alpha), timeout=600)

    def text(self, alpha: float) -> str:
        answer = self.ask(alpha)
        assert answer.status_code == 200, answer.text
        assert answer.json()["system_fingerprint"] == find_weights_id(self.family, alpha)
        return str(answer.json()["choices"][0]["text"])

    def is_up(self) -> bool:
        return httpx.get(self.url.removesuffix("/v1") + "/health", timeout=60).status_code == 200


def _descendants(pid: int) -> dict[int, str]:
    found = {}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            found |= _descendants(int(child))
    return found


def until(true: Callable[[], bool], seconds: float, said: Sequence[str] = ()) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it takes too long: {said}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("faults")
    family = toy_family(folder / "toy", "qwen2")
    environment = os.environ | ENVIRONMENT | {"ALPHADIAL_TEST_FOLDER": str(folder)}
    command = [sys.executable, "-c", _GATEWAY, "serve", str(family.path), "--port", "0"]
    command += ["--python", vllm_python(), "--start-timeout", str(START_S), "--", *_ARGUMENTS]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    made = Served(family, folder, process)

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            made.said.append(line)
            if address := re.search(r"at (http://\S+/v1)", line):
                made.url = address[1]

    threading.Thread(target=listen, daemon=True).start()
    try:
        until(lambda: bool(made.url) or process.poll() is not None, START_S, made.said)
        assert made.url, made.said
        yield made
    finally:
        left = _descendants(process.pid) if process.poll() is None else {}
        process.kill()
        process.wait()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), 120)


@pytest.fixture(scope="module")
def texts(served: Served) -> dict[float, str]:
    """Greedy answers before anything has failed."""
    found = {alpha: served.text(alpha) for alpha in ALPHAS}
    assert len(set(found.values())) == len(ALPHAS)
    return found


def test_a_worker_killed_in_mid_request(served: Served, texts: dict[float, str]) -> None:
    known = find_weights_id(served.family, 0.5)
    for _ in range(4):  # on a busy machine the answer may be whole before the kill is heard of
        events = _killed_while_it_streams(served)
        _comes_back(served, texts)
        assert {event["system_fingerprint"] for event in events if "error" not in event} <= {known}
        if "error" in events[-1]:
            break
    assert "error" in events[-1], events[-1]


def _killed_while_it_streams(served: Served) -> list[Any]:
    """The events of an answer whose worker is killed once it has begun."""
    worker, events = served.pid("VLLM::EngineCore"), []
    body = served.body(0.5, max_tokens=900, ignore_eos=True, stream=True)
    with httpx.stream("POST", f"{served.url}/completions", json=body, timeout=600) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                events.append(json.loads(line.removeprefix("data: ")))
                if len(events) == 1:
                    os.kill(worker, signal.SIGKILL)
    return events


def test_an_engine_killed_in_mid_swap(served: Served, texts: dict[float, str]) -> None:
    with in_mid_swap(served, 0.5) as answers:
        os.kill(served.pid("api_server"), signal.SIGKILL)
    (answer,) = answers
    assert answer.status_code in (502, 503), answer.text
    assert "\n" not in answer.json()["error"]["message"]
    _comes_back(served, texts)


def test_a_gateway_killed_in_mid_swap_leaves_nothing_running(served: Served) -> None:
    left = served.descendants()
    with in_mid_swap(served, 0.5) as answers:
        served.process.kill()
    assert answers == []
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), 120)


@contextmanager
def in_mid_swap(served: Served, alpha: float) -> Iterator[list[httpx.Response]]:
    """Meanwhile the engine has written a few tensors of an alpha that is asked for, and waits; gives the answer."""
    wait, waiting = (served.folder / name for name in ("wait", "waiting"))
    answers: list[httpx.Response] = []

    def ask() -> None:
        with suppress(httpx.TransportError):  # where whoever was asked is gone
            answers.append(served.ask(alpha))

    served.text(0.0)
    wait.touch()
    asking = threading.Thread(target=ask)
    asking.start()
    until(waiting.exists, 300)
    yield answers
    wait.unlink()
    waiting.unlink()
    asking.join(120)


def _comes_back(served: Served, texts: dict[float, str]) -> None:
    """The gateway starts its engine again, which then answers as before."""
    starts = len([line for line in served.said if "the engine answers" in line])
    until(lambda: len([line for line in served.said if "the engine answers" in line]) > starts, START_S, served.said)
    until(served.is_up, 120)
    assert {alpha: served.text(alpha) for alpha in ALPHAS} == texts
