"""The linear merge beside torch.lerp in fp32, and a whole model of half a million parameters, on this CPU.

    python benchmarks/merging.py [--out benchmarks/results/merging.json]

Endpoints are random and close to each other, as fine-tuned checkpoints are. Medians, one thread.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from alphadial.merge_engine import Family, Recipe, checkpoint, merge, merge_to_folder, weights_id
from alphadial.merge_engine.methods.linear import linear

ALPHA = 77 / 256
ELEMENTS = 8_000_000
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def median_seconds(work: Callable[[], object], repeats: int = 9) -> float:
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def endpoints(shape: tuple[int, ...], dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    low = torch.randn(shape) * 0.02
    return low.to(dtype), (low + torch.randn(shape) * 0.001).to(dtype)


def lerp(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    return torch.lerp(low.float(), high.float(), ALPHA).to(low.dtype)


def kernel(dtype: torch.dtype) -> dict[str, float]:
    low, high = endpoints((ELEMENTS,), dtype)
    ours = median_seconds(lambda: linear(low, high, ALPHA))
    theirs = median_seconds(lambda: lerp(low, high))
    differ = (linear(low, high, ALPHA) != lerp(low, high)).double().mean().item()
    return {
        "ours_elements_per_s": ELEMENTS / ours,
        "lerp_elements_per_s": ELEMENTS / theirs,
        "time_ratio": ours / theirs,
        "share_lerp_rounds_otherwise": differ,
    }


def tiny_shapes() -> dict[str, tuple[int, ...]]:
    """A Llama of 4 layers: hidden 96, MLP 264, 198 tokens, tied embeddings."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (198, 96), "model.norm.weight": (96,)}
    for layer in range(4):
        prefix = f"model.layers.{layer}"
        shapes |= {f"{prefix}.self_attn.{name}_proj.weight": (96, 96) for name in "qkvo"}
        shapes |= {f"{prefix}.mlp.{name}_proj.weight": (264, 96) for name in ("gate", "up")}
        shapes |= {f"{prefix}.mlp.down_proj.weight": (96, 264), f"{prefix}.input_layernorm.weight": (96,)}
        shapes[f"{prefix}.post_attention_layernorm.weight"] = (96,)
    return shapes


def tiny_family(folder: Path) -> Family:
    pairs = {name: endpoints(shape, torch.bfloat16) for name, shape in tiny_shapes().items()}
    for position, name in enumerate(("low", "high")):
        (folder / name).mkdir()
        save_file({key: pair[position] for key, pair in pairs.items()}, folder / name / "model.safetensors")
        (folder / name / "config.json").write_text("{}")
    return Family(
        name="random",
        path=folder,
        checkpoints={"low": folder / "low", "high": folder / "high"},
        recipe=Recipe(),
        alpha_min=-1.0,
        alpha_max=2.0,
        prompt="tiny",
        parser="program",
        problem_set="tiny-problems",
        temperature=0.6,
        max_tokens=96,
    )


def whole_model(folder: Path) -> dict[str, float]:
    family = tiny_family(folder)
    tensors = checkpoint(family, "low").tensors
    outs = (folder / f"out{position}" for position in range(1000))
    return {
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "tensors": len(tensors),
        "read_checkpoint_ms": 1e3 * median_seconds(lambda: checkpoint(family, "low")),
        "merge_in_memory_ms": 1e3 * median_seconds(lambda: merge(family, ALPHA)),
        "merge_to_folder_ms": 1e3 * median_seconds(lambda: merge_to_folder(family, ALPHA, next(outs))),
        "weights_id_ms": 1e3 * median_seconds(lambda: weights_id(tensors)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "merging.json")
    out: Path = parser.parse_args().out
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        results: dict[str, Any] = {
            "torch": torch.__version__,
            "machine": platform.machine(),
            "alpha": ALPHA,
            "elements": ELEMENTS,
            "linear": {name: kernel(dtype) for name, dtype in DTYPES.items()},
            "half_a_million_parameters": whole_model(Path(folder)),
        }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
