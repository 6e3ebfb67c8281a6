"""theta(alpha) on a GPU beside a copy from device to device, and layers of two weights beside layers of one.

    python benchmarks/gpu_merge.py [--layers 28] [--shrink 1] [--alphas 8] [--rows 8] [--repeats 20]

The tensors are those of Qwen2.5-7B in bf16, random and as close to each other as fine-tuned ones. In one process run:

- ``copy``: all of one model to another place, 4 bytes a parameter; its bandwidth is what the others are held against.
- ``rebuild``: theta(alpha) from both ends into existing tensors, 6 bytes a parameter, within [0, 1] and beyond.
- ``many``: several alphas, layer by layer into buffers that every layer uses again: 4 + 2 K bytes a parameter.
- ``exact``: every tensor of one rebuild against the compiled loops of the CPU, bit for bit.
- ``decode``: the linear layers of one decoding step, attention left out, with one weight a layer and with two: the low
  one and the difference in one product, mixed by each row's alpha.

It takes about 60 GB of a GPU's memory for 28 layers. With TRITON_INTERPRET=1 it runs without a GPU, on few and small
layers, which tells that it works and nothing of speed. No figures of it exist yet: not measured on a GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import linear

from alphadial.merge_engine.engine import bits_of, merge_tensor
from alphadial.merge_engine.kernels import FusedMerge
from alphadial.merge_engine.merging import Merging
from alphadial.merge_engine.threads import each
from alphadial.merge_engine.types import Recipe, TensorKind

HIDDEN, INNER, KEYS, VOCABULARY = 3584, 18944, 512, 152064
INSIDE, BEYOND = 77, 300
"""Alphas, in steps of 1/256."""
Tensors = dict[str, torch.Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--shrink", type=int, default=1, help="divides every dimension")
    parser.add_argument("--alphas", type=int, default=8)
    parser.add_argument("--rows", type=int, default=8, help="of a decoding step's batch")
    parser.add_argument("--repeats", type=int, default=20)
    chosen = parser.parse_args()
    report = measure(chosen.layers, chosen.shrink, chosen.alphas, chosen.rows, chosen.repeats)
    print(json.dumps(report, indent=2))


def measure(layers: int, shrink: int, alphas: int, rows: int, repeats: int) -> dict[str, Any]:
    """Seconds, and what follows from them."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    low, high = make_ends(layers, shrink, device)
    report = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu: speeds mean nothing",
        "torch": torch.__version__,
    }
    return report | merges(low, high, alphas, repeats, device) | decode(low, high, rows, repeats, device)


def merges(low: Tensors, high: Tensors, alphas: int, repeats: int, device: torch.device) -> dict[str, Any]:
    """Rebuilds beside a copy."""
    out = {name: torch.empty_like(tensor) for name, tensor in low.items()}
    count = sum(tensor.numel() for tensor in low.values())
    fused = FusedMerge(low, high)
    launch = fused.into([out])
    copy = timed(lambda: [tensor.copy_(low[name]) for name, tensor in out.items()], repeats, device)
    beyond = timed(lambda: launch([dict.fromkeys(low, BEYOND)]), repeats, device)
    many = timed(by_layers(fused, low, alphas), repeats, device)
    inside = timed(lambda: launch([dict.fromkeys(low, INSIDE)]), repeats, device)
    bandwidth = 4 * count / copy
    return {
        "parameters": count,
        "copy_s": copy,
        "copy_gb_per_s": bandwidth / 1e9,
        "rebuild_s": inside,
        "rebuild_of_copy_bandwidth": 6 * count / inside / bandwidth,
        "rebuild_beyond_s": beyond,
        "many_s": many,
        "many_alphas": alphas,
        "many_of_copy_bandwidth": (4 + 2 * alphas) * count / many / bandwidth,
        "exact": all(each(lambda name: is_exact(name, low[name], high[name], out[name]), low)),
    }


def make_ends(layers: int, shrink: int, device: torch.device) -> tuple[Tensors, Tensors]:
    """Random weights, and others near them."""
    generator = torch.Generator(device).manual_seed(0)
    low, high = {}, {}
    for name, shape in shapes(layers, shrink).items():
        values = torch.randn(shape, generator=generator, device=device) * 0.02
        low[name] = values.bfloat16()
        high[name] = (values + torch.randn(shape, generator=generator, device=device) * 0.001).bfloat16()
    return low, high


def shapes(layers: int, shrink: int) -> dict[str, tuple[int, ...]]:
    """The shapes of Qwen2.5-7B's tensors, packed as a server packs them; every dimension divided by ``shrink``."""
    hidden, inner, keys, words = (size // shrink for size in (HIDDEN, INNER, KEYS, VOCABULARY))
    found: dict[str, tuple[int, ...]] = {"embed": (words, hidden), "head": (words, hidden), "norm": (hidden,)}
    for layer in range(layers):
        found |= {
            f"{layer}.qkv": (hidden + 2 * keys, hidden),
            f"{layer}.qkv.bias": (hidden + 2 * keys,),
            f"{layer}.o": (hidden, hidden),
            f"{layer}.gate_up": (2 * inner, hidden),
            f"{layer}.down": (hidden, inner),
            f"{layer}.input_norm": (hidden,),
            f"{layer}.post_norm": (hidden,),
        }
    return found


def by_layers(fused: FusedMerge, low: Tensors, alphas: int) -> Callable[[], None]:
    """Makes every layer for several alphas, in buffers that the next layer of its kind is written over."""
    buffers: dict[tuple[int, int, str], torch.Tensor] = {}
    launches = []
    layers: dict[str, list[str]] = {}
    for name in low:
        layers.setdefault(name.split(".")[0], []).append(name)
    for names in layers.values():
        outs = []
        for alpha in range(alphas):
            keys = {name: (alpha, low[name].numel(), name.partition(".")[2]) for name in names}
            for name, key in keys.items():
                if key not in buffers:
                    buffers[key] = torch.empty_like(low[name])
            outs.append({name: buffers[key] for name, key in keys.items()})
        steps = [dict.fromkeys(names, 16 + 24 * alpha) for alpha in range(alphas)]
        launches.append((fused.into(outs), steps))

    def run() -> None:
        for launch, steps in launches:
            launch(steps)

    return run


def is_exact(name: str, low: torch.Tensor, high: torch.Tensor, out: torch.Tensor) -> bool:
    """Whether a tensor of a rebuild is what the CPU makes, bit for bit."""
    expected = torch.empty(out.shape, dtype=out.dtype)
    kind = TensorKind(name, "BF16", tuple(out.shape))
    merge_tensor(Merging(Recipe()), kind, [low.cpu(), high.cpu()], INSIDE / 256, expected)
    return bool((bits_of(expected) == bits_of(out.cpu())).all())


def decode(low: Tensors, high: Tensors, rows: int, repeats: int, device: torch.device) -> dict[str, Any]:
    """A step through every linear layer with one weight, and with two; both ends are used up."""
    names = [name for name, tensor in low.items() if tensor.dim() == 2 and name != "embed"]
    names.sort(key=lambda name: name == "head")
    start = torch.randn(rows, low["head"].shape[1], device=device).bfloat16()
    one = timed(lambda: step(start, names, low, None), repeats, device)
    both = {}
    for name in names:
        both[name] = torch.cat([low.pop(name), high.pop(name)])
        first, second = both[name].chunk(2)
        second.sub_(first)
    alphas = torch.linspace(-0.5, 1.5, rows, device=device)[:, None]
    two = timed(lambda: step(start, names, both, alphas), repeats, device)
    return {"decode_rows": rows, "decode_one_s": one, "decode_two_s": two, "decode_two_to_one": two / one}


def step(start: torch.Tensor, names: list[str], weights: Tensors, alphas: torch.Tensor | None) -> torch.Tensor:
    """What a decoding step multiplies; each layer's input is cut or padded from the output of the one before."""
    x = start
    for name in names:
        weight = weights[name]
        width = weight.shape[1]
        x = x[:, :width] if x.shape[1] >= width else torch.nn.functional.pad(x, (0, width - x.shape[1]))
        x = linear(x, weight)
        if alphas is not None:
            base, delta = x.chunk(2, dim=-1)
            x = torch.addcmul(base.float(), alphas, delta.float()).bfloat16()
    return x


def timed(work: Callable[[], object], repeats: int, device: torch.device) -> float:
    """The median of wall times, after two that are not counted."""
    taken = []
    for _ in range(repeats + 2):
        wait(device)
        began = time.perf_counter()
        work()
        wait(device)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[2:])


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
