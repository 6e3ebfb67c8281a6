"""The arms of a run: read from a file, and completed by what holds where an arm says nothing.

A file is a JSON list of entries. Each names a ``family`` (name or folder) or a ``model`` of the server, or neither
where the run has one; and may have ``alpha``, ``temperature``, ``setting`` and ``strategy``. Any of them may be a list:
an entry stands for every combination. ``"in_process": true`` lets a family answer in this process beside a server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from alphadial.agents.agent.prompts import find_parser, find_strategy
from alphadial.agents.errors import AgentsError, OptionError
from alphadial.agents.runs.config import ArmChoice, ModelChoice, RunConfig
from alphadial.agents.runs.options import PLAIN_MODEL, AttemptOptions, default_prompt
from alphadial.agents.types import arm_key
from alphadial.controller.errors import ControllerError
from alphadial.controller.types import Arm
from alphadial.envs.errors import ForeignError
from alphadial.envs.foreign import read_json
from alphadial.envs.types import Setting
from alphadial.merge_engine import Family, MergeEngineError, check_alpha, family_digest, load_family, model_name

_PARTS = ("alpha", "temperature", "setting", "strategy")
_KEYS = ("family", "model", *_PARTS, "in_process")
MOST_ARMS = 1000
NAMELESS = "it names no model: give it a family or a model, or name a FAMILY for all arms"


@dataclass(frozen=True, slots=True)
class ArmSet:
    """What a file of arms says."""

    arms: tuple[Arm, ...] = ()
    families: tuple[Family, ...] = ()
    """Those that arms name, each once."""
    in_process: frozenset[str] = frozenset()
    """Names of the families that answer in this process though there is a server."""


def read_arms(path: Path) -> ArmSet:
    """Reads a file of arms.

    Raises:
        OptionError: it cannot be read, or is something else; the message names the entry.
        FamilyError: an entry names a family that there is not.
    """
    try:
        entries = read_json(path)
    except ForeignError as error:
        raise OptionError(f"--arms: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise OptionError(f'--arms {path}: it must be a list of arms, such as [{{"alpha": [0, 1]}}]')
    arms: list[Arm] = []
    families: dict[str, Family] = {}
    in_process: set[str] = set()
    served: dict[str, str] = {}
    for number, entry in enumerate(entries, start=1):
        where = f"--arms {path}, entry {number}"
        named = _families(entry, where)
        for family in named:
            if families.setdefault(family.name, family).path != family.path:
                raise OptionError(f"{where}: two families are called {family.name}: give one another name")
        if entry.get("in_process", False):
            in_process |= {family.name for family in named}
        arms += _combined(entry, [family.name for family in named], where)
        if len(arms) > MOST_ARMS:
            raise OptionError(f"{where}: more than {MOST_ARMS:,} arms: choose fewer")
        for model in _listed(entry, "model") if "model" in entry else ():
            served.setdefault(model.partition("@")[0], where)
    for name in served.keys() & families.keys():
        raise OptionError(f"{served[name]}: {name} is a family in another entry: write family there, and its alpha")
    return ArmSet(tuple(arms), tuple(families.values()), frozenset(in_process))


def _families(entry: Any, where: str) -> list[Family]:
    if not isinstance(entry, Mapping):
        raise OptionError(f"{where} is no object with any of {', '.join(_KEYS)}")
    if unknown := [name for name in entry if name not in _KEYS]:
        raise OptionError(f"{where} has an unknown key {unknown[0][:40]!r}: the keys are {', '.join(_KEYS)}")
    if "family" in entry and "model" in entry:
        raise OptionError(f"{where} names a family and a model: one entry has one of them")
    stated = entry.get("in_process", False)
    if not isinstance(stated, bool) or (stated and "family" not in entry):
        raise OptionError(f"{where}: in_process is true or false, and of a family")
    names = _listed(entry, "family") if "family" in entry else []
    if not all(isinstance(name, str) and name for name in names):
        raise OptionError(f"{where}: family must be the name or the folder of one, or a list of such")
    return [load_family(name) for name in names]


def _combined(entry: Mapping[str, Any], families: Sequence[str], where: str) -> list[Arm]:
    models = list(families) if "family" in entry else _listed(entry, "model") if "model" in entry else [""]
    if "model" in entry and not all(isinstance(name, str) and name for name in models):
        raise OptionError(f"{where}: model must be the name of a model of the server, or a list of such")
    stated = [name for name in _PARTS if name in entry]
    try:
        return [
            Arm.from_json({"model": model, **dict(zip(stated, values, strict=True))})
            for model in models
            for values in product(*(_listed(entry, name) for name in stated))
        ]
    except ControllerError as error:
        raise OptionError(f"{where}: {error}") from error


def _listed(entry: Mapping[str, Any], name: str) -> list[Any]:
    values = entry[name] if isinstance(entry[name], list) else [entry[name]]
    if not values:
        raise OptionError(f"{name} is an empty list in --arms: give at least one value, or leave it out")
    return values


def complete_arms(
    options: AttemptOptions,
    arms: Sequence[Arm],
    families: Sequence[Family],
    verified: Collection[str],
) -> tuple[ArmChoice, ...]:
    """Every arm with all that holds for it, ascending.

    Args:
        options: of the run, for what arms leave unsaid.
        arms: of the run.
        families: those whose names arms have for a model; every other model is one of a server's.
        verified: names of the families whose weights are.

    Raises:
        OptionError: an arm that names no model, one that its model cannot have, or one that is there twice.
    """
    known = {family.name: family for family in families}
    choices: dict[str, ArmChoice] = {}
    for arm in sorted(arms):
        family = known.get(arm.model) if arm.model else options.family
        try:
            choice = _completed(options, arm, family, family is not None and family.name in verified)
        except (AgentsError, MergeEngineError) as error:
            raise OptionError(f"arm {arm}: {error}") from error
        key = arm_key(choice.model, choice.temperature, choice.setting, choice.prompt)
        if key in choices:
            other = "it" if choices[key].arm == arm else f"{choices[key].arm}, which is the same here,"
            raise OptionError(f"arm {arm}: {other} is there already: name each arm once")
        choices[key] = choice
    if all(choice.setting is Setting.REASONING for choice in choices.values()):
        AttemptOptions.checked_turns(options)
    return tuple(choices.values())


def over_arms(config: RunConfig, arms: Sequence[ArmChoice]) -> RunConfig:
    """A configuration with these arms; where each says an alpha alone, the plain one of a run over alphas."""
    plain = all(choice.arm.plain for choice in arms)
    first, models = arms[0], {choice.model: ModelChoice(choice.model, choice.arm.alpha) for choice in arms}
    families = {choice.model.partition("@")[0] if choice.arm.alpha is not None else None for choice in arms}
    return replace(
        config,
        family=families.pop() if len(families) == 1 else None,
        models=tuple(models.values()),
        weights=first.weights,
        temperature=first.temperature,
        max_tokens=first.max_tokens,
        setting=first.setting,
        max_turns=first.max_turns,
        prompt=first.prompt,
        parser=first.parser,
        arms=None if plain else tuple(arms),
    )


def _completed(options: AttemptOptions, arm: Arm, family: Family | None, verified: bool) -> ArmChoice:
    defaults = PLAIN_MODEL if family is None else family
    setting = _setting(arm.setting) if arm.setting else options.setting
    prompt = arm.strategy or options.prompt or default_prompt(family, setting)
    parser = options.parser or defaults.parser
    find_strategy(prompt, setting)
    find_parser(parser)
    temperature = next(
        value for value in (arm.temperature, options.temperature, defaults.temperature) if value is not None
    )
    return ArmChoice(
        arm=arm,
        model=_model(options, arm, family),
        weights=family_digest(family) if family is not None and verified else None,
        temperature=temperature,
        max_tokens=options.max_tokens or defaults.max_tokens,
        setting=setting,
        max_turns=options.turns_of(setting),
        prompt=prompt,
        parser=parser,
    )


def _model(options: AttemptOptions, arm: Arm, family: Family | None) -> str:
    """What the arm's model is asked for by."""
    if family is not None:
        if arm.alpha is None:
            raise OptionError(f"family {family.name} answers at an alpha: give one")
        return model_name(family, check_alpha(arm.alpha, family))
    name = arm.model or options.model
    if not name:
        raise OptionError(NAMELESS)
    if arm.alpha is not None:
        raise OptionError(f"{name} is a model without a family and has no alpha: leave alpha out")
    return name


def _setting(text: str) -> Setting:
    try:
        return Setting(text)
    except ValueError:
        raise OptionError(f"setting {text!r} is none of {', '.join(Setting)}") from None
