"""Merging from disk to disk beside ``cp``, a plain loop of torch, and mergekit, in one process run.

    python benchmarks/merge.py [--gigabytes 1] [--dtypes bf16,fp32] [--repeats 5] [--no-mergekit] [--folder DIR]

A pair of random checkpoints that lie as close as fine-tuned ones is made in DIR (a temporary folder), and read once so
that it lies in the page cache. The contenders take turns. ``merge`` is the phase that makes and writes the weights;
``command`` is ``alphadial merge`` as a whole, its start, the weights id and the sync to disk included. mergekit lives
in an environment of its own, which is made once below the user's cache and takes torch and transformers from this one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from alphadial.merge_engine import merge_to_folders, pair_of_folders

ALPHA = 77 / 256
MANY = 8
WIDTH, INNER = 2048, 5632
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
MERGEKIT = "0.1.5"
NEEDS = ("accelerate", "click", "datasets", "immutables", "peft", "protobuf", "scipy", "sentencepiece", "tqdm")
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "tie_word_embeddings": True}


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


def make_pair(folder: Path, gigabytes: float, dtype: torch.dtype) -> tuple[Path, Path]:
    """A random Llama, and one near it."""
    generator = torch.Generator().manual_seed(0)
    layers = max(1, round(gigabytes * 1e9 / dtype.itemsize / (4 * WIDTH * WIDTH + 3 * WIDTH * INNER)))
    ends: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]] = ({}, {})
    for name, shape in shapes(layers).items():
        low = torch.randn(shape, generator=generator) * 0.02
        ends[0][name] = low.to(dtype)
        ends[1][name] = (low + torch.randn(shape, generator=generator) * 0.001).to(dtype)
    for end, tensors in zip(("low", "high"), ends, strict=True):
        (folder / end).mkdir(parents=True)
        save_file(tensors, folder / end / "model.safetensors", metadata={"format": "pt"})
        config = {**CONFIG, "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": layers}
        (folder / end / "config.json").write_text(json.dumps({**config, "num_attention_heads": 16, "vocab_size": 8}))
        (folder / end / "tokenizer.json").write_text("{}")
    return folder / "low", folder / "high"


def by_copy(low: Path, high: Path, out: Path) -> float:
    out.mkdir(parents=True)
    return timed(lambda: subprocess.run(["cp", str(low / "model.safetensors"), str(out)], check=True))


def by_merge(low: Path, high: Path, out: Path, alphas: int = 1) -> float:
    """Until the last piece is written: what follows is the weights id and the sync to disk."""
    start = last = time.perf_counter()

    def note(doing: str, size: int) -> None:
        nonlocal last
        if doing == "merging":
            last = time.perf_counter()

    outs: dict[float | str, Path] = {ALPHA + step / 8: out / str(step) for step in range(alphas)}
    merge_to_folders(pair_of_folders(low, high), outs, note)
    return last - start


def by_command(low: Path, high: Path, out: Path) -> float:
    return timed(lambda: subprocess.run(command_line(low, high, out), check=True, capture_output=True))


def command_line(low: Path, high: Path, out: Path) -> list[str]:
    alphadial = Path(sys.executable).parent / "alphadial"
    return [str(alphadial), "merge", str(low), str(high), "--alpha", str(ALPHA), "--out", str(out)]


def by_torch(low: Path, high: Path, out: Path) -> float:
    """As one would write it: whole files in memory, ``lerp`` in fp32."""
    out.mkdir()

    def work() -> None:
        ends = load_file(low / "model.safetensors"), load_file(high / "model.safetensors")
        merged = {
            name: torch.lerp(tensor.float(), ends[1][name].float(), ALPHA).to(tensor.dtype)
            for name, tensor in ends[0].items()
        }
        save_file(merged, out / "model.safetensors")

    return timed(work)


def mergekit_python() -> Path:
    """The interpreter of an environment with mergekit."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alphadial"
    home = cache / f"mergekit-{MERGEKIT}"
    python = home / "bin" / "python"
    if not (home / ".complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        shared = sysconfig.get_path("purelib")
        (packages,) = home.glob("lib/python*/site-packages")
        (packages / "shared.pth").write_text(f"import site; site.addsitedir({shared!r})\n")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", f"mergekit=={MERGEKIT}"], check=True)
        constraints = Path(__file__).parents[1] / "constraints.txt"
        subprocess.run([*pip, "--constraint", str(constraints), *NEEDS], check=True)
        (home / ".complete").touch()
    return python


def by_mergekit(python: Path, low: Path, high: Path, out: Path) -> float:
    recipe = out.with_suffix(".yml")
    weights = [(low, 1 - ALPHA), (high, ALPHA)]
    models = [{"model": str(model), "parameters": {"weight": weight}} for model, weight in weights]
    settings = {"merge_method": "linear", "models": models, "parameters": {"normalize": False}}
    recipe.write_text(json.dumps({**settings, "dtype": "float32", "out_dtype": dtype_of(low)}))
    command = [str(python.parent / "mergekit-yaml"), str(recipe), str(out), "--no-copy-tokenizer"]
    return timed(lambda: subprocess.run(command, check=True, capture_output=True))


def dtype_of(folder: Path) -> str:
    (dtype,) = {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()}
    return str(dtype).removeprefix("torch.")


def own_memory(low: Path, high: Path, out: Path) -> int:
    """Peak bytes of the command that are its own (RssAnon), not the mapped files'."""
    peak = 0
    with subprocess.Popen(
        command_line(low, high, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            except OSError:
                break
            peak = max(peak, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)
            time.sleep(0.005)
    return peak


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rounds(contenders: dict[str, Callable[[Path], float]], folder: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds of every contender, which take turns; one round beforehand does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name, work in contenders.items():
            out = folder / "out"
            took = work(out)
            shutil.rmtree(out)
            os.sync()  # nobody waits for what another one wrote
            if turn:
                seconds[name].append(took)
    return seconds


def measure(folder: Path, gigabytes: float, dtype: torch.dtype, repeats: int, python: Path | None) -> dict[str, Any]:
    low, high = make_pair(folder, gigabytes, dtype)
    contenders: dict[str, Callable[[Path], float]] = {
        "cp": lambda out: by_copy(low, high, out),
        "merge": lambda out: by_merge(low, high, out),
        "command": lambda out: by_command(low, high, out),
        "torch": lambda out: by_torch(low, high, out),
    }
    if python is not None:
        contenders["mergekit"] = lambda out: by_mergekit(python, low, high, out)
    seconds = rounds(contenders, folder, repeats)
    many = rounds(
        {
            "cp": lambda out: sum(by_copy(low, high, out / str(number)) for number in range(MANY)),
            "merge": lambda out: by_merge(low, high, out, MANY),
        },
        folder,
        max(repeats // 2, 1),
    )
    size = (low / "model.safetensors").stat().st_size
    found = {
        "bytes": size,
        "seconds": {name: spread(values) for name, values in seconds.items()},
        "merge_to_cp": ratios(seconds["merge"], seconds["cp"]),
        "merge_to_torch": ratios(seconds["merge"], seconds["torch"]),
        f"merge_{MANY}_to_{MANY}_cp": ratios(many["merge"], many["cp"]),
        "own_memory_bytes": own_memory(low, high, folder / "out"),
    }
    if python is not None:
        found["command_to_mergekit"] = ratios(seconds["command"], seconds["mergekit"])
    shutil.rmtree(folder)
    return found


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def ratios(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Of the rounds' pairs."""
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--dtypes", default="bf16,fp32")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-mergekit", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "merge.json")
    asked = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    python = None if asked.no_mergekit else mergekit_python()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        results: dict[str, Any] = {
            "alpha": ALPHA,
            "cores": len(os.sched_getaffinity(0)),
            "load": os.getloadavg()[0],
            "mergekit": None if python is None else MERGEKIT,
            "dtypes": {
                name: measure(Path(folder) / name, asked.gigabytes, DTYPES[name], asked.repeats, python)
                for name in asked.dtypes.split(",")
            },
        }
    asked.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
