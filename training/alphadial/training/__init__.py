"""Where low and high come from: SFT of a shared initialisation, then GRPO under nested coverage."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alphadial.training.errors import TrainingError

if TYPE_CHECKING:
    from alphadial.training.curves import saved_curves
    from alphadial.training.grpo import GrpoConfig, run_grpo
    from alphadial.training.sft import SftConfig, run_sft
    from alphadial.training.state import CurvePoint
    from alphadial.training.train import TrainConfig, train_family

__all__ = [
    "CurvePoint",
    "GrpoConfig",
    "SftConfig",
    "TrainConfig",
    "TrainingError",
    "run_grpo",
    "run_sft",
    "saved_curves",
    "train_family",
]

_LAZY = {
    "TrainConfig": "train",
    "train_family": "train",
    "saved_curves": "curves",
    "CurvePoint": "state",
    "GrpoConfig": "grpo",
    "run_grpo": "grpo",
    "SftConfig": "sft",
    "run_sft": "sft",
}
"""Name to the module that holds it: loaded when first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
