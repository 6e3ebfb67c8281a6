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
    """The module of its functions; see ``types.MergeMethod``."""
    formula: str
    """What theta is, in one line."""
    papers: tuple[str, ...]
    """The publications that it comes from."""
    pair: bool = False
    """Whether it merges two checkpoints, ``low`` and ``high``, rather than ``low`` and weighted ``models``."""
    normalises: bool = False
    """Whether weights count in proportion, so that they must not sum to 0."""
    reduces: bool = False
    """Whether it has to know something of a whole tensor before it merges the first piece."""
    parameters: Mapping[str, Parameter] | None = None


_SEED = Parameter("what chance starts from", "0", "4294967295", "0", whole=True)

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
    "slerp": Method(
        module="slerp",
        formula="the point at alpha on the arc from low to high, each tensor taken as a vector",
        papers=("SLERP: Shoemake 1985, https://doi.org/10.1145/325334.325242",),
        pair=True,
        reduces=True,
    ),
    "ties": Method(
        module="ties",
        formula="low + alpha * mean of what is large in w_i * (model_i - low) and has its sum's sign",
        papers=("TIES: Yadav et al. 2023, https://arxiv.org/abs/2306.01708",),
        reduces=True,
        parameters={
            "density": Parameter("share of each task vector's elements, the largest, that is kept", "0", "1", "0.2")
        },
    ),
    "dare": Method(
        module="dare",
        formula="low + alpha * sum of w_i * what chance keeps of (model_i - low), scaled up",
        papers=("DARE: Yu et al. 2024, https://arxiv.org/abs/2311.03099",),
        parameters={"density": Parameter("probability that an element is kept", "0.01", "1", "0.1"), "seed": _SEED},
    ),
    "della": Method(
        module="della",
        formula="low + alpha * mean of what chance keeps, by rank, of w_i * (model_i - low) and has its sum's sign",
        papers=("DELLA: Deep et al. 2024, https://arxiv.org/abs/2406.11617",),
        reduces=True,
        parameters={
            "density": Parameter("probability that an element of middle rank is kept", "0.01", "1", "0.3"),
            "epsilon": Parameter("how much more probable the largest is than the smallest", "0", "1", "0.2"),
            "seed": _SEED,
        },
    ),
    "breadcrumbs": Method(
        module="breadcrumbs",
        formula="low + alpha * sum of w_i * (model_i - low) without its largest and its small elements",
        papers=("Model Breadcrumbs: Davari and Belilovsky 2024, https://arxiv.org/abs/2312.06795",),
        reduces=True,
        parameters={
            "density": Parameter("share of each task vector's elements that is kept", "0", "1", "0.1"),
            "gamma": Parameter("share of them, the largest, that is dropped", "0", "1", "0.01"),
        },
    ),
}
"""The declared methods, by the name that recipes use."""
