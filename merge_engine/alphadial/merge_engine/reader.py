"""Lazy reading of checkpoints: Hugging Face folders with one safetensors file, or several and an index."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from alphadial.merge_engine.data_only import check_data_only, pickled_weights, read_json
from alphadial.merge_engine.errors import CheckpointError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"

DTYPE_BYTES = {"F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
"""Bytes per element of every dtype that a checkpoint may hold, as safetensors spells them."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a file's header says of one tensor."""

    dtype: str
    """One of DTYPE_BYTES."""
    shape: tuple[int, ...]
    file: str
    """Name of the file within the checkpoint's folder."""


class Checkpoint:
    """A checkpoint whose headers are read and whose tensors are read when asked for."""

    def __init__(self, folder: Path) -> None:
        """Reads the configuration and the headers.

        Raises:
            CheckpointError: a file is missing, truncated or corrupt, the index does not fit the files, or the
                configuration asks for code to be run.
        """
        check_data_only(folder)
        self.folder = folder
        self.config = read_json(folder / CONFIG)
        self.index: dict[str, Any] | None = None
        if (folder / SINGLE).is_file():
            names = [SINGLE]
        elif (folder / INDEX).is_file():
            self.index = read_json(folder / INDEX)
            names = _shard_names(folder / INDEX, self.index)
        else:
            pickled = pickled_weights(folder)
            found = f"; {pickled} is not read, because its format can run code" if pickled else ""
            raise CheckpointError(f"{folder} holds neither {SINGLE} nor {INDEX}{found}: save the model as safetensors")
        # Any: the stubs of safetensors leave the methods of safe_open untyped.
        self._files: dict[str, Any] = {name: _open(folder / name) for name in names}
        self.tensors: dict[str, TensorInfo] = {}
        for name, file in self._files.items():
            for key in sorted(file.keys()):
                part = file.get_slice(key)
                self.tensors[key] = TensorInfo(part.get_dtype(), tuple(part.get_shape()), name)
        self._check_dtypes()
        self._check_layers()
        if self.index is not None:
            self._check_index(self.index["weight_map"])

    @property
    def files(self) -> list[str]:
        """Names of the safetensors files."""
        return list(self._files)

    def read(self, name: str) -> torch.Tensor:
        """One tensor, on the CPU.

        Raises:
            CheckpointError: it holds NaN or an infinity, or its bytes cannot be read.
        """
        file = self.folder / self.tensors[name].file
        try:
            tensor: torch.Tensor = self._files[file.name].get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file}: cannot read tensor {name}: {error}") from error
        if not is_finite(tensor):
            raise CheckpointError(f"{file}: tensor {name} holds NaN or infinities")
        return tensor

    def _check_dtypes(self) -> None:
        for name, info in self.tensors.items():
            if info.dtype not in DTYPE_BYTES:
                file = self.folder / info.file
                raise CheckpointError(f"{file}: tensor {name} has dtype {info.dtype}: convert it to BF16, F16 or F32")

    def _check_layers(self) -> None:
        """Each layer has tensors. A model of many more would be built for hours before anyone saw that they lack."""
        inner = [value for value in self.config.values() if isinstance(value, dict)]  # of composite models
        for key, value in chain.from_iterable(settings.items() for settings in (self.config, *inner)):
            if "layer" in key and isinstance(value, int) and value > len(self.tensors):
                file, there = self.folder / CONFIG, len(self.tensors)
                raise CheckpointError(f"{file}: {key} is {value:.4g}, and the checkpoint has {there} tensors in all")

    def _check_index(self, weight_map: dict[str, str]) -> None:
        found = {name: info.file for name, info in self.tensors.items()}
        for name in sorted(found.keys() | weight_map.keys()):
            if found.get(name) != weight_map.get(name):
                there = f"is in {found[name]}" if name in found else "is in no file"
                here = f"puts it in {weight_map[name]}" if name in weight_map else "does not name it"
                file = self.folder / INDEX
                raise CheckpointError(f"{file} does not fit its files: tensor {name} {there}, the index {here}")


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether every element is finite; True for integers. One pass."""
    # fp64 cannot overflow from adding finite fp32 or narrower numbers, and NaN and infinities stay in any sum.
    return not tensor.is_floating_point() or math.isfinite(tensor.sum(dtype=torch.float64))


def _open(file: Path) -> safe_open:
    if not file.is_file():
        raise CheckpointError(f"{file} is missing, though {INDEX} names it")
    try:
        return safe_open(file, framework="pt")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file} is truncated or corrupt ({error}): fetch or write it again") from error


def _shard_names(file: Path, index: dict[str, Any]) -> list[str]:
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{file}: weight_map names no tensors")
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise CheckpointError(f"{file}: weight_map names {name!r}, which is not a safetensors file of this folder")
    return names
