"""mergekit's YAML, read as a family and the alpha at which it is what mergekit would make.

Methods linear, task_arithmetic and slerp; whole models, and numbers for all tensors or, as t of slerp, by filter. What
cannot be read is refused by key. Where mergekit computes in fp32 (``dtype: float32``, ``out_dtype: bfloat16``), our
results, which are rounded once, differ from its own by one unit of the last place, in 5 elements of 10,000 (linear), 3
(task arithmetic) or 0.2 (slerp); where terms cancel, by some 2^-21 of them. A test holds that.
Format: https://github.com/arcee-ai/mergekit/blob/main/docs (0.1.5).
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from alphadial.merge_engine.alpha import parse_alpha
from alphadial.merge_engine.errors import CheckpointError, FamilyError
from alphadial.merge_engine.reader import Checkpoint
from alphadial.merge_engine.recipes import exact_decimal
from alphadial.merge_engine.registry import family_of_folders
from alphadial.merge_engine.types import Family, Recipe

_KEYS = {"merge_method", "models", "slices", "base_model", "parameters", "dtype", "out_dtype", "tokenizer_source"}
_PARAMETERS = {
    "linear": {"weight", "normalize"},
    "task_arithmetic": {"weight", "normalize", "lambda", "int8_mask", "rescale"},  # the last two change nothing there
    "slerp": {"t"},
}
_DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
_ELSEWHERE = "write a recipe of your own (--recipe)"

_Named = tuple[str, Mapping[str, Any]]
"""A model's folder as it is written, and its parameters."""


def read_mergekit(file: Path) -> tuple[Family, float]:
    """The family of a mergekit configuration, and the alpha of what mergekit would make of it.

    Folders are those of models on this machine; like mergekit, it takes them from the current folder.

    Raises:
        FamilyError: it cannot be read, or asks for what we do not do (by key).
        AlphaError: a ``t`` or ``lambda`` is off the grid.
        CheckpointError: the weights have not the dtype that the result is to have, or cannot be read.
    """
    try:
        return _Configuration(file).family()
    except FamilyError as error:
        raise FamilyError(f"{file}: {error}") from error


class _Configuration:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.contents = _mapping("the file", _parsed(file))
        _known("", self.contents, _KEYS)
        self.method = _text("merge_method", self.contents.get("merge_method", ""))
        if self.method not in _PARAMETERS:
            read = ", ".join(_PARAMETERS)
            raise FamilyError(f"merge_method: {self.method!r} is not read, only {read}: {_ELSEWHERE}")
        if self.contents.get("tokenizer_source", "base") != "base":
            raise FamilyError("tokenizer_source: a merge has the tokenizer of its base: leave it out, or write base")
        self.base = _text("base_model", self.contents["base_model"]) if "base_model" in self.contents else None
        self.parameters = _mapping("parameters", self.contents.get("parameters", {}))
        self.models = self._models()
        for where, parameters in (
            ("parameters", self.parameters),
            *((f"parameters of {name}", each) for name, each in self.models),
        ):
            _known(f"{where}: ", parameters, _PARAMETERS[self.method])

    def family(self) -> tuple[Family, float]:
        make = {"linear": self._linear, "task_arithmetic": self._task_arithmetic, "slerp": self._slerp}
        low, others, recipe, alpha = make[self.method]()
        folders = {"base": _folder(low), **{f"model{i + 1}": _folder(name) for i, name in enumerate(others)}}
        family = family_of_folders(self.file.stem, folders, recipe)
        self._check_dtype(family)
        return family, alpha

    def _models(self) -> list[_Named]:
        listed = "models"
        entries = self.contents.get("models")
        if entries is None:
            (only, *more) = _sequence("slices", self.contents.get("slices", []), "models")
            if more:
                raise FamilyError(f"slices: models put together of several are not made here: {_ELSEWHERE}")
            slices = _mapping("slices", only)
            _known("slices: ", slices, {"sources"})
            listed, entries = "sources", slices.get("sources", [])
        elif "slices" in self.contents:
            raise FamilyError("slices: name either models or slices")
        found = []
        for entry in _sequence(listed, entries, "models"):
            model = _mapping(listed, entry)
            _known(f"{listed}: ", model, {"model", "parameters"} | ({"layer_range"} if listed == "sources" else set()))
            name = _text("model", model.get("model", ""))
            if "layer_range" in model:
                _check_whole(name, model["layer_range"])
            found.append((name, _mapping("parameters", model.get("parameters", {}))))
        if len({name for name, _ in found}) < len(found):
            raise FamilyError(f"{listed}: a model is named twice")
        return found

    def _linear(self) -> tuple[str, list[str], Recipe, float]:
        names = [name for name, _ in self.models]
        if self.base is not None and self.base not in names:
            raise FamilyError("base_model: linear merges models alone: leave it out, or name one of them")
        weights = self._weights(self.models)
        if not self._flag("normalize", True) and sum(Fraction(weight) for weight in weights) != 1:
            raise FamilyError("parameters: normalize: without it, weights that do not sum to 1 scale the model itself")
        models = {f"model{i + 1}": weight for i, weight in enumerate(weights)}
        return self.base or names[0], names, Recipe("soup", "base", None, models), 1.0

    def _task_arithmetic(self) -> tuple[str, list[str], Recipe, float]:
        base, others = self._based()
        weights, scale = (
            self._weights(others),
            exact_decimal("lambda", _text("lambda", self.parameters.get("lambda", "1"))),
        )
        models = {f"model{i + 1}": weight for i, weight in enumerate(weights)}
        method = "soup" if self._flag("normalize", False) else "task_arithmetic"
        return base, [name for name, _ in others], Recipe(method, "base", None, models), parse_alpha(scale)

    def _slerp(self) -> tuple[str, list[str], Recipe, float]:
        base, others = self._based()
        if len(others) != 1:
            raise FamilyError("models: slerp merges two models, base_model and one more")
        if others[0][1]:
            raise FamilyError("parameters: t of one model alone is not read: write it under parameters")
        t = self.parameters.get("t")
        if isinstance(t, list):
            recipe = Recipe("slerp", "base", "model1", alphas=_by_filter(t))
            return base, [others[0][0]], recipe, 1.0
        if t is None:
            raise FamilyError("parameters: t: slerp needs it")
        return base, [others[0][0]], Recipe("slerp", "base", "model1"), parse_alpha(_text("t", t))

    def _based(self) -> tuple[str, list[_Named]]:
        if self.base is None:
            raise FamilyError(f"base_model: {self.method} needs one")
        others = [each for each in self.models if each[0] != self.base]
        if not others:
            raise FamilyError("models: there is none beside base_model")
        return self.base, others

    def _weights(self, models: Sequence[_Named]) -> list[str]:
        weights = []
        for name, parameters in models:
            weight = parameters.get("weight", self.parameters.get("weight"))
            if weight is None:
                raise FamilyError(f"parameters of {name}: weight: {self.method} needs one")
            if not isinstance(weight, str):
                raise FamilyError(f"parameters of {name}: weight: by filter or layer it is not read: {_ELSEWHERE}")
            weights.append(exact_decimal(f"parameters of {name}: weight", weight))
        return weights

    def _flag(self, key: str, default: bool) -> bool:
        values = {"true": True, "false": False}
        text = _text(key, self.parameters.get(key, str(default))).lower()
        if text not in values:
            raise FamilyError(f"parameters: {key}: {text!r} is neither true nor false")
        return values[text]

    def _check_dtype(self, family: Family) -> None:
        for key in ("dtype", "out_dtype"):
            if self.contents.get(key) not in (None, *_DTYPES):
                raise FamilyError(f"{key}: {self.contents[key]!r} is none of {', '.join(_DTYPES)}")
        wanted = self.contents.get("out_dtype", self.contents.get("dtype"))
        if wanted is None:
            return
        for name, info in Checkpoint(family.low).tensors.items():
            if info.dtype in _DTYPES.values() and info.dtype != _DTYPES[wanted]:
                raise CheckpointError(
                    f"{self.file} asks for {wanted}, and tensor {name} of {family.low} is {info.dtype}: a merge has "
                    f"the dtype of its checkpoints, so convert them, or change out_dtype"
                )


def _by_filter(entries: Sequence[Any]) -> dict[str, str]:
    """Alphas by pattern, of a ``t`` that is given by filters; the first that fits counts, there and here."""
    alphas: dict[str, str] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise FamilyError("parameters: t: numbers by layer end off the grid between layers: " + _ELSEWHERE)
        _known("parameters: t: ", entry, {"filter", "value"})
        value = entry.get("value")
        if isinstance(value, list):
            raise FamilyError("parameters: t: numbers by layer end off the grid between layers: " + _ELSEWHERE)
        text = exact_decimal("parameters: t", _text("value", value))
        parse_alpha(text)
        name = _text("filter", entry.get("filter", "*"))
        alphas.setdefault("*" if name == "*" else f"*{glob.escape(name)}*", text)
    if "*" not in alphas:
        raise FamilyError("parameters: t: the last entry must be without a filter, for the tensors that fit none")
    return alphas


def _parsed(file: Path) -> object:
    try:
        # It makes strings, lists and mappings alone, so that numbers stay the exact decimals that they are.
        return yaml.load(file.read_bytes(), yaml.BaseLoader)
    except OSError as error:
        raise FamilyError(f"cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise FamilyError("is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise FamilyError(f"is not YAML: {' '.join(str(error).split())}") from error


def _check_whole(folder: str, layers: object) -> None:
    count = Checkpoint(_folder(folder)).config.get("num_hidden_layers")
    if layers != ["0", str(count)]:
        raise FamilyError(f"sources: layer_range: only whole models are merged, here [0, {count}]: {_ELSEWHERE}")


def _folder(name: str) -> Path:
    if not Path(name).is_dir():
        raise FamilyError(f"model {name!r} is no folder here: fetch it, and name its folder")
    return Path(name)


def _known(where: str, found: Mapping[str, Any], keys: set[str]) -> None:
    for key in found:
        if key not in keys:
            raise FamilyError(
                f"{where}{key!r} is not read, only {', '.join(sorted(keys))}: leave it out, or {_ELSEWHERE}"
            )


def _mapping(where: str, found: object) -> Mapping[str, Any]:
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise FamilyError(f"{where} is no mapping of keys to values")
    return found


def _sequence(where: str, found: object, of: str) -> Sequence[Any]:
    if not isinstance(found, list) or not found:
        raise FamilyError(f"{where} is no list of {of}")
    return found


def _text(where: str, found: object) -> str:
    if not isinstance(found, str) or not found:
        raise FamilyError(f"{where}: one value is needed")
    return found
