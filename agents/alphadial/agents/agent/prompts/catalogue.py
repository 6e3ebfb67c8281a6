"""The prompting strategies by name."""

from __future__ import annotations

from alphadial.agents.agent.prompts.feedback import Granularity
from alphadial.agents.agent.prompts.strategies import PromptStrategy
from alphadial.envs.types import Setting

EXPERT = "You are an expert programmer. Your programs are correct, and fast enough for large inputs."
ASK = "{task}\n\n{answer}"
REPAIR = """{feedback} On the examples its verdict is {verdict}. {guide}
{answer}"""
GUIDELINES = "First write down the guidelines that a correct and fast solution must follow; then follow them."
NAIVE = "First write a naive solution that is surely correct; then derive from it one that is fast enough."

STRATEGIES: dict[str, PromptStrategy] = {
    "tiny": PromptStrategy(
        ask="{prompt}",
        repair="{prompt} <repair> {verdict}\n{program}",
        about="Six words of the problem, as the family tiny reads them; after a failure the program too.",
    ),
    "plain": PromptStrategy(
        system=EXPERT,
        ask=ASK,
        repair=ASK
        + """

This program was tried; on the examples its verdict is {verdict}, yet it does not solve the whole problem:

{block}""",
        about="The statement in words; after a failure, in a new conversation, the program that failed too.",
    ),
    "tiny-retry": PromptStrategy(ask="{prompt}", about="Six words of the problem, the same again after a failure."),
    "retry": PromptStrategy(system=EXPERT, ask=ASK, about="The statement in words, the same again after a failure."),
    "repair": PromptStrategy(
        system=EXPERT,
        ask=ASK,
        repair=REPAIR,
        chat=True,
        granularity=Granularity.FAILED,
        about="The statement in words; after a failure the conversation goes on with the public tests that failed.",
    ),
    "cot-retry": PromptStrategy(
        system=EXPERT,
        ask=ASK,
        repair=REPAIR,
        chat=True,
        granularity=Granularity.FAILED,
        guides=(GUIDELINES, NAIVE),
        about="As repair, with a guide at each failure: guidelines first, then a naive solution to make fast.",
    ),
    "agent": PromptStrategy(
        system=EXPERT,
        ask="{posed}",
        native=frozenset({Setting.TOOLS, Setting.AGENTIC}),
        about="The statement and the tools, which the model calls itself, in the settings tools and agentic.",
    ),
}
"""``tiny-retry`` and ``retry`` are the controls at equal samples; ``cot-retry`` is of arXiv 2410.08105."""
