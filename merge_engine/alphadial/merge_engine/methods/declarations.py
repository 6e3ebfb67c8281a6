"""Every merge method: what it does and takes, and which module of this folder does it. It loads no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a recipe may give to a method, as a decimal."""

    meaning: str
    low: str
    """The least that it may be; the bounds are allowed themselves."""
    high: str
    """The most that it may be."""
    default: str
    whole: bool = False
    """Whether it must be an integer."""


@dataclass(frozen=True, slots=True)
class Method:
    """What a recipe has to know of a merge method."""

    module: str
    """Where its functions are; see ``types.MergeMethod``."""
    formula: str
    """What theta is, in one line."""
    papers: tuple[str, ...]
    """Where it comes from."""
    pair: bool = False
    """Whether it merges two checkpoints, ``low`` and ``high``, rather than ``low`` and weighted ``models``."""
    normalises: bool = False
    """Whether weights count in proportion, so that they must not sum to 0."""
    reduces: bool = False
    """Whether it has to know something of a whole tensor before it merges the first piece."""
    parameters: Mapping[str, Parameter] | None = None


METHODS: Mapping[str, Method] = {
    "linear": Method(
        module="linear",
        formula="low + alpha * (high - low), exactly rounded; beyond 1 it extrapolates",
        papers=(
            "WiSE-FT: Wortsman et al. 2022, https://arxiv.org/abs/2109.01903",
            "ExPO: Zheng et al. 2024, https://arxiv.org/abs/2404.16792",
        ),
        pair=True,
    ),
    "soup": Method(
        module="soup",
        formula="low + alpha * (sum of w_i * model_i - low), with weights that sum to 1",
        papers=(
            "Model soups: Wortsman et al. 2022, https://arxiv.org/abs/2203.05482",
            "Rewarded soups: Rame et al. 2023, https://arxiv.org/abs/2306.04488",
        ),
        normalises=True,
    ),
    "task_arithmetic": Method(
        module="task_arithmetic",
        formula="low + alpha * sum of w_i * (model_i - low)",
        papers=("Task arithmetic: Ilharco et al. 2023, https://arxiv.org/abs/2212.04089",),
    ),
}
"""By the name that recipes use."""
