"""The prompting strategies by name."""

from __future__ import annotations

from alphadial.agents.agent.prompts.feedback import Granularity
from alphadial.agents.agent.prompts.strategies import PromptStrategy
from alphadial.envs.types import Setting

EXPERT = "You are an expert programmer. Your programs are correct, and fast enough for large inputs."
TASK = """{statement}

Write a Python function named {entry}. Examples:

{examples}
"""
ANSWER = "\nAnswer with one Python code block that holds the whole program."
ASK = TASK + ANSWER
REPAIR = """{feedback} On the examples its verdict is {verdict}. {guide}
Answer with one Python code block that holds the whole mended program."""
GUIDELINES = "First write down the guidelines that a correct and fast solution must follow; then follow them."
NAIVE = "First write a naive solution that is surely correct; then derive from it one that is fast enough."

_NATIVE = {
    Setting.TOOLS: TASK
    + """
Work with the tools: run_tests runs a program on the examples; submit hands in your final program, once. Hidden tests
then decide, with large inputs too.""",
    Setting.AGENTIC: TASK
    + """
The workspace of your tools holds the files of this task; solution.py in it must define {entry}. Look around, edit and
run. run_tests runs solution.py on the examples; submit hands it in, once. Hidden tests then decide, with large inputs
too.""",
}
_REMINDER = "Your answer called no tool. Call one in every answer; submit ends the task."

STRATEGIES: dict[str, PromptStrategy] = {
    "tiny": PromptStrategy(ask="{prompt}", repair="{prompt} <repair> {verdict}\n{program}"),
    "plain": PromptStrategy(
        system=EXPERT,
        ask=ASK,
        repair=ASK
        + """

This program was tried; on the examples its verdict is {verdict}, yet it does not solve the whole problem:

```python
{program}
```""",
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
    "agent": PromptStrategy(system=EXPERT, ask=ASK, native=_NATIVE, reminder=_REMINDER),
}
"""``tiny``: the shipped family's; ``tiny-retry`` and ``retry`` ask the same again, the control at equal samples;
``cot-retry`` adds a guide at each failure (arXiv 2410.08105); ``agent`` leaves the tools to the model."""
