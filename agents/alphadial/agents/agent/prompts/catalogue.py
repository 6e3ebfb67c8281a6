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
    "tiny": PromptStrategy(ask="{prompt}", repair="{prompt} <repair> {verdict}\n{program}"),
    "plain": PromptStrategy(
        system=EXPERT,
        ask=ASK,
        repair=ASK
        + """

This program was tried; on the examples its verdict is {verdict}, yet it does not solve the whole problem:

{block}""",
    ),
    "tiny-retry": PromptStrategy(ask="{prompt}"),
    "retry": PromptStrategy(system=EXPERT, ask=ASK),
    "repair": PromptStrategy(system=EXPERT, ask=ASK, repair=REPAIR, chat=True, granularity=Granularity.FAILED),
    "cot-retry": PromptStrategy(
        system=EXPERT,
        ask=ASK,
        repair=REPAIR,
        chat=True,
        granularity=Granularity.FAILED,
        guides=(GUIDELINES, NAIVE),
    ),
    "agent": PromptStrategy(system=EXPERT, ask="{posed}", native=frozenset({Setting.TOOLS, Setting.AGENTIC})),
}
"""``tiny``: the shipped family's; ``tiny-retry`` and ``retry`` ask the same again, the control at equal samples;
``cot-retry`` adds a guide at each failure (arXiv 2410.08105); ``agent`` leaves the tools to the model."""
