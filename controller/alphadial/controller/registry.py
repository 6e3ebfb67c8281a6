"""Controllers by name, or by the dotted path of your own."""

from __future__ import annotations

import inspect
import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from alphadial.controller.ab_mcts import AbMcts
from alphadial.controller.cycles import RoundRobin, Schedule, TwoEnds
from alphadial.controller.errors import ControllerError
from alphadial.controller.fixed import Fixed
from alphadial.controller.linucb import LinUcb
from alphadial.controller.posterior import Posterior
from alphadial.controller.rule import Rule
from alphadial.controller.thompson import Thompson
from alphadial.controller.types import Arm, Controller
from alphadial.controller.uniform import Uniform

_CLASSES: tuple[type[Controller], ...] = (
    *(Fixed, Uniform, TwoEnds, RoundRobin, Schedule, Rule, Thompson, Posterior),
    *(LinUcb, AbMcts),
)
CONTROLLERS: dict[str, type[Controller]] = {found.name: found for found in _CLASSES}
"""Controllers by the names that ``make_controller`` takes."""


def controller_names() -> tuple[str, ...]:
    """The names of the controllers that come with alphadial."""
    return tuple(CONTROLLERS)


def find_controller(name: str) -> type[Controller]:
    """The class of a name, or of a dotted path ``package.module:Class``; options after it do not matter.

    Raises:
        ControllerError: unknown, or the path leads to nothing that could be a controller.
    """
    name, _ = split_options(name)
    if name in CONTROLLERS:
        return CONTROLLERS[name]
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        choices = ", ".join(controller_names())
        raise ControllerError(f"unknown controller {name!r}: choose one of {choices}, or package.module:Class")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # importing runs the user's code
        hint = "; put its folder on PYTHONPATH" if isinstance(error, ModuleNotFoundError) else ""
        raise ControllerError(f"cannot load controller {name!r}: {error}{hint}") from error
    methods = ("fit", "select", "update", "state", "from_state")
    lacking = [method for method in methods if not callable(getattr(found, method, None))]
    if not isinstance(found, type) or lacking:
        raise ControllerError(f"{name!r} is no controller: it lacks {', '.join(lacking) or 'a class'}")
    return found


def split_options(name: str) -> tuple[str, dict[str, Any]]:
    """A name without the options that follow it, and these: numbers, true, false and null, or else texts.

    Raises:
        ControllerError: one is there twice.
    """
    parts = name.split(":")
    options: dict[str, Any] = {}
    while "=" in parts[-1]:
        option, _, value = parts.pop().partition("=")
        if option in options:
            raise ControllerError(f"controller {name!r}: option {option!r} is there twice")
        try:
            options[option] = json.loads(value)
        except ValueError:
            options[option] = value
    return ":".join(parts), options


def make_controller(
    name: str, arms: Sequence[Arm | float], *, seed: int = 0, horizon: int = 5, **options: Any
) -> Controller:
    """A controller that has learnt nothing yet.

    Args:
        name: see ``find_controller``; options may follow it, as in ``posterior:verdicts=false:smoothing=2``.
        arms: what it chooses from; a number is the arm of that alpha, everything else as the run has it.
        seed: of its draws.
        horizon: attempts planned per problem.
        options: of the controller's own; its docstring lists them.

    Raises:
        ControllerError: unknown name or option, or an argument out of range.
    """
    make: Any = find_controller(name)
    name, spelled = split_options(name)
    options = spelled | options
    try:
        inspect.signature(make).bind(arms, seed=seed, horizon=horizon, **options)
    except TypeError as error:
        raise ControllerError(
            f"controller {name}: {error}; it takes {', '.join(_options(make)) or 'no options'}"
        ) from None
    _check_spelled(name, make, spelled)
    with guarded(make):
        controller: Controller = make(arms, seed=seed, horizon=horizon, **options)
    return controller


@contextmanager
def guarded(controller: Controller | type[Controller]) -> Iterator[None]:
    """Whatever a controller of the user's own raises inside becomes a ControllerError that says where it arose.

    One that comes with alphadial keeps its traceback: that fault is ours.
    """
    kind = controller if isinstance(controller, type) else type(controller)
    try:
        yield
    except ControllerError:
        raise
    except Exception as error:
        if kind in _CLASSES:
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise ControllerError(
            f"controller {kind.__module__}:{kind.__qualname__} failed: {type(error).__name__}: {error} "
            f"({last.filename}, line {last.lineno})"
        ) from error


def _check_spelled(name: str, make: Any, spelled: Mapping[str, Any]) -> None:
    """Refuses options of another type than their defaults: they were written as text, where nothing checks types."""
    for option, value in spelled.items():
        default = inspect.signature(make).parameters[option].default
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        is_number = is_whole or isinstance(value, float)
        if isinstance(default, bool) and not isinstance(value, bool):
            raise ControllerError(f"controller {name}: option {option} must be true or false, not {value!r:.60}")
        if isinstance(default, int) and not isinstance(default, bool) and not is_whole:
            raise ControllerError(f"controller {name}: option {option} must be a whole number, not {value!r:.60}")
        if isinstance(default, float) and not is_number:
            raise ControllerError(f"controller {name}: option {option} must be a number, not {value!r:.60}")
        if default is None and not (is_number or value is None):
            raise ControllerError(f"controller {name}: option {option} must be a number or null, not {value!r:.60}")


def _options(make: Any) -> list[str]:
    return [option for option in inspect.signature(make).parameters if option not in ("arms", "seed", "horizon")]
