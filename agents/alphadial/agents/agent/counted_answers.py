"""The model's answers in an attempt whose agent asks by itself: counted, limited, recorded, and given again."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alphadial.agents.agent.answer_record import AnswerRecord, RecordedAnswer
from alphadial.agents.agent.transcript import storable
from alphadial.agents.seeds import turn_seed
from alphadial.agents.types import Ask, AttemptSpec, Completion, Message, Request, Rollout, ToolCall
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.types import EndReason, FailureKind, JudgeReport


class TurnsSpentError(Exception):
    """The attempt has had all the answers that its rules allow. Never leaves ``alphadial.agents.agent``."""


class CountedAnswers:
    """Every answer is recorded before it is acted on. One that is recorded is given again, without asking and without
    counting it again, to whoever asks the same.

    Args:
        spec: the attempt; model, sampling and the number of answers are its own, whatever a question says of them.
        ask: puts a request to the model.
        record: keeps the answers; None: they end with this object.
    """

    def __init__(self, spec: AttemptSpec, ask: Ask, record: AnswerRecord | None) -> None:
        self._spec, self._ask, self._record = spec, ask, record
        self._given = record.answers() if record is not None else []
        self._order = asyncio.Lock()
        self.first = spec.request
        """The first question, as it was put to the model."""
        self.rewind()

    def rewind(self) -> None:
        """Begins to give the recorded answers again, from the first."""
        self._known: dict[str, deque[RecordedAnswer]] = defaultdict(deque)
        for answer in self._given:
            self._known[answer.question].append(answer)

    @property
    def completions(self) -> tuple[Completion, ...]:
        """All that were given so far, in their order."""
        return tuple(answer.completion for answer in self._given)

    @property
    def awaited(self) -> int:
        """Recorded answers that nobody has asked for again yet."""
        return sum(map(len, self._known.values()))

    def knows(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the answer to this question is recorded, and was not given again yet."""
        return bool(self._known[_digest(messages, tools)])

    async def answer(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> RecordedAnswer:
        """The answer to a question.

        Raises:
            TurnsSpentError: no further answer is allowed.
            AgentsError: as ``ask`` raises it; nothing is recorded then.
        """
        async with self._order:
            question = _digest(messages, tools)
            number = len(self._given) + 1
            again = self._known[question].popleft() if self._known[question] else None
            request = self._request(messages, tools, again.number if again is not None else number)
            if (again.number if again is not None else number) == 1:
                self.first = request
            if again is not None:
                return again
            if number > self._spec.rules.max_turns:
                raise TurnsSpentError
            answer = RecordedAnswer(number, question, _kept(await self._ask(request)))
            if self._record is not None:
                await asyncio.to_thread(self._record.append, answer)
            self._given.append(answer)
            return answer

    def rollout(
        self, session: ToolSession, report: JudgeReport, reason: EndReason, calls_s: float, spoken: Sequence[Message]
    ) -> Rollout:
        """What came of the attempt.

        Args:
            session: its tools.
            report: on what was submitted, or on nothing.
            reason: how it ended, where it could be measured.
            calls_s: wall time of all its calls, the submission included.
            spoken: everything that was said, in order.
        """
        given = tuple(answer for answer in self.completions if answer.finish_reason != "context")
        return Rollout(
            request=self.first,
            answers=given or self.completions[-1:],
            submission=session.submission,
            report=report,
            end_reason=EndReason.MACHINERY if report.failure_kind is FailureKind.UNMEASURABLE else reason,
            judge_s=session.judge_s,
            tools_s=max(0.0, calls_s - session.judge_s),
            transcript=tuple(spoken),
            workspace=session.digest,
        )

    def _request(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], number: int) -> Request:
        seed = turn_seed(self._spec.request.seed, number)
        return replace(self._spec.request, messages=tuple(messages), seed=seed, tools=tuple(tools))


def _kept(completion: Completion) -> Completion:
    """The answer as every store takes it."""
    calls = tuple(ToolCall(storable(call.name), storable(call.arguments)) for call in completion.tool_calls)
    return replace(completion, text=storable(completion.text), tool_calls=calls)


def _digest(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
    return hashlib.sha256(json.dumps([list(messages), list(tools)], sort_keys=True).encode()).hexdigest()
