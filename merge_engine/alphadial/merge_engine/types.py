"""The words of merging: families, recipes, weights and reports. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Recipe:
    """How two checkpoints of a family become theta(alpha)."""

    method: str = "linear"
    """A name in ``methods.METHODS``."""
    low: str = "low"
    """Name of the checkpoint at alpha 0."""
    high: str = "high"
    """Name of the checkpoint at alpha 1."""


@dataclass(frozen=True, slots=True)
class Family:
    """Checkpoints of one initialisation, and how a model made of them is asked and understood."""

    name: str
    path: Path
    """The folder that holds ``family.json``."""
    checkpoints: Mapping[str, Path] = field(hash=False)
    """Hugging Face folders by name; the recipe's low and high are among them."""
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
        """The checkpoint at alpha 1."""
        return self.checkpoints[self.recipe.high]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A model's tensors in memory, on the CPU."""

    tensors: dict[str, torch.Tensor]
    """By name, as the checkpoint stores them: a tied ``lm_head.weight`` is absent."""
    weights_id: str


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge to disk did."""

    alpha: float
    weights_id: str
    bytes_written: int
    """Of all files of the folder together."""
    seconds: float
    """Wall time; where several alphas were merged at once, an equal share of it."""
    out: Path
    warnings: tuple[str, ...]
    """Where the high endpoint's configuration, tokenizer or other files differ from those that the folder has."""


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What a merge to disk would do. Sizes are in bytes."""

    tensors: int
    reads: int
    """Of both endpoints' weights, which are read once for all alphas."""
    weights: int
    """Of all results' tensors together."""
    writes: int
    """Of all folders together."""
    memory: int
    """Held beside the mapped files, at most: buffers of every thread, and the compiled loops."""
    warnings: tuple[str, ...]
    """As in ``MergeReport``."""


class MergeMethod(Protocol):
    """A pure function of tensors. The engine owns reading, checking, devices and writing."""

    def __call__(self, low: torch.Tensor, high: torch.Tensor, alpha: float) -> torch.Tensor:
        """Merges one floating-point tensor.

        Args:
            low: at alpha 0; any shape, bf16, fp16 or fp32, finite.
            high: at alpha 1; shape and dtype of ``low``.
            alpha: on the grid k/256, at most 16 in magnitude.

        Returns:
            A new tensor of the same shape and dtype; infinite where the exact result overflows the dtype.
        """
        ...
