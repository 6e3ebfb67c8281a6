"""The words of merging: families, recipes, weights and reports. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from alphadial.merge_engine.errors import FamilyError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    Bits = npt.NDArray[np.unsignedinteger[Any]]


OnBytes = Callable[[str, int], None]
"""Told what is being done, "merging" or "hashing", and how many more bytes of results are done; from any thread."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a family's checkpoints become theta(alpha). Numbers are exact decimals, as text (``recipes.py``)."""

    method: str = "linear"
    """A name in ``methods.METHODS``."""
    low: str = "low"
    """Name of the checkpoint at alpha 0, which is the base of methods that need one."""
    high: str | None = "high"
    """Name of the other checkpoint, for methods that take one; None for those that take ``models``."""
    models: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The other checkpoints in the order in which they are added, each with its weight."""
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Those that the method declares."""
    alphas: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What scales alpha, by pattern (fnmatch) of tensors' names; the first pattern that fits counts, and none is 1."""

    @property
    def others(self) -> tuple[str, ...]:
        """Names of the checkpoints that are merged into the one at alpha 0, in order."""
        return tuple(self.models) if self.high is None else (self.high,)


@dataclass(frozen=True, slots=True)
class Family:
    """Checkpoints of one initialisation, and how a model made of them is asked and understood."""

    name: str
    path: Path
    """The folder that holds ``family.json``."""
    checkpoints: Mapping[str, Path] = field(hash=False)
    """Hugging Face folders by name; all that the recipe names are among them."""
    recipe: Recipe
    alpha_min: float
    alpha_max: float
    """The range of alpha, both ends included and on the grid."""
    prompt: str
    """Name of a prompting strategy."""
    parser: str
    """Name of an answer parser."""
    problem_set: str
    temperature: float
    """Default sampling temperature; 0 is greedy."""
    max_tokens: int
    """Default bound on the tokens of one answer."""

    @property
    def low(self) -> Path:
        """The checkpoint at alpha 0."""
        return self.checkpoints[self.recipe.low]

    @property
    def high(self) -> Path:
        """The other checkpoint of a method that takes two.

        Raises:
            FamilyError: the method takes any number.
        """
        if self.recipe.high is None:
            raise FamilyError(f"family {self.name} is merged by {self.recipe.method}, which has no high endpoint")
        return self.checkpoints[self.recipe.high]

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The checkpoint at alpha 0, and those that are merged into it, in the recipe's order."""
        return tuple(self.checkpoints[name] for name in (self.recipe.low, *self.recipe.others))


class ServingMode(StrEnum):
    """How one engine serves many alphas."""

    SWAP = "swap"
    """One alpha at a time, whose weights are rebuilt in place."""
    BLEND = "blend"
    """All alphas in one batch, from both endpoints at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A model's tensors in memory, on the CPU."""

    tensors: dict[str, torch.Tensor]
    """The tensors by name, as the checkpoint stores them: a tied ``lm_head.weight`` is absent."""
    weights_id: str


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge to disk did."""

    alpha: float
    weights_id: str
    bytes_written: int
    """The size of all files of the folder together."""
    seconds: float
    """Wall time; where several alphas were merged at once, an equal share of it."""
    out: Path
    warnings: tuple[str, ...]
    """The places where another input's configuration, tokenizer or other files differ from those of the folder."""


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What a merge to disk would do. Sizes are in bytes."""

    tensors: int
    reads: int
    """The size of all weights that are read; twice that where a method has to know whole tensors first."""
    weights: int
    """The size of all results' tensors together."""
    writes: int
    """The size of all folders together."""
    memory: int
    """Held beside the mapped files, at most: buffers of every thread, and the compiled loops."""
    warnings: tuple[str, ...]
    """As in ``MergeReport``."""


@dataclass(frozen=True, slots=True)
class TensorKind:
    """What a merge method is told of a tensor beside its elements."""

    name: str
    dtype: str
    """BF16, F16 or F32, as safetensors spells it."""
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """A recipe's numbers as a merge method takes them."""

    weights: tuple[float, ...]
    """One for each checkpoint but the first, as the nearest fp64 numbers; summing to 1 where the method asks for it."""
    parameters: Mapping[str, Fraction]
    """All that the method declares, exactly."""


class MergeMethod(Protocol):
    """What a module of ``methods/`` holds: two pure functions of bits, which disk, memory and running engines share.

    Elements are unsigned integers of the dtype's width, in row-major order. What comes out depends neither on how a
    tensor is cut into pieces, nor on threads or shards, nor on the machine.
    """

    def reduce(self, tensor: TensorKind, inputs: Sequence[Bits], settings: Settings) -> Any:
        """What the method has to know of the whole tensor, such as norms and thresholds; made once for all alphas.

        Only methods whose declaration says ``reduces`` have this. It works in fp64, in an order fixed by the elements'
        numbers alone. Inputs that hold NaN or infinities may give anything: ``merge`` tells of them.

        Args:
            tensor: its name, dtype and shape.
            inputs: all elements of each checkpoint's tensor; the first is that at alpha 0.
            settings: the recipe's numbers.
        """
        ...

    def merge(
        self,
        tensor: TensorKind,
        inputs: Sequence[Bits],
        out: Bits,
        settings: Settings,
        steps: int,
        reduced: Any,
        first: int,
    ) -> int:
        """Writes one piece of theta(steps / 256).

        Args:
            tensor: its name and dtype, and the shape of the whole.
            inputs: the piece's elements of each checkpoint's tensor; the first is that at alpha 0.
            out: where the result's bits go; it shares no memory with the inputs.
            settings: the recipe's numbers.
            steps: 256 alpha, never 0, at most 4096 in magnitude.
            reduced: what ``reduce`` gave for this tensor; None where there is no such function.
            first: number of the piece's first element in the tensor.

        Returns:
            0, or a sum of ``NOT_FINITE`` and ``OVERFLOWS`` (``compiled.py``).
        """
        ...
