"""The grid of reasoning, instruction and feedback prompts of "What Makes Large Language Models Reason in (Multi-Turn)
Code Generation?" (arXiv 2410.08105, section 3), in our own words.

The paper asks for words and program in two messages; here one answer holds both, so that a turn is one sample. Its
fourth kind of feedback, a trace of the program's blocks, did worse than the coarser ones and is left out.
"""

from __future__ import annotations

from alphadial.agents.agent.prompts.catalogue import EXPERT
from alphadial.agents.agent.prompts.feedback import Granularity
from alphadial.agents.agent.prompts.strategies import PromptStrategy
from alphadial.agents.errors import AgentsError

PREFIX = "grid:"
REASONING = {
    "none": "",
    "self-reflection": "restate the goal in your own words, with its nuances, and say what the examples show",
    "explain-examples": "explain for each example how its output follows from its input",
    "predict-tag": "name the kind of problem this is and the techniques that such problems call for",
    "predict-difficulty": "say how hard the problem is, what makes it so, and which edge cases matter",
    "natural-language-solution": "describe a solution in plain language, without code",
    "multiple-solutions": "describe several different solutions, and choose the best of them",
    "helper-signatures": "list the helper functions you will need, each with its signature and a docstring",
    "intermediate-variables": "list the intermediate variables you will need, each with its type and its purpose",
}
INSTRUCTION = {
    "none": "",
    "helper-functions": "Split the program into small helper functions.",
    "double-check": "Check twice that every import and variable is right and every constraint is met.",
    "comment-lines": "Write a comment before each line of the program.",
    "docstrings": "Give each function a docstring before its code.",
    "weak-then-better": "Write a weak solution first, then a better one; the last code block counts.",
    "step-by-step": "Write the program step by step.",
}
_REPAIR = "{feedback} Mend it.\n{answer}"


def compose(name: str) -> PromptStrategy:
    """The strategy ``grid:REASONING+INSTRUCTION+FEEDBACK``.

    Raises:
        AgentsError: not of that form, or a part that the grid does not have (the message lists the choices).
    """
    parts = name.removeprefix(PREFIX).split("+")
    if len(parts) != 3:
        raise AgentsError(f"{name!r} is no point of the grid: write {PREFIX}REASONING+INSTRUCTION+FEEDBACK")
    for part, known in zip(parts, (REASONING, INSTRUCTION, tuple(Granularity)), strict=True):
        if part not in known:
            raise AgentsError(f"{name!r}: {part!r} is none of {', '.join(known)}")
    reasoning, instruction, granularity = REASONING[parts[0]], INSTRUCTION[parts[1]], Granularity(parts[2])
    guide = " ".join(text for text in (f"First, {reasoning}." if reasoning else "", instruction) if text)
    return PromptStrategy(
        system=EXPERT,
        ask="{task}\n\n" + (f"{guide}\n" if guide else "") + "{answer}",
        repair=_REPAIR,
        chat=True,
        granularity=granularity,
    )
