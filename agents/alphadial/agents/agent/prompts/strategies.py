"""Prompting strategies: a problem and the turns taken so far in, the messages of the next request out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alphadial.agents.agent.prompts.feedback import Granularity, describe
from alphadial.agents.types import Message
from alphadial.envs.types import Problem, Setting, Verdict


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer, and what came of it. Nothing in it knows more than the policy may."""

    answer: Message
    """The assistant's, tool calls included."""
    results: tuple[Message, ...] = ()
    """Of its tool calls, in their order."""
    program: str = ""
    """That the answer parser found; "" where it found none, or where the model calls tools itself."""
    verdict: Verdict | None = None
    """Of that program, on the public tests (the judge's, under ``Feedback.JUDGE``); None without a program."""


@dataclass(frozen=True, slots=True)
class PromptStrategy:
    """Templates in the syntax of ``str.format``.

    All may use ``{prompt}`` (the compact form), ``{statement}``, ``{entry}`` (name of the function) and ``{examples}``
    (the public tests); ``repair`` also ``{program}``, ``{verdict}``, ``{feedback}`` and ``{guide}``.
    """

    ask: str
    repair: str = ""
    """After a failed program; "": the same request again, with another seed."""
    system: str = ""
    chat: bool = False
    """``repair`` continues the conversation; otherwise it is the only message of a new one."""
    granularity: Granularity = Granularity.BINARY
    """How much ``{feedback}`` says."""
    guides: tuple[str, ...] = ()
    """``{guide}`` after the first failure, the second, and so on; the last serves all later ones."""
    native: Mapping[Setting, str] = field(default_factory=dict)
    """Where the model calls the tools itself, and what is asked there in place of ``ask``. Elsewhere the answer parser
    reads a program from the answer, and the agent calls ``run_tests`` or ``submit`` with it."""
    reminder: str = ""
    """After an answer that calls no tool, where the model should."""

    def messages(self, problem: Problem, setting: Setting = Setting.REASONING) -> tuple[Message, ...]:
        """Poses the problem."""
        user = Message(role="user", content=self.native.get(setting, self.ask).format(**_fields(problem)))
        return (Message(role="system", content=self.system), user) if self.system else (user,)

    def next_messages(self, problem: Problem, setting: Setting, turns: Sequence[Turn]) -> tuple[Message, ...]:
        """The request after these turns, none of which ended the attempt."""
        asked = self.messages(problem, setting)
        if setting in self.native:
            said = (message for turn in turns for message in (turn.answer, *(turn.results or (self._remind(),))))
            return (*asked, *said)
        if not turns or not self.repair:
            return asked
        failures = [self._failure(problem, turns[: number + 1]) for number in range(len(turns))]
        if not self.chat:
            return (*asked[:-1], failures[-1])
        answers = [Message(role="assistant", content=turn.answer["content"]) for turn in turns]
        return (*asked, *(message for pair in zip(answers, failures, strict=True) for message in pair))

    def _remind(self) -> Message:
        return Message(role="user", content=self.reminder)

    def _failure(self, problem: Problem, turns: Sequence[Turn]) -> Message:
        last = turns[-1]
        text = self.repair.format(
            **_fields(problem),
            program=last.program,
            verdict=last.verdict or Verdict.CE,
            feedback=describe(last.program, last.verdict, [one["content"] for one in last.results], self.granularity),
            guide=self.guides[min(len(turns), len(self.guides)) - 1] if self.guides else "",
        )
        return Message(role="user", content=text)


def _fields(problem: Problem) -> dict[str, str]:
    shown = (f"{problem.entry}({test.input[1:-1]}) == {test.answer}" for test in problem.tests if test.public)
    return {
        "prompt": problem.prompt,
        "statement": problem.statement,
        "entry": problem.entry,
        "examples": "\n".join(shown),
    }
