"""Who merges from disk to disk in ``merge.py``: alphadial, a copy, a plain loop of torch, and mergekit."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from alphadial.merge_engine import FamilyFile, load_family, merge_to_folders, save_family

ALPHA = 77 / 256
WEIGHT, DENSITY = 0.5, 0.5
"""The weight of each of two models that task arithmetic and TIES add to the base, and what TIES keeps of it."""
METHODS = ("linear", "task_arithmetic", "slerp", "ties")
MERGEKIT = "0.1.5"
NEEDS = ("accelerate", "click", "datasets", "immutables", "peft", "protobuf", "scipy", "sentencepiece", "tqdm")
ALPHADIAL = Path(sys.executable).parent / "alphadial"
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Task:
    """A merge of checkpoints in the folders base, first and second of ``folder``, or of the first two of them."""

    folder: Path
    method: str

    @property
    def models(self) -> tuple[str, ...]:
        """The checkpoints that are merged into the base."""
        return ("first", "second") if self.method in ("task_arithmetic", "ties") else ("first",)

    def inputs(self) -> list[dict[str, torch.Tensor]]:
        """The tensors of all, in memory."""
        return [load_file(self.folder / name / _WEIGHTS) for name in ("base", *self.models)]


def by_copy(task: Task, out: Path) -> float:
    out.mkdir(parents=True)
    return timed(lambda: subprocess.run(["cp", str(task.folder / "base" / _WEIGHTS), str(out)], check=True))


def make_family(task: Task) -> Path:
    """The folder of a family with the task's recipe."""
    recipe: dict[str, Any] = {"method": task.method, "low": "base"}
    if len(task.models) == 1:
        recipe["high"] = "first"
    else:
        recipe["models"] = dict.fromkeys(task.models, str(WEIGHT))
    if task.method == "ties":
        recipe["parameters"] = {"density": str(DENSITY)}
    folder = task.folder / f"family-{task.method}"
    folder.mkdir(exist_ok=True)
    contents = {
        "name": task.method.replace("_", "-"),
        "checkpoints": {name: str(task.folder / name) for name in ("base", *task.models)},
        "recipe": recipe,
        "alpha_range": (-2, 3),
        "prompt": "",
        "parser": "",
        "problem_set": "",
        "temperature": 0,
        "max_tokens": 1,
    }
    save_family(folder, FamilyFile.model_validate(contents))
    return folder


def by_merge(task: Task, out: Path, alphas: int = 1) -> float:
    """Measures until the last piece is written: what follows is the weights id and the sync to disk."""
    family = load_family(make_family(task))
    start = last = time.perf_counter()

    def note(doing: str, size: int) -> None:
        nonlocal last
        if doing == "merging":
            last = time.perf_counter()

    outs: dict[float | str, Path] = {ALPHA + step / 8: out / str(step) for step in range(alphas)}
    merge_to_folders(family, outs, note)
    return last - start


def command_line(task: Task, out: Path) -> list[str]:
    return [str(ALPHADIAL), "merge", str(make_family(task)), "--alpha", str(ALPHA), "--out", str(out)]


def by_command(task: Task, out: Path) -> float:
    command = command_line(task, out)
    return timed(lambda: subprocess.run(command, check=True, capture_output=True))


def by_torch(task: Task, out: Path) -> float:
    """Merges as one would write it by hand: whole files in memory, fp32, tensor by tensor."""
    out.mkdir()

    def work() -> None:
        base, *models = task.inputs()
        merged = {
            name: _IN_TORCH[task.method](low.float(), [model[name].float() for model in models]).to(low.dtype)
            for name, low in base.items()
        }
        save_file(merged, out / _WEIGHTS)

    return timed(work)


def _lerp(low: torch.Tensor, models: list[torch.Tensor]) -> torch.Tensor:
    return torch.lerp(low, models[0], ALPHA)


def _task_arithmetic(low: torch.Tensor, models: list[torch.Tensor]) -> torch.Tensor:
    return low + ALPHA * sum(WEIGHT * (model - low) for model in models)


def _slerp(low: torch.Tensor, models: list[torch.Tensor]) -> torch.Tensor:
    (high,) = models
    cosine = ((low / low.norm()) * (high / high.norm())).sum().clamp(-1, 1).item()
    if abs(cosine) > 0.9995:
        return torch.lerp(low, high, ALPHA)
    angle = math.acos(cosine)
    return (math.sin((1 - ALPHA) * angle) * low + math.sin(ALPHA * angle) * high) / math.sin(angle)


def _ties(low: torch.Tensor, models: list[torch.Tensor]) -> torch.Tensor:
    deltas = []
    for model in models:
        delta = (model - low).view(-1)
        kept = delta.abs().topk(max(1, int(DENSITY * delta.numel())), sorted=False).indices
        deltas.append(torch.zeros_like(delta).index_copy_(0, kept, delta[kept] * WEIGHT))
    stacked = torch.stack(deltas)
    sign = torch.where(stacked.sum(dim=0) >= 0, 1.0, -1.0)
    agrees = stacked.sign() == sign
    mean = (stacked * agrees).sum(dim=0) / (agrees.sum(dim=0) * WEIGHT).clamp(min=WEIGHT)
    return low + ALPHA * mean.view_as(low)


_IN_TORCH: dict[str, Callable[[torch.Tensor, list[torch.Tensor]], torch.Tensor]] = {
    "linear": _lerp,
    "task_arithmetic": _task_arithmetic,
    "slerp": _slerp,
    "ties": _ties,
}


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


def by_mergekit(python: Path, task: Task, out: Path) -> float:
    recipe = out.with_suffix(".yml")
    recipe.write_text(json.dumps(_mergekit_recipe(task)))
    command = [str(python.parent / "mergekit-yaml"), str(recipe), str(out), "--no-copy-tokenizer"]
    return timed(lambda: subprocess.run(command, check=True, capture_output=True))


def _mergekit_recipe(task: Task) -> dict[str, Any]:
    """The same merge in mergekit's words, in fp32 arithmetic."""
    (dtype,) = {tensor.dtype for tensor in task.inputs()[0].values()}
    base, *models = (str(task.folder / name) for name in ("base", *task.models))
    common = {"merge_method": task.method, "dtype": "float32", "out_dtype": str(dtype).removeprefix("torch.")}
    if task.method == "linear":
        weights = [(base, 1 - ALPHA), (models[0], ALPHA)]
        rows = [{"model": model, "parameters": {"weight": weight}} for model, weight in weights]
        return {**common, "models": rows, "parameters": {"normalize": False}}
    if task.method == "slerp":
        rows = [{"model": model} for model in (base, *models)]
        return {**common, "base_model": base, "models": rows, "parameters": {"t": ALPHA}}
    ties = task.method == "ties"
    each = {"weight": WEIGHT, **({"density": DENSITY} if ties else {})}
    rows = [{"model": model, "parameters": each} for model in models]
    return {**common, "base_model": base, "models": rows, "parameters": {"normalize": ties, "lambda": ALPHA}}


def own_memory(task: Task, out: Path) -> int:
    """Peak bytes of the command that are its own (RssAnon), not the mapped files'."""
    peak, command = 0, command_line(task, out)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
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
