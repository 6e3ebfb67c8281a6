"""How a problem is put to a model, and how its answer is read: data, found by the names that ``family.json`` uses."""

from __future__ import annotations

from alphadial.agents.errors import AgentsError
from alphadial.agents.prompts.parsers import PARSERS, AnswerParser
from alphadial.agents.prompts.strategies import STRATEGIES, PromptStrategy

__all__ = ["PARSERS", "STRATEGIES", "AnswerParser", "PromptStrategy", "find_parser", "find_strategy"]


def find_strategy(name: str) -> PromptStrategy:
    """The prompting strategy of this name.

    Raises:
        AgentsError: there is none (the message lists the choices).
    """
    if name not in STRATEGIES:
        raise AgentsError(f"unknown prompting strategy {name!r}: choose one of {', '.join(STRATEGIES)}")
    return STRATEGIES[name]


def find_parser(name: str) -> AnswerParser:
    """The answer parser of this name.

    Raises:
        AgentsError: there is none (the message lists the choices).
    """
    if name not in PARSERS:
        raise AgentsError(f"unknown answer parser {name!r}: choose one of {', '.join(PARSERS)}")
    return PARSERS[name]
