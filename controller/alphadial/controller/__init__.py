"""Which arm next: controllers that choose one for every attempt, their replay and their saved state."""

from __future__ import annotations

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

__all__ = [
    "CONTROLLERS",
    "UNKNOWN",
    "Arm",
    "BaseController",
    "Budget",
    "Choice",
    "Context",
    "Controller",
    "ControllerError",
    "Counts",
    "Decision",
    "Fields",
    "History",
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
    "replay",
    "sample_orders",
    "save_state",
]
