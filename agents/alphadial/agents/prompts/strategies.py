"""Prompting strategies: a problem, and perhaps a failed program, in; chat messages out."""

from __future__ import annotations

from dataclasses import dataclass

from alphadial.agents.types import Message
from alphadial.envs.types import Problem, Verdict


@dataclass(frozen=True, slots=True)
class PromptStrategy:
    """Templates in the syntax of ``str.format``.

    All may use ``{prompt}`` (the compact form), ``{statement}``, ``{entry}`` (name of the function) and ``{examples}``
    (the public tests); ``repair`` also ``{program}`` and ``{verdict}``, the public one.
    """

    ask: str
    repair: str
    system: str = ""

    def messages(self, problem: Problem) -> tuple[Message, ...]:
        """Asks for a program."""
        return self._chat(self.ask.format(**_fields(problem)))

    def repair_messages(self, problem: Problem, program: str, public_verdict: Verdict) -> tuple[Message, ...]:
        """Asks for a better one. The public verdict is all that a policy may know of the failed one."""
        return self._chat(self.repair.format(**_fields(problem), program=program, verdict=public_verdict))

    def _chat(self, content: str) -> tuple[Message, ...]:
        user = Message(role="user", content=content)
        return (Message(role="system", content=self.system), user) if self.system else (user,)


def _fields(problem: Problem) -> dict[str, str]:
    shown = (f"{problem.entry}({test.input[1:-1]}) == {test.answer}" for test in problem.tests if test.public)
    return {
        "prompt": problem.prompt,
        "statement": problem.statement,
        "entry": problem.entry,
        "examples": "\n".join(shown),
    }


_PLAIN_ASK = """{statement}

Write a Python function named {entry}. Examples:

{examples}

Answer with one Python code block that holds the whole program."""

STRATEGIES: dict[str, PromptStrategy] = {
    "tiny": PromptStrategy(ask="{prompt}", repair="{prompt} <repair> {verdict}\n{program}"),
    "plain": PromptStrategy(
        system="You are an expert programmer. Your programs are correct, and fast enough for large inputs.",
        ask=_PLAIN_ASK,
        repair=_PLAIN_ASK
        + """

This program was tried; on the examples its verdict is {verdict}, yet it does not solve the whole problem:

```python
{program}
```""",
    ),
}
