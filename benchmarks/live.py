"""Turning the dial of a running vLLM beside what else there is, in one process run on this machine.

    ALPHADIAL_VLLM_PYTHON=.venv-vllm/bin/python python -m benchmarks.live [--width 256] [--layers 6] [--repeats 3]

How long a change of alpha takes: ``POST /v1/alpha`` (mode swap), ``reload_weights`` from a folder that is merged for
it, and starting an engine on that folder. How long 64 requests over 6 alphas take, 32 tokens each: through the gateway
in mode swap, in mode blend, and by merged folders one after the other, reloaded by one engine or served by one each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from alphadial.merge_engine import Family, ServeOptions, ServingMode, format_alpha, merge_to_folder
from alphadial.merge_engine.live.blend import BLEND_ENVIRONMENT, blend_arguments
from alphadial.merge_engine.live.serving import gateway
from alphadial.merge_engine.live.swap import swap_arguments
from tests.merge_engine.toy_families import toy_family, words

ALPHAS = (-0.5, 0.25, 0.5, 0.75, 1.25, 1.5)
REQUESTS, TOKENS, TURNS = 64, 32, 12
START_S = 400
COMPLETIONS = "/v1/completions"
ARGUMENTS = ["--enforce-eager", "--max-model-len", "1024", "--max-num-seqs", "64", "--max-num-batched-tokens", "2048"]
ARGUMENTS += ["--kv-cache-memory-bytes", str(256 << 20), "--host", "127.0.0.1"]
ENVIRONMENT = {
    "VLLM_PLUGINS": "alphadial,alphadial_http",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_SERVER_DEV_MODE": "1",  # which has the route that reloads weights
}


@asynccontextmanager
async def engine(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str] = {}
) -> AsyncIterator[tuple[httpx.AsyncClient, float]]:
    """A client of a new engine, and the seconds until it answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [os.environ["ALPHADIAL_VLLM_PYTHON"], "-m", "vllm.entrypoints.openai.api_server"]
    command += [*arguments, *ARGUMENTS, "--port", str(port)]
    settings = os.environ | ENVIRONMENT | dict(environment)
    start = time.perf_counter()
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=settings, start_new_session=True)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600, trust_env=False) as client:
            while not await _answers(client):
                if process.poll() is not None or time.perf_counter() - start > START_S:
                    raise RuntimeError((folder / "engine.log").read_text()[-3000:])
                await asyncio.sleep(0.1)
            yield client, time.perf_counter() - start
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health")).status_code == 200
    except httpx.TransportError:
        return False


async def ask(client: httpx.AsyncClient, model: str, number: int) -> None:
    body = {"model": model, "prompt": words(*range(number, number + 20)), "max_tokens": TOKENS, "ignore_eos": True}
    answer = await client.post(COMPLETIONS, json={**body, "temperature": 0})
    if answer.status_code != 200 or answer.json()["usage"]["completion_tokens"] != TOKENS:
        raise RuntimeError(answer.text)


async def by_gateway(family: Family, url: str, mode: ServingMode, repeats: int) -> list[float]:
    """Seconds for all requests at once, in mixed order, each time."""
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(gateway(family, ServeOptions([url], mode)))
        transport = httpx.ASGITransport(made.app)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://gateway"))
        models = [f"{family.name}@{format_alpha(ALPHAS[number % len(ALPHAS)])}" for number in range(REQUESTS)]
        seconds = []
        for turn in range(repeats + 1):  # the first warms up: ids, and what vLLM does once
            start = time.perf_counter()
            await asyncio.gather(*(ask(client, model, 100 * turn + n) for n, model in enumerate(models)))
            seconds.append(time.perf_counter() - start)
        return seconds[1:]


async def by_swap(family: Family, folder: Path, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of each change of alpha, and of all requests."""
    async with engine(folder, swap_arguments(family)) as (client, _):
        turns = []
        for turn in range(TURNS + len(ALPHAS)):  # each alpha is made once before it counts
            start = time.perf_counter()
            answer = await client.post("/v1/alpha", json={"alpha": ALPHAS[turn % len(ALPHAS)]})
            turns.append(time.perf_counter() - start)
            answer.raise_for_status()
        return turns[len(ALPHAS) :], await by_gateway(family, str(client.base_url), ServingMode.SWAP, repeats)


async def by_blend(family: Family, folder: Path, repeats: int) -> list[float]:
    async with engine(folder, blend_arguments(family), BLEND_ENVIRONMENT) as (client, _):
        return await by_gateway(family, str(client.base_url), ServingMode.BLEND, repeats)


async def by_reload(family: Family, folder: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds of merges and reloads, and of all requests by merging and reloading for each alpha."""
    found: dict[str, list[float]] = {"merge": [], "reload": [], "requests": []}
    async with engine(folder, ["--model", str(family.low), "--served-model-name", "m"]) as (client, _):
        await _share(client, 0)
        for repeat in range(repeats):
            start = time.perf_counter()
            for place, alpha in enumerate(ALPHAS):
                began = time.perf_counter()
                out = merge_to_folder(family, alpha, folder / f"reload-{repeat}-{place}").out
                merged = time.perf_counter()
                body = {"method": "reload_weights", "kwargs": {"weights_path": str(out)}}
                (await client.post("/collective_rpc", json=body)).raise_for_status()
                (await client.post("/reset_prefix_cache")).raise_for_status()
                found["merge"].append(merged - began)
                found["reload"].append(time.perf_counter() - merged)
                await _share(client, place)
            found["requests"].append(time.perf_counter() - start)
    return found


async def by_restart(family: Family, folder: Path) -> dict[str, list[float]]:
    """Seconds until an engine on a folder merged for it answers, and all requests by such engines in turn."""
    starts, begun = [], time.perf_counter()
    for place, alpha in enumerate(ALPHAS):
        began = time.perf_counter()
        out = merge_to_folder(family, alpha, folder / f"restart-{place}").out
        async with engine(folder, ["--model", str(out), "--served-model-name", "m"]) as (client, _):
            starts.append(time.perf_counter() - began)
            await _share(client, place)
    return {"start": starts, "requests": [time.perf_counter() - begun]}


async def _share(client: httpx.AsyncClient, place: int) -> None:
    """The requests of one alpha, all at once."""
    await asyncio.gather(*(ask(client, "m", number) for number in range(place, REQUESTS, len(ALPHAS))))


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """How often ours fits into theirs: of the medians, and of the extremes that lie closest and furthest."""
    middle = statistics.median(theirs) / statistics.median(ours)
    return {"median": middle, "least": min(theirs) / max(ours), "greatest": max(theirs) / min(ours)}


async def measure(width: int, layers: int, repeats: int, folder: Path) -> dict[str, Any]:
    family = toy_family(folder / "toy", "llama", width=width, layers=layers)
    load = [os.getloadavg()[0]]
    turns, swapped = await by_swap(family, folder, repeats)
    blended = await by_blend(family, folder, repeats)
    reloads = await by_reload(family, folder, repeats)
    restarts = await by_restart(family, folder)
    load.append(os.getloadavg()[0])
    changed = [merge + reload for merge, reload in zip(reloads["merge"], reloads["reload"], strict=True)]
    return {
        "bytes": (family.low / "model.safetensors").stat().st_size,
        "cores": len(os.sched_getaffinity(0)),
        "load_before_and_after": load,
        "change_of_alpha_s": {
            "post_v1_alpha": spread(turns),
            "reload_weights": spread(reloads["reload"]),
            "merge_and_reload_weights": spread(changed),
            "merge_and_restart": spread(restarts["start"]),
        },
        "change_of_alpha_ratio_to_post_v1_alpha": {
            "reload_weights": ratio(reloads["reload"], turns),
            "merge_and_reload_weights": ratio(changed, turns),
            "merge_and_restart": ratio(restarts["start"], turns),
        },
        "requests_s": {
            "swap": spread(swapped),
            "blend": spread(blended),
            "merged_folders_reloaded": spread(reloads["requests"]),
            "merged_folders_restarted": spread(restarts["requests"]),
        },
        "tokens_per_s": {
            name: REQUESTS * TOKENS / statistics.median(seconds)
            for name, seconds in (
                ("swap", swapped),
                ("blend", blended),
                ("merged_folders_reloaded", reloads["requests"]),
                ("merged_folders_restarted", restarts["requests"]),
            )
        },
        "requests_ratio_to_blend": {"swap": ratio(swapped, blended), "reloaded": ratio(reloads["requests"], blended)},
        "requests_ratio_to_swap": {
            "reloaded": ratio(reloads["requests"], swapped),
            "restarted": ratio(restarts["requests"], swapped),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "live.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(measure(asked.width, asked.layers, asked.repeats, Path(folder)))
    asked.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
