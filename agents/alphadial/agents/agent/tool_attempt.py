"""One attempt with tools: what the graph asks, reads, calls and decides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage

from alphadial.agents.agent.prompts import AnswerParser, PromptStrategy, Turn
from alphadial.agents.agent.transcript import is_answer, pack, pack_submission, said, storable, told, transcript, unpack
from alphadial.agents.seeds import turn_seed
from alphadial.agents.types import Ask, AttemptSpec, Completion, Message, Request, Rollout, ToolCall
from alphadial.envs.tools.session import ToolResult, ToolSession
from alphadial.envs.types import EndReason, FailureKind, JudgeReport, Submission, Verdict

_LONG = 100_000
"""Characters of an answer that is read in a thread: one of megabytes would keep all other attempts waiting."""


class ToolAttempt:
    """One attempt. What it knows follows from the graph's messages and the session's journal, so it can be resumed.

    Where the strategy leaves the tools to the model, the model's calls are made. Elsewhere the parser reads a program
    from each answer, which the agent runs on the public tests, submits where it passes them, and hands to the strategy
    where it does not; the last turn's program is submitted as it is.
    """

    def __init__(
        self,
        spec: AttemptSpec,
        session: ToolSession,
        ask: Ask,
        strategy: PromptStrategy,
        parser: AnswerParser,
        messages: Sequence[AnyMessage] = (),
    ) -> None:
        """Begins an attempt, or goes on with one that a checkpoint left at these messages."""
        self._spec, self._session, self._ask = spec, session, ask
        self._strategy, self._parser = strategy, parser
        self._native = spec.rules.setting in strategy.native
        self._parsed: dict[str, Submission | None] = {}
        self._results: dict[str, ToolResult] = {}
        self._order = asyncio.Lock()
        self._failure: Exception | None = None
        self._seconds = 0.0
        self._seen = list(messages)

    async def answer(self, messages: list[AnyMessage]) -> AIMessage:
        """See ``tool_graph.GraphAttempt``."""
        turns = self._turns(messages)
        number = len(turns) + 1
        answer = await self._ask(self._request(turns))
        if len(answer.text) > _LONG:
            await asyncio.to_thread(self._parse, storable(answer.text))
        packed = pack(answer, number, self._calls(answer, last=number == self._spec.rules.max_turns))
        self._seen = [*messages, packed]
        return packed

    async def call(self, call: Any) -> bool:
        """See ``tool_graph.GraphAttempt``."""
        async with self._order:  # the calls of one answer arrive together, in their order
            if self._failure is not None:
                raise self._failure
            try:
                return (await asyncio.to_thread(self._run, call)).ok
            except Exception as error:
                self._failure = error
                raise

    async def next_step(self, messages: list[AnyMessage]) -> str:
        """See ``tool_graph.GraphAttempt``."""
        turns = self._turns(messages)
        if self._session.submitted or not is_answer(_last_said(messages)):
            return "end"
        if not self._native and (self._cut(messages) or turns[-1].verdict is Verdict.AC):
            return "submit" if self._program(turns) else "end"
        spent = len(turns) >= self._spec.rules.max_turns
        return "end" if spent or self._cut(messages) else "model"

    def submission(self, messages: list[AnyMessage]) -> AIMessage:
        """See ``tool_graph.GraphAttempt``."""
        turns = self._turns(messages)
        program = self._program(turns)
        assert program is not None
        return pack_submission(len(turns) + 1, ToolCall("submit", self._session.arguments(program)))

    async def outcome(self, messages: list[AnyMessage]) -> Rollout:
        """What came of the attempt, once the graph has ended."""
        if self._session.report is not None:
            return self._rollout(messages, self._session.report, EndReason.SUBMITTED)
        reason = EndReason.CONTEXT if self._cut(messages) else EndReason.TURNS
        return await self._unsubmitted(messages, reason, "no submission")

    async def unanswered(self, cause: str) -> Rollout:
        """What came of the attempt, if its next answer cannot be used."""
        return await self._unsubmitted(self._seen, EndReason.POLICY, cause)

    def broken(self, error: str) -> Rollout:
        """The attempt cannot be measured: the sandbox failed under a tool twice."""
        report = JudgeReport(None, FailureKind.UNMEASURABLE, 0, "machinery", error=error)
        return self._rollout(self._seen, report, EndReason.MACHINERY)

    async def _unsubmitted(self, messages: list[AnyMessage], reason: EndReason, cause: str) -> Rollout:
        report = await asyncio.to_thread(self._session.hand_in, None)
        return self._rollout(messages, replace(report, cause=cause), reason)

    def _calls(self, completion: Completion, *, last: bool) -> Sequence[ToolCall]:
        if self._native:
            return completion.tool_calls
        program = self._parse(storable(completion.text))
        if program is None:
            return ()
        return [ToolCall("submit" if last else "run_tests", self._session.arguments(program))]

    def _parse(self, text: str) -> Submission | None:
        if text not in self._parsed:
            self._parsed[text] = self._parser(text, self._spec.problem, self._spec.rules.language)
        return self._parsed[text]

    def _rollout(self, messages: list[AnyMessage], report: JudgeReport, reason: EndReason) -> Rollout:
        spec, session, turns = self._spec, self._session, self._turns(messages)
        answers = [unpack(message, native=self._native) for message in _answers(messages)]
        given = [answer for answer in answers if answer.finish_reason != "context"]
        handed_in = self._handed_in(_last_said(messages)) if answers else ()
        return Rollout(
            request=self._request(()),
            answers=tuple(given or answers[-1:]),
            submission=session.submission,
            report=report,
            end_reason=EndReason.MACHINERY if report.failure_kind is FailureKind.UNMEASURABLE else reason,
            judge_s=session.judge_s,
            tools_s=max(0.0, self._seconds - session.judge_s),
            transcript=transcript(self._strategy, spec.problem, spec.rules, turns, handed_in),
            workspace=session.digest,
        )

    def _handed_in(self, last: AIMessage) -> Sequence[Message]:
        """The agent's own call, and its result."""
        if is_answer(last):
            return ()
        for call in last.tool_calls if self._session.submitted else ():
            if call["id"] not in self._results:  # made by a process that was killed since
                self._run(call)
        return (said(last), *told(last, self._results))

    def _request(self, turns: Sequence[Turn]) -> Request:
        spec = self._spec
        return replace(
            spec.request,
            messages=self._strategy.next_messages(spec.problem, spec.rules.setting, turns, spec.rules.language),
            seed=turn_seed(spec.request.seed, len(turns) + 1),
            tools=tuple(tool.function for tool in self._session.specs) if self._native else (),
        )

    def _turns(self, messages: list[AnyMessage]) -> list[Turn]:
        return [self._turn(message, known=message is not messages[-1]) for message in _answers(messages)]

    def _turn(self, message: AIMessage, *, known: bool) -> Turn:
        for call in message.tool_calls if known else ():
            if call["id"] not in self._results:  # made by a process that was killed since
                self._run(call)
        results = told(message, self._results)
        if self._native:
            return Turn(said(message), results)
        program = self._parse(str(message.content))
        found = [self._results.get(str(call["id"])) for call in message.tool_calls]
        return Turn(said(message), results, program, found[0].verdict if found and found[0] else None)

    def _run(self, call: Any) -> ToolResult:
        began = perf_counter()
        result = self._session.call(call["id"], call["name"], call["args"]["arguments"])
        self._seconds += perf_counter() - began
        self._results[call["id"]] = result
        return result

    def _program(self, turns: Sequence[Turn]) -> Submission | None:
        return next((turn.submission for turn in reversed(turns) if turn.submission is not None), None)

    def _cut(self, messages: list[AnyMessage]) -> bool:
        last = _last_said(messages)
        return is_answer(last) and unpack(last, native=self._native).finish_reason == "context"


def _answers(messages: Sequence[AnyMessage]) -> list[AIMessage]:
    return [message for message in messages if isinstance(message, AIMessage) and is_answer(message)]


def _last_said(messages: Sequence[AnyMessage]) -> AIMessage:
    return next(message for message in reversed(messages) if isinstance(message, AIMessage))
