"""How a problem is put to a model, and how its answer is read: data, found by the names that ``family.json`` uses."""

from __future__ import annotations

from alphadial.agents.agent.prompts.catalogue import STRATEGIES
from alphadial.agents.agent.prompts.grid import PREFIX, compose
from alphadial.agents.agent.prompts.parsers import PARSERS, AnswerParser
from alphadial.agents.agent.prompts.strategies import PromptStrategy, Turn
from alphadial.agents.errors import AgentsError
from alphadial.envs.types import Setting

__all__ = ["PARSERS", "STRATEGIES", "AnswerParser", "PromptStrategy", "Turn", "find_parser", "find_strategy"]


def find_strategy(name: str, setting: Setting = Setting.REASONING) -> PromptStrategy:
    """The prompting strategy of this name, for attempts of this setting.

    Raises:
        AgentsError: there is none (the message lists the choices), or it cannot be used in the setting.
    """
    if name.startswith(PREFIX):
        strategy = compose(name)
    elif name in STRATEGIES:
        strategy = STRATEGIES[name]
    else:
        raise AgentsError(
            f"unknown prompting strategy {name!r}: choose one of {', '.join(STRATEGIES)}, "
            f"{PREFIX}REASONING+INSTRUCTION+FEEDBACK"
        )
    if setting is Setting.AGENTIC and setting not in strategy.native:
        able = ", ".join(each for each, known in STRATEGIES.items() if setting in known.native)
        raise AgentsError(f"prompting strategy {name!r} calls no tools, which setting {setting} needs: choose {able}")
    return strategy


def find_parser(name: str) -> AnswerParser:
    """The answer parser of this name.

    Raises:
        AgentsError: there is none (the message lists the choices).
    """
    if name not in PARSERS:
        raise AgentsError(f"unknown answer parser {name!r}: choose one of {', '.join(PARSERS)}")
    return PARSERS[name]
