"""Merging from disk to disk beside ``cp``, a plain loop of torch, and mergekit, in one process run.

    python benchmarks/merge.py [--gigabytes 1] [--dtypes bf16,fp32] [--methods linear,task_arithmetic,slerp,ties]
        [--repeats 5] [--slow-repeats 2] [--no-mergekit] [--folder DIR]

Random checkpoints that lie as close as fine-tuned ones are made in DIR (a temporary folder), and read once so that they
lie in the page cache. The contenders take turns, and ratios are those of one turn. ``merge`` is the phase that makes
and writes the weights; ``command`` is ``alphadial merge`` as a whole, its start, the weights id and the sync to disk
included. ``cp`` copies one checkpoint. mergekit lives in an environment of its own, which is made once below the user's
cache and takes torch and transformers from this one. It and the loop of torch are slow: they take part in the first
turns only. A machine with other work to do gives other times, and ratios that vary: ``load`` says how much there was.
What is not measured this time keeps its figures.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from merge_contenders import (
    ALPHA,
    MERGEKIT,
    METHODS,
    Task,
    by_command,
    by_copy,
    by_merge,
    by_mergekit,
    by_torch,
    mergekit_python,
    own_memory,
)
from safetensors.torch import save_file

MANY = 8
SLOW = ("torch", "mergekit")
WIDTH, INNER = 2048, 5632
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "tie_word_embeddings": True}
Contenders = dict[str, Callable[[Path], float]]


def shapes(layers: int) -> dict[str, tuple[int, ...]]:
    """A Llama's tensors, with tied embeddings."""
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (8, WIDTH), "model.norm.weight": (WIDTH,)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        found |= {f"{prefix}.self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in "qkvo"}
        found |= {f"{prefix}.mlp.{name}_proj.weight": (INNER, WIDTH) for name in ("gate", "up")}
        found |= {f"{prefix}.mlp.down_proj.weight": (WIDTH, INNER)}
        found |= {f"{prefix}.{name}_layernorm.weight": (WIDTH,) for name in ("input", "post_attention")}
    return found


def make_checkpoints(folder: Path, gigabytes: float, dtype: torch.dtype) -> None:
    """A random Llama, and two near it."""
    layers = max(1, round(gigabytes * 1e9 / dtype.itemsize / (4 * WIDTH * WIDTH + 3 * WIDTH * INNER)))
    config = {**CONFIG, "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": layers}
    for place, name in enumerate(("base", "first", "second")):
        base, noise = torch.Generator().manual_seed(0), torch.Generator().manual_seed(place)
        tensors = {}
        for key, shape in shapes(layers).items():
            values = torch.randn(shape, generator=base) * 0.02
            if place:
                values += torch.randn(shape, generator=noise) * 0.001
            tensors[key] = values.to(dtype)
        (folder / name).mkdir(parents=True)
        save_file(tensors, folder / name / "model.safetensors", metadata={"format": "pt"})
        (folder / name / "config.json").write_text(json.dumps({**config, "num_attention_heads": 16, "vocab_size": 8}))
        (folder / name / "tokenizer.json").write_text("{}")


def rounds(contenders: Contenders, folder: Path, repeats: int, slow_repeats: int = 0) -> dict[str, list[float]]:
    """Seconds of every contender, which take turns; one turn beforehand does not count.

    The slow ones take part in the first ``slow_repeats`` turns that count, and not beforehand.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name, work in contenders.items():
            if name in SLOW and not 1 <= turn <= slow_repeats:
                continue
            out = folder / "out"
            took = work(out)
            shutil.rmtree(out)
            os.sync()  # nobody waits for what another one wrote
            if turn:
                seconds[name].append(took)
    return seconds


def measure(task: Task, repeats: int, slow_repeats: int, python: Path | None) -> dict[str, Any]:
    """One method beside the others."""
    contenders: Contenders = {
        "cp": lambda out: by_copy(task, out),
        "merge": lambda out: by_merge(task, out),
        "command": lambda out: by_command(task, out),
        "torch": lambda out: by_torch(task, out),
    }
    if python is not None:
        contenders["mergekit"] = lambda out: by_mergekit(python, task, out)
    seconds = rounds(contenders, task.folder, repeats, slow_repeats)
    found = {
        "bytes": (task.folder / "base" / "model.safetensors").stat().st_size,
        "load": os.getloadavg()[0],
        "seconds": {name: spread(values) for name, values in seconds.items()},
        "merge_to_cp": ratios(seconds["merge"], seconds["cp"]),
        "merge_to_torch": ratios(seconds["merge"], seconds["torch"]),
        "own_memory_bytes": own_memory(task, task.folder / "out"),
    }
    shutil.rmtree(task.folder / "out")
    if python is not None:
        found["command_to_mergekit"] = ratios(seconds["command"], seconds["mergekit"])
    return found


def measure_many(task: Task, repeats: int) -> dict[str, Any]:
    """Several alphas from one pass, beside as many copies."""
    contenders: Contenders = {
        "cp": lambda out: sum(by_copy(task, out / str(number)) for number in range(MANY)),
        "merge": lambda out: by_merge(task, out, MANY),
    }
    seconds = rounds(contenders, task.folder, repeats)
    return {
        f"seconds_{MANY}": {name: spread(values) for name, values in seconds.items()},
        f"merge_{MANY}_to_{MANY}_cp": ratios(seconds["merge"], seconds["cp"]),
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def ratios(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Turn by turn, as long as both took part."""
    return spread([mine / other for mine, other in zip(ours, theirs, strict=False)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--dtypes", default="bf16,fp32")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--slow-repeats", type=int, default=2)
    parser.add_argument("--no-mergekit", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "merge.json")
    asked = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    python = None if asked.no_mergekit else mergekit_python()
    results: dict[str, Any] = json.loads(asked.out.read_text("utf-8")) if asked.out.exists() else {}
    results |= {"alpha": ALPHA, "cores": len(os.sched_getaffinity(0)), "mergekit": MERGEKIT}
    for dtype in asked.dtypes.split(","):
        found = results.setdefault("dtypes", {}).setdefault(dtype, {})
        with tempfile.TemporaryDirectory(dir=asked.folder) as name:
            folder = Path(name)
            make_checkpoints(folder, asked.gigabytes, DTYPES[dtype])
            for method in asked.methods.split(","):
                task = Task(folder, method)
                found[method] = measure(task, asked.repeats, asked.slow_repeats, python)
                if method == "linear":
                    found[method] |= measure_many(task, max(asked.repeats // 2, 1))
                asked.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
