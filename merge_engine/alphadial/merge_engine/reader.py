"""Lazy reading of checkpoints: Hugging Face folders with one safetensors file, or several and an index.

Importing this loads no torch: tensors are numpy arrays of bits, mapped from the files.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from alphadial.merge_engine.compiled import Bits, is_finite
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
    start: int
    """The place in the file at which its bytes begin."""
    bytes: int
    """How many there are."""


class Tensors:
    """The tensors of safetensors files of one folder, whose headers are read, and which are read when asked for."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        """Reads the headers.

        Args:
            folder: that holds the files.
            names: of the files.

        Raises:
            CheckpointError: a file is missing, truncated or corrupt, or has numbers of a kind that nobody merges.
        """
        self.folder = folder
        self._maps: dict[str, mmap.mmap] = {}
        self.tensors: dict[str, TensorInfo] = {}
        for name in names:
            self._maps[name], tensors = _open(folder / name)
            self.tensors |= tensors
        self._check_dtypes()

    @property
    def files(self) -> list[str]:
        """Names of the safetensors files."""
        return list(self._maps)

    def bits(self, name: str, first: int = 0, last: int | None = None) -> Bits:
        """Elements of one tensor in row-major order, as unsigned integers of their width; one-dimensional, not checked.

        The array is a private mapping of the file: nothing is read before it is used, and writing changes no file.

        Args:
            name: of the tensor.
            first: number of the first element.
            last: number of the one after the last; None: all to the end.
        """
        info = self.tensors[name]
        width = DTYPE_BYTES[info.dtype]
        count = (info.bytes // width if last is None else last) - first
        start = info.start + first * width
        flat: Bits = np.frombuffer(self._maps[info.file], np.uint8, count * width, start)
        # Files of other writers may lack the padding that puts tensors at multiples of their width.
        return (flat if start % width == 0 else flat.copy()).view(f"<u{width}")

    def will_need(self, name: str, first: int, last: int) -> None:
        """Tells the kernel to read elements that are wanted soon."""
        info, page = self.tensors[name], mmap.PAGESIZE
        width = DTYPE_BYTES[info.dtype]
        start = (info.start + first * width) // page * page
        end = info.start + min(last * width, info.bytes)
        if end > start:
            self._maps[info.file].madvise(mmap.MADV_WILLNEED, start, end - start)

    def finite_bits(self, name: str) -> Bits:
        """The same, after a look at every element.

        Raises:
            CheckpointError: one is NaN or infinite.
        """
        bits = self.bits(name)
        if not is_finite(self.tensors[name].dtype, bits):
            raise self.not_finite(name)
        return bits

    def not_finite(self, name: str) -> CheckpointError:
        """What is to be said of a tensor that holds NaN or an infinity."""
        return CheckpointError(f"{self.folder / self.tensors[name].file}: tensor {name} holds NaN or infinities")

    def _check_dtypes(self) -> None:
        for name, info in self.tensors.items():
            if info.dtype not in DTYPE_BYTES:
                file = self.folder / info.file
                raise CheckpointError(f"{file}: tensor {name} has dtype {info.dtype}: convert it to BF16, F16 or F32")


class Checkpoint(Tensors):
    """A checkpoint whose headers are read and whose tensors are read when asked for."""

    def __init__(self, folder: Path) -> None:
        """Reads the configuration and the headers.

        Raises:
            CheckpointError: a file is missing, truncated or corrupt, the index does not fit the files, or the
                configuration asks for code to be run.
        """
        check_data_only(folder)
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
        super().__init__(folder, names)
        self._check_layers()
        if self.index is not None:
            self._check_index(self.index["weight_map"])

    def _check_layers(self) -> None:
        """Each layer has tensors. A model of many more would be built for hours before anyone saw that they lack."""
        inner = [value for value in self.config.values() if isinstance(value, dict)]  # of composite models
        for key, value in chain.from_iterable(settings.items() for settings in (self.config, *inner)):
            counts = "layer" in key and key != "max_window_layers"  # which Qwen2 leaves at 28 in models of fewer
            if counts and isinstance(value, int) and value > len(self.tensors):
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


def _open(file: Path) -> tuple[mmap.mmap, dict[str, TensorInfo]]:
    """A file's content, mapped, and what its header says of each tensor, by name."""
    if not file.is_file():
        raise CheckpointError(f"{file} is missing")
    try:
        with safe_open(file, framework="numpy"):  # it checks the header: no hole, no overlap, nothing beyond the end
            pass
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file} is truncated or corrupt ({error}): fetch or write it again") from error
    tensors = {}
    for name in sorted(header.keys() - {"__metadata__"}):
        start, end = header[name]["data_offsets"]
        shape = tuple(header[name]["shape"])
        tensors[name] = TensorInfo(header[name]["dtype"], shape, file.name, 8 + length + start, end - start)
    return content, tensors


def _shard_names(file: Path, index: dict[str, Any]) -> list[str]:
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{file}: weight_map names no tensors")
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise CheckpointError(f"{file}: weight_map names {name!r}, which is not a safetensors file of this folder")
        if not (file.parent / name).is_file():
            raise CheckpointError(f"{file.parent / name} is missing, though {INDEX} names it")
    return names
