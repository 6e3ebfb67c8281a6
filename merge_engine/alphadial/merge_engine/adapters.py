"""Two LoRA adapters of one model: theta(alpha) is a third one, of both ranks together, which servers load at run time.

An adapter adds s B A to the weight of a linear layer; A is (r, in), B is (out, r), and s is ``lora_alpha`` / r, or
``lora_alpha`` / sqrt(r) of rank-stabilised ones (Hu et al. 2021, "LoRA", arXiv 2106.09685, section 4.1; Kalajdzievski
2023, arXiv 2312.03732). So theta(alpha) of two adapters with one s adds

    s ((1 - alpha) B_low A_low + alpha B_high A_high) = s [(1 - alpha) B_low, alpha B_high] [A_low; A_high]

and the factors on the right are what is written: A as it is, each element of B rounded once from its exact value. The
format is PEFT's (https://huggingface.co/docs/peft/developer_guides/checkpoint). Importing this loads no torch.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from alphadial.merge_engine.alpha import GRID, check_alpha
from alphadial.merge_engine.compiled import BIT_TYPES, LOADED_BYTES, merge_bits
from alphadial.merge_engine.data_only import ADAPTER_CONFIG, check_data_only, pickled_weights, read_json
from alphadial.merge_engine.errors import CheckpointError, FamilyError
from alphadial.merge_engine.hashing import weights_id_of_tensors
from alphadial.merge_engine.inputs import refuse_flags
from alphadial.merge_engine.reader import DTYPE_BYTES, TensorInfo, Tensors
from alphadial.merge_engine.recipes import numbers_of
from alphadial.merge_engine.types import Family, MergePlan, MergeReport, OnBytes
from alphadial.merge_engine.writer import atomic_folder, lay_out, made_from

ADAPTER_WEIGHTS = "adapter_model.safetensors"
_FACTOR = re.compile(r"(.+)\.lora_([AB])\.weight")
_PREFIX = "base_model.model."
"""What PEFT puts before the name of a module of the model."""
_BENDING = (
    *("use_dora", "lora_bias", "modules_to_save", "alpha_pattern", "rank_pattern", "layer_replication"),
    *("target_parameters", "trainable_token_indices", "alora_invocation_tokens", "use_bdlora", "use_qalora"),
    *("arrow_config", "kasa_config", "monteclora_config"),
)
"""Settings under which an adapter is more, or other, than one pair of factors of one rank and scale for each layer."""
_PLAIN_STARTS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")
"""Values of ``init_lora_weights`` that leave the model's own weights as they are, beside true and false."""
_KEPT = ("peft_type", "task_type", "base_model_name_or_path", "revision", "fan_in_fan_out")
"""Settings that a merge has from the low adapter; it sets the others that matter."""
Factor = npt.NDArray[np.unsignedinteger[Any]]


class _Layer(NamedTuple):
    """The shape of the weight that an adapter adds to."""

    outputs: int
    inputs: int


class Adapter(Tensors):
    """A LoRA adapter in PEFT's format, whose configuration and header are read."""

    def __init__(self, folder: Path) -> None:
        """Reads and checks them.

        Raises:
            CheckpointError: it is unreadable, or more than pairs of factors with one rank and one scale.
        """
        check_data_only(folder, adapter=True)
        self.config = read_json(folder / ADAPTER_CONFIG)
        if not (folder / ADAPTER_WEIGHTS).is_file():
            pickled = pickled_weights(folder)
            found = f"; {pickled} is not read, because its format can run code" if pickled else ""
            raise CheckpointError(f"{folder} holds no {ADAPTER_WEIGHTS}{found}: save the adapter as safetensors")
        self._check_config(folder / ADAPTER_CONFIG)
        super().__init__(folder, [ADAPTER_WEIGHTS])
        self.layers = dict(self._read_layers())

    @property
    def rank(self) -> int:
        """The rank of every pair of factors."""
        rank: int = self.config["r"]
        return rank

    @property
    def squared_scale(self) -> Fraction:
        """The square of s, which is rational for rank-stabilised adapters too."""
        alpha, stabilised = Fraction(self.config["lora_alpha"]), self.config.get("use_rslora")
        return alpha**2 / (self.rank if stabilised else self.rank**2)

    def _check_config(self, file: Path) -> None:
        config = self.config
        if config.get("peft_type") != "LORA":
            raise CheckpointError(f"{file}: peft_type is {config.get('peft_type')!r}, and only LORA is merged")
        for key in _BENDING:
            if config.get(key):
                raise CheckpointError(f"{file}: {key} is set: only adapters of one rank and scale are merged")
        if config.get("bias") not in (None, "none"):
            raise CheckpointError(f"{file}: bias is {config['bias']!r}: only adapters without biases are merged")
        start = config.get("init_lora_weights", True)
        if isinstance(start, str) and start.lower() not in _PLAIN_STARTS:
            raise CheckpointError(
                f"{file}: init_lora_weights is {start!r}, which changes the model's own weights: convert it to a plain "
                "adapter with PEFT's path_initial_model_for_weight_conversion"
            )
        rank, alpha = config.get("r"), config.get("lora_alpha")
        if not isinstance(rank, int) or rank < 1:
            raise CheckpointError(f"{file}: r is {rank!r}, and must be a rank of at least 1")
        if not isinstance(alpha, int | float) or not 0 < alpha < math.inf:
            raise CheckpointError(f"{file}: lora_alpha is {alpha!r}, and must be a number above 0")

    def _read_layers(self) -> Iterator[tuple[str, _Layer]]:
        file, found = self.folder / ADAPTER_WEIGHTS, dict[str, dict[str, TensorInfo]]()
        for name, info in self.tensors.items():
            match = _FACTOR.fullmatch(name)
            if match is None or len(info.shape) != 2 or info.dtype not in BIT_TYPES:
                raise CheckpointError(
                    f"{file}: tensor {name} ({info.dtype}, {list(info.shape)}) is no factor of a linear layer: only "
                    "such adapters are merged"
                )
            found.setdefault(match[1], {})[match[2]] = info
        if not found:
            raise CheckpointError(f"{file} holds no tensors")
        for layer, factors in sorted(found.items()):
            if len(factors) < 2:
                raise CheckpointError(f"{file}: {layer} has one factor of two")
            first, second = factors["A"].shape, factors["B"].shape
            if (first[0], second[1]) != (self.rank, self.rank):
                raise CheckpointError(f"{file}: factors of {layer} are {first} and {second}, and r is {self.rank}")
            yield layer, _Layer(second[0], first[1])


class Pair(NamedTuple):
    """Two adapters of one model that can be merged."""

    low: Adapter
    high: Adapter

    @property
    def rank(self) -> int:
        """The rank of a merge."""
        return self.low.rank + self.high.rank

    def tensors(self) -> dict[str, TensorInfo]:
        """What a merge holds; where in its file is not said."""
        layers = self.low.layers | self.high.layers
        dtype = next(iter(self.low.tensors.values())).dtype
        found = {}
        for name, layer in sorted(layers.items()):
            for which, shape in (("A", (self.rank, layer.inputs)), ("B", (layer.outputs, self.rank))):
                size = DTYPE_BYTES[dtype] * math.prod(shape)
                found[f"{name}.lora_{which}.weight"] = TensorInfo(dtype, shape, ADAPTER_WEIGHTS, 0, size)
        return found

    def config(self) -> dict[str, Any]:
        """The configuration of a merge, as PEFT spells it."""
        alpha = math.sqrt(self.rank**2 * self.low.squared_scale)
        return {
            **{key: self.low.config[key] for key in _KEPT if key in self.low.config},
            "r": self.rank,
            "lora_alpha": int(alpha) if alpha.is_integer() else alpha,
            "use_rslora": False,
            "bias": "none",
            "lora_dropout": 0.0,
            "inference_mode": True,
            "target_modules": sorted(name.removeprefix(_PREFIX) for name in self.low.layers | self.high.layers),
        }

    def merged(self, name: str, info: TensorInfo, alpha: float) -> Factor:
        """A factor of theta(alpha), of the shape that ``info`` says.

        Raises:
            CheckpointError: an adapter holds NaN or infinities there.
            MergeError: it overflows, or cannot be computed exactly on this thread.
        """
        ranks_at = 0 if name.endswith(".lora_A.weight") else 1
        parts = []
        for adapter in self:
            shape = [adapter.rank if axis == ranks_at else size for axis, size in enumerate(info.shape)]
            zeros = np.zeros(math.prod(shape), BIT_TYPES[info.dtype])
            part = adapter.finite_bits(name) if name in adapter.tensors else zeros
            if ranks_at == 1:
                scaled = np.empty_like(zeros)
                low, high = (part, zeros) if adapter is self.low else (zeros, part)
                flags = merge_bits(info.dtype, low, high, scaled, round(alpha * GRID))
                refuse_flags(flags, name, info.dtype, alpha)
                part = scaled
            parts.append(part.reshape(shape))
        return np.concatenate(parts, axis=ranks_at)


def are_adapters(family: Family) -> bool:
    """Whether what a family merges are adapters, all of them."""
    return all((folder / ADAPTER_CONFIG).is_file() for folder in family.inputs)


def open_pair(family: Family) -> Pair:
    """The adapters of a family, with their headers read and compared.

    Raises:
        CheckpointError: one is unreadable or more than a plain LoRA adapter, or they do not fit each other.
        FamilyError: the recipe is another than linear.
    """
    recipe = family.recipe
    if recipe.method != "linear" or numbers_of(recipe):
        raise FamilyError("adapters are merged by the plain linear recipe alone: no other method, no alphas by pattern")
    pair = Pair(Adapter(family.low), Adapter(family.high))
    low, high = pair
    names = f"{low.folder} and {high.folder}"
    if low.squared_scale != high.squared_scale:
        scales = " and ".join(f"{math.sqrt(each.squared_scale):g}" for each in pair)
        raise CheckpointError(f"{names} scale their factors by {scales}: train both with one lora_alpha and r")
    if bool(low.config.get("fan_in_fan_out")) != bool(high.config.get("fan_in_fan_out")):
        raise CheckpointError(f"{ADAPTER_CONFIG} of {names} differ in fan_in_fan_out")
    for layer in low.layers.keys() & high.layers.keys():
        if low.layers[layer] != high.layers[layer]:
            shapes = f"{list(low.layers[layer])} and {list(high.layers[layer])}"
            raise CheckpointError(f"{layer} has shape {shapes} in {names}: they are adapters of two models")
    dtypes = {info.dtype for each in pair for info in each.tensors.values()}
    if len(dtypes) > 1:
        raise CheckpointError(f"{names} hold factors of {' and '.join(sorted(dtypes))}: convert them to one dtype")
    return pair


def plan_adapters(family: Family, alphas: Sequence[float | str]) -> MergePlan:
    """What ``merge_adapters`` would do; see ``disk.plan_merge``."""
    for alpha in alphas:
        check_alpha(alpha, family)
    pair = open_pair(family)
    tensors = pair.tensors()
    weights = sum(info.bytes for info in tensors.values())
    return MergePlan(
        tensors=len(tensors),
        reads=len(alphas) * sum(info.bytes for each in pair for info in each.tensors.values()),
        weights=len(alphas) * weights,
        writes=len(alphas) * (weights + len(_spelled(pair.config()))),
        memory=LOADED_BYTES + 3 * max(info.bytes for info in tensors.values()),
        warnings=_warnings(pair),
    )


def merge_adapters(family: Family, outs: Mapping[float | str, Path], on_bytes: OnBytes) -> tuple[MergeReport, ...]:
    """Writes theta(alpha) of two adapters for several alphas; see ``disk.merge_to_folders``.

    Each folder holds an adapter of both ranks together and nothing else: tokenizer and configuration are the model's.
    Its weights id is of its factors alone.
    """
    start, alphas, pair = time.perf_counter(), [check_alpha(alpha, family) for alpha in outs], open_pair(family)
    names, reports = [ADAPTER_CONFIG, ADAPTER_WEIGHTS], []
    with ExitStack() as stack:
        for alpha, out in zip(alphas, outs.values(), strict=True):
            draft = stack.enter_context(atomic_folder(out, names, made_from(pair, family.recipe, alpha)))
            _write(pair, alpha, draft, on_bytes)
            found = weights_id_of_tensors(Adapter(draft), lambda count: on_bytes("hashing", count))
            written = sum((draft / name).stat().st_size for name in names)
            reports.append(MergeReport(alpha, found, written, 0.0, out, _warnings(pair)))
    seconds = (time.perf_counter() - start) / len(reports)
    return tuple(replace(report, seconds=seconds) for report in reports)


def _write(pair: Pair, alpha: float, folder: Path, on_bytes: OnBytes) -> None:
    tensors = pair.tensors()
    header, places = lay_out(tensors)
    with (folder / f"{ADAPTER_WEIGHTS}.part").open("wb") as file:
        file.write(header)
        for name in places:  # in the order of their places
            file.write(pair.merged(name, tensors[name], alpha).data)
            on_bytes("merging", tensors[name].bytes)
        file.flush()
        os.fsync(file.fileno())
    (folder / f"{ADAPTER_WEIGHTS}.part").replace(folder / ADAPTER_WEIGHTS)
    (folder / ADAPTER_CONFIG).write_bytes(_spelled(pair.config()))


def _spelled(config: Mapping[str, Any]) -> bytes:
    return json.dumps(config, indent=2).encode() + b"\n"


def _warnings(pair: Pair) -> tuple[str, ...]:
    bases = [each.config.get("base_model_name_or_path") for each in pair]
    if bases[0] == bases[1]:
        return ()
    return (f"{pair.low.folder} says that it belongs to {bases[0]!r}, {pair.high.folder} to {bases[1]!r}",)
