"""Prompting strategies: a problem and the turns taken so far in, the messages of the next request out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alphadial.agents.agent.prompts.feedback import Granularity, feedback_text
from alphadial.agents.types import Message
from alphadial.envs.errors import ProblemError
from alphadial.envs.languages import all_languages
from alphadial.envs.tools import posing
from alphadial.envs.tools.specs import NO_CALL
from alphadial.envs.types import Problem, Setting, Submission, Verdict


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer, and what came of it. Nothing in it knows more than the policy may."""

    answer: Message
    """The assistant's, tool calls included."""
    results: tuple[Message, ...] = ()
    """What its tool calls gave, in their order."""
    submission: Submission | None = None
    """The program that the answer parser found; None where it found none, or where the model calls tools itself."""
    verdict: Verdict | None = None
    """Its verdict, on the public tests (the judge's, under ``Feedback.JUDGE``); None without a program."""


@dataclass(frozen=True, slots=True)
class PromptStrategy:
    """Templates in the syntax of ``str.format``, beside which the words are those of ``alphadial.envs.tools.posing``.

    All may use ``{prompt}`` (the compact form of the problem), ``{task}`` (what is to be solved), ``{answer}`` (what an
    answer must hold) and ``{posed}`` (both, or how to work with the tools where the model calls them); ``repair`` also
    ``{program}`` (``{block}`` is a code block of it), ``{verdict}``, ``{feedback}`` and ``{guide}``.
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
    native: frozenset[Setting] = frozenset()
    """Where the model calls the tools itself. Elsewhere the answer parser reads a program from the answer, and the
    agent calls ``run_tests`` or ``submit`` with it."""
    about: str = ""
    """What it does, in a line for people."""

    def messages(
        self, problem: Problem, setting: Setting = Setting.REASONING, language: str | None = None
    ) -> tuple[Message, ...]:
        """Poses the problem, to be solved in a language where one is given.

        Raises:
            ProblemError: the problem lacks what the strategy shows of it, or does not allow the language.
        """
        words = _Words(problem, setting if setting in self.native else Setting.REASONING, language)
        user = Message(role="user", content=self.ask.format_map(words))
        return (Message(role="system", content=self.system), user) if self.system else (user,)

    def next_messages(
        self, problem: Problem, setting: Setting, turns: Sequence[Turn], language: str | None = None
    ) -> tuple[Message, ...]:
        """The request after these turns, none of which ended the attempt.

        Raises:
            ProblemError: as ``messages``.
        """
        asked = self.messages(problem, setting, language)
        if setting in self.native:
            reminder = Message(role="user", content=NO_CALL)
            said = (message for turn in turns for message in (turn.answer, *(turn.results or (reminder,))))
            return (*asked, *said)
        if not turns or not self.repair:
            return asked
        failures = [self._failure(problem, language, turns[: number + 1]) for number in range(len(turns))]
        if not self.chat:
            return (*asked[:-1], failures[-1])
        answers = [Message(role="assistant", content=turn.answer["content"]) for turn in turns]
        return (*asked, *(message for pair in zip(answers, failures, strict=True) for message in pair))

    def _failure(self, problem: Problem, language: str | None, turns: Sequence[Turn]) -> Message:
        last = turns[-1]
        program = last.submission.source if last.submission is not None else ""
        words = _Words(
            problem,
            Setting.REASONING,
            language,
            program=program,
            block=posing.fenced(program, _tag(last.submission)),
            verdict=last.verdict or Verdict.CE,
            feedback=feedback_text(program, last.verdict, [one["content"] for one in last.results], self.granularity),
            guide=self.guides[min(len(turns), len(self.guides)) - 1] if self.guides else "",
        )
        return Message(role="user", content=self.repair.format_map(words))


class _Words(dict[str, str]):
    """The fields of templates; those of a problem are made where a template asks for them."""

    def __init__(self, problem: Problem, setting: Setting, language: str | None, **fields: str) -> None:
        super().__init__(fields)
        self._made: dict[str, Callable[[], str]] = {
            "prompt": lambda: _compact(problem),
            "task": lambda: posing.describe(problem, language),
            "answer": lambda: posing.how_to_answer(problem, language),
            "posed": lambda: posing.pose(problem, setting, language),
        }

    def __missing__(self, field: str) -> str:
        return self._made[field]()


def _compact(problem: Problem) -> str:
    if not problem.prompt:
        raise ProblemError(
            f"problem {problem.id} has no compact prompt: choose a prompting strategy that shows the statement, "
            "such as plain"
        )
    return problem.prompt


def _tag(submission: Submission | None) -> str:
    known = all_languages().get(submission.language) if submission is not None else None
    return known.tags[0] if known is not None else ""
