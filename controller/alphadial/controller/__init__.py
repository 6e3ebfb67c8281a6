"""Which arm next: controllers that choose one for every attempt, their replay and their saved state."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alphadial.controller.allocation import Allocation, BudgetReplay, replay_budget
from alphadial.controller.base import UNKNOWN, BaseController, Choice, Counts, History, Situation
from alphadial.controller.errors import ControllerError, StateError
from alphadial.controller.fields import Fields
from alphadial.controller.offline import ReplayResult, replay, sample_orders
from alphadial.controller.registry import CONTROLLERS, controller_names, find_controller, guarded, make_controller
from alphadial.controller.state import load_state, save_state
from alphadial.controller.types import (
    Arm,
    Budget,
    Context,
    Controller,
    Decision,
    Outcome,
    OutcomeKind,
    OutcomeLog,
    Trial,
    as_arms,
)

if TYPE_CHECKING:
    from alphadial.controller.implicit.equilibrium import Equilibrium
    from alphadial.controller.implicit.l1_rows import project_rows
    from alphadial.controller.implicit.reward_model import ImplicitRewardModel

__all__ = [
    "CONTROLLERS",
    "UNKNOWN",
    "Allocation",
    "Arm",
    "BaseController",
    "Budget",
    "BudgetReplay",
    "Choice",
    "Context",
    "Controller",
    "ControllerError",
    "Counts",
    "Decision",
    "Equilibrium",
    "Fields",
    "History",
    "ImplicitRewardModel",
    "Outcome",
    "OutcomeKind",
    "OutcomeLog",
    "ReplayResult",
    "Situation",
    "StateError",
    "Trial",
    "as_arms",
    "controller_names",
    "find_controller",
    "guarded",
    "load_state",
    "make_controller",
    "project_rows",
    "replay",
    "replay_budget",
    "sample_orders",
    "save_state",
]

_LAZY = {
    "Equilibrium": "implicit.equilibrium",
    "ImplicitRewardModel": "implicit.reward_model",
    "project_rows": "implicit.l1_rows",
}
"""Name to the module that holds it: loaded when first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
