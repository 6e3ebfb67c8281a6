"""What can be chosen by name: each with a line from where it is defined."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

_TICKS = re.compile("``([^`]*)``")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The choices of one kind."""

    lines: Mapping[str, str]
    """Name to what it is."""
    own: str = ""
    """How one of the user's own is named; "" where that cannot be."""


def _families() -> Catalogue:
    from alphadial.merge_engine import load_family, shipped_families

    found = {name: load_family(name) for name in shipped_families()}
    lines = {
        name: f"alpha {family.alpha_min:g} to {family.alpha_max:g}, for {family.problem_set}; temperature "
        f"{family.temperature:g}, strategy {family.prompt}, parser {family.parser}"
        for name, family in found.items()
    }
    return Catalogue(lines, "a folder with family.json")


def _problem_sets() -> Catalogue:
    from alphadial.envs.problems.sources import NAMES, open_set

    sets = {name: open_set(place) for name, place in NAMES.items()}
    lines = {name: f"{first_words(type(found))} Splits: {', '.join(found.splits)}." for name, found in sets.items()}
    return Catalogue(lines, "a package, a folder, a file of any format that the judge reads, or module:Class")


def _controllers() -> Catalogue:
    from alphadial.controller import CONTROLLERS

    return Catalogue({name: first_words(found) for name, found in CONTROLLERS.items()}, "package.module:Class")


def _strategies() -> Catalogue:
    from alphadial.agents.agent.prompts import STRATEGIES
    from alphadial.agents.agent.prompts.feedback import Granularity
    from alphadial.agents.agent.prompts.grid import INSTRUCTION, PREFIX, REASONING

    parts: dict[str, list[str]] = {
        "REASONING": list(REASONING),
        "INSTRUCTION": list(INSTRUCTION),
        "FEEDBACK": [*Granularity],
    }
    choices = "; ".join(f"{part} is {', '.join(names)}" for part, names in parts.items())
    lines = {name: found.about for name, found in STRATEGIES.items()}
    return Catalogue(lines, f"{PREFIX}{'+'.join(parts)}, where {choices}")


def _parsers() -> Catalogue:
    from alphadial.agents.agent.prompts import PARSERS

    return Catalogue({name: first_words(found) for name, found in PARSERS.items()})


def _agents() -> Catalogue:
    from alphadial.agents.agent.registry import AGENTS

    return Catalogue({f"{setting}: {name}": first_words(found) for (setting, name), found in AGENTS.items()})


def _languages() -> Catalogue:
    from alphadial.envs.languages import all_languages

    lines = {
        name: f"{found.title}: files {' '.join(found.extensions)}, apt-get package {found.package}"
        for name, found in all_languages().items()
    }
    return Catalogue(lines)


def _sandboxes() -> Catalogue:
    from alphadial.envs.sandbox import SANDBOXES

    modules = {name: import_module(place.partition(":")[0]) for name, place in SANDBOXES.items()}
    return Catalogue({name: first_words(module) for name, module in modules.items()})


CATALOGUES: Mapping[str, Callable[[], Catalogue]] = {
    "families": _families,
    "problem-sets": _problem_sets,
    "controllers": _controllers,
    "strategies": _strategies,
    "parsers": _parsers,
    "agents": _agents,
    "languages": _languages,
    "sandboxes": _sandboxes,
}
"""Kind of thing to its choices."""
OPTIONS = {
    "families": "the argument FAMILY",
    "problem-sets": "--problem-set",
    "controllers": "--controller",
    "strategies": "--prompt",
    "parsers": "--parser",
    "agents": "--setting and --agent",
    "languages": "--language",
    "sandboxes": "--sandbox",
}
"""Kind of thing to where its names are given."""


def first_words(documented: object) -> str:
    """The first paragraph of a docstring, in one line."""
    first, _, _ = (inspect.getdoc(documented) or "").partition("\n\n")
    return _TICKS.sub(r"\1", " ".join(first.split()))
