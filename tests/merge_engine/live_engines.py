"""Real vLLM engines for tests, in the environment that ``bash .ci/vllm`` makes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from alphadial.merge_engine import Family

START_S = 900
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_PLUGINS": "alphadial,alphadial_http",
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "PYTHONPATH": str(Path(__file__).parent),
}
Answer = list[Any]
"""Token ids, and for each the top-3 tokens with their logprobs."""


ALPHADIAL = [sys.executable, "-c", "from alphadial.cli import main; main()"]


@dataclass(frozen=True, slots=True)
class Served:
    """A family behind ``alphadial serve``, with a vLLM engine of its own."""

    family: Family
    url: str
    process: subprocess.Popen[str]

    def command(self, *arguments: str | Path) -> list[str]:
        """A command line of alphadial that asks this server."""
        return [*ALPHADIAL, *map(str, arguments), "--server", self.url]


def vllm_python() -> str:
    python = os.environ.get("ALPHADIAL_VLLM_PYTHON")
    assert python is not None, "run bash .ci/vllm, which makes the environment for vLLM"
    return python


@contextmanager
def served(family: Family, *engine: str) -> Iterator[Served]:
    """Serves a family while it is needed, with these arguments of the engine, and fails if a process is left."""
    command = ["nice", *ALPHADIAL, "serve", os.fspath(family.path), "--port", "0", "--python", vllm_python()]
    command += ["--start-timeout", f"{START_S}", "--", "--enforce-eager", "--dtype", "float32"]
    command += ["--kv-cache-memory-bytes", f"{64 << 20}", *engine]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | ENVIRONMENT)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(rf"serving {family.name}@ALPHA at (http://127\.0\.0\.1:\d+)/v1", line):
            break
    else:
        raise AssertionError("".join(said))
    guard = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    try:
        yield Served(family, found[1], process)
    finally:
        process.kill()
        process.wait(30)
        process.stderr.close()
        until = time.monotonic() + 60
        while left := _members(guard):
            assert time.monotonic() < until, f"processes of the engine are left: {left}"
            time.sleep(0.1)


def _members(group: int) -> list[str]:
    """What is left of a process group."""
    left = []
    for process in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = process.read_text().rpartition(")")
            state, _, of = rest.split()[:3]
            if int(of) == group and state != "Z":
                left.append(name)
    return left


@contextmanager
def live_engine(family: Family, arguments: Sequence[str], environment: Mapping[str, str] = {}) -> Iterator[LiveClient]:
    """A running engine, and how it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    log = family.path / "engine.log"
    command = ["nice", vllm_python(), "-m", "vllm.entrypoints.openai.api_server", *arguments]
    command += ["--enforce-eager", "--max-model-len", "1024", "--max-num-batched-tokens", "1024"]
    command += ["--max-num-seqs", "32", "--kv-cache-memory-bytes", str(64 << 20), "--enable-prompt-tokens-details"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    settings = os.environ | ENVIRONMENT | dict(environment)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=settings, start_new_session=True
        )
    try:
        client = LiveClient(family, f"http://127.0.0.1:{port}", log)
        until = time.monotonic() + START_S
        while not client.answers():
            assert process.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < until, log.read_text()[-4000:]
            time.sleep(0.5)
        yield client
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


class LiveClient:
    """Asks a live engine."""

    def __init__(self, family: Family, url: str, log: Path) -> None:
        self.family = family
        self.url = url
        self.log = log
        self.http = httpx.Client(base_url=url, timeout=600)

    def answers(self) -> bool:
        try:
            return self.http.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def turn(self, alpha: str) -> httpx.Response:
        return self.http.post("/v1/alpha", json={"alpha": alpha})

    def complete(self, alpha: str, weights_id: str, prompt: list[int], max_tokens: int, **fields: Any) -> Any:
        """The body of a greedy answer, with token ids and logprobs."""
        answer = self.http.post(
            "/v1/completions",
            json=self.body(alpha, prompt, max_tokens) | fields,
            headers={"X-Weights-Id": weights_id},
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["X-Weights-Id"] == weights_id
        return answer.json()

    def body(self, alpha: str, prompt: list[int], max_tokens: int) -> dict[str, Any]:
        return {
            "model": f"{self.family.name}@{alpha}",
            "prompt": prompt,
            "max_tokens": max_tokens,
            "temperature": 0,
            "logprobs": 3,
            "ignore_eos": True,
            "return_token_ids": True,
            "return_tokens_as_token_ids": True,
        }


def comparable(completion: Any) -> Answer:
    """A completion as ``fresh_answers`` has it."""
    (choice,) = completion["choices"]
    tops = [
        sorted([int(token.removeprefix("token_id:")), logprob] for token, logprob in top.items())
        for top in choice["logprobs"]["top_logprobs"]
    ]
    return [choice["token_ids"], tops]


def fresh_answers(
    folders: Sequence[Path], prompts: list[list[int]], max_tokens: int, *, plain: bool = False, dtype: str = "auto"
) -> list[list[Answer]]:
    """What a fresh engine on each folder answers to each prompt; ``auto`` never computes in float32."""
    out = folders[0].parent / "fresh.json"
    asked = {"folders": [*map(str, folders)], "prompts": prompts, "max_tokens": max_tokens, "dtype": dtype}
    script = Path(__file__).parent / "fresh_engines.py"
    settings = os.environ | ENVIRONMENT | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "WARNING"}
    settings |= {"ALPHADIAL_TEST_PLAIN": "1"} if plain else {}
    subprocess.run(
        ["nice", vllm_python(), script, "plain" if plain else "packed", out],
        input=json.dumps(asked).encode(),
        env=settings,
        check=True,
        timeout=START_S,
    )
    found = json.loads(out.read_text())
    return [found[str(folder)] for folder in folders]
