"""The agent that the OpenHands SDK drives: its loop asks and calls, in a process of its own.

The SDK's conversation is never stored. What the model answered is in our record and what its calls gave in the tools'
journal; a resumed attempt begins the conversation anew, which then asks and calls the same, is answered from both, and
goes on where it was killed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from alphadial.agents.agent.answer_record import AnswerRecord
from alphadial.agents.agent.counted_answers import CountedAnswers, TurnsSpentError
from alphadial.agents.agent.model_endpoint import ModelEndpoint, Question, said_by_model
from alphadial.agents.agent.openhands_process import OpenHandsProcess, find_python, process_of
from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.agent.transcript import storable
from alphadial.agents.errors import AgentsError, BadAnswerError, StoreError
from alphadial.agents.types import Ask, AttemptSpec, Message, Rollout
from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.tools.specs import NO_CALL
from alphadial.envs.types import EndReason, FailureKind, JudgeReport

_LONGEST = 64 * 1024 * 1024
"""Bytes of what the process says at once."""
_SILENT_S = 600.0
"""A process that neither asks nor calls for so long is taken for dead."""
_AT_ONCE = 32
"""Conversations: each takes some 45 MB of its own."""
_LIVES = 2
"""Processes that are begun for one attempt, each of which goes on where the one before died."""


class OpenHandsAgent:
    """Implements ``Agent`` for settings with tools, whose calls the model makes itself.

    Args:
        folder: keeps what the model answered, from which an interrupted attempt is resumed; None: nothing is kept.
        process: has the SDK; None: that of the Python that ``openhands_process.find_python`` finds.

    Raises:
        MissingExtraError: there is no Python that should have the SDK.
    """

    def __init__(self, folder: Path | None = None, process: OpenHandsProcess | None = None) -> None:
        self._folder, self._process = folder, process or process_of(find_python())
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def attempt(self, spec: AttemptSpec, tools: ToolSession, ask: Ask) -> Rollout:
        """See ``Agent``.

        Raises:
            MissingExtraError: the Python does not have the SDK.
            StoreError: the record cannot be read or written, or does not fit what the SDK asks.
        """
        if spec.rules.setting not in find_strategy(spec.prompt, spec.rules.setting).native:
            raise AgentsError(
                f"prompting strategy {spec.prompt!r} reads programs from answers, and the agent openhands leaves the "
                "tools to the model: choose agent"
            )
        record = AnswerRecord(self._folder / spec.id) if self._folder is not None else None
        answers = await asyncio.to_thread(CountedAnswers, spec, ask, record)
        if not answers.awaited:  # calls of answers that nobody recorded would be taken for those of this attempt
            tools.restart()
        attempt = _Attempt(spec, tools, answers)
        for _ in range(_LIVES):
            answers.rewind()
            async with self._room:
                rollout = await attempt.make(self._process)
            if rollout is not None:
                return rollout
        return attempt.broken(f"the process of OpenHands {self._process.version} died {_LIVES} times")


class _Attempt:
    """One attempt, through as many processes as it takes."""

    def __init__(self, spec: AttemptSpec, session: ToolSession, answers: CountedAnswers) -> None:
        self._spec, self._session, self._answers = spec, session, answers
        self._spoken: list[Message] = []
        """Everything that was said, in order."""
        self._seconds = 0.0

    async def make(self, process: OpenHandsProcess) -> Rollout | None:
        """What came of the attempt; None where the process died."""
        events: asyncio.Queue[Question | dict[str, Any] | None] = asyncio.Queue()
        try:
            async with ModelEndpoint(events.put_nowait) as endpoint, _channel(process, events) as send:
                await send(self._begin(endpoint))
                while True:
                    event = await asyncio.wait_for(events.get(), _SILENT_S)
                    ended = await self._on_question(event) if isinstance(event, Question) else None
                    if ended is not None:
                        return ended
                    if event is None:
                        return None
                    if isinstance(event, dict):
                        if "error" in event:
                            return await self._unsubmitted(EndReason.POLICY, f"OpenHands: {event['error'][:2000]}")
                        await send(await self._on_said(event))
        except SandboxFailedError:
            return self.broken("")
        except (TimeoutError, ConnectionError):
            return None

    def broken(self, error: str) -> Rollout:
        """The attempt cannot be measured: our machinery failed under it twice."""
        report = JudgeReport(None, FailureKind.UNMEASURABLE, 0, "machinery", error=error)
        return self._rollout(report, EndReason.MACHINERY)

    def _begin(self, endpoint: ModelEndpoint) -> dict[str, Any]:
        asked = self._spec.request.messages
        return {
            "attempt": self._spec.id,
            "model": "alphadial",
            "url": endpoint.url,
            "key": endpoint.key,
            "system": "\n\n".join(message["content"] for message in asked if message["role"] == "system"),
            "message": "\n\n".join(message["content"] for message in asked if message["role"] != "system"),
            "tools": [tool.function for tool in self._session.specs],
        }

    async def _on_question(self, question: Question) -> Rollout | None:
        """Answers; what came of the attempt, where it ends instead."""
        self._spoken = list(question.messages)
        if self._session.report is not None and not self._answers.awaited:
            return self._rollout(self._session.report, EndReason.SUBMITTED)
        if self._answers.awaited and not self._answers.knows(question.messages, question.tools):
            raise StoreError(
                f"attempt {self._spec.id} cannot go on: OpenHands asks another question than the one that is recorded, "
                "so another version of it began the attempt; install that, or begin in a new folder"
            )
        try:
            answer = await self._answers.answer(question.messages, question.tools)
        except TurnsSpentError:
            return await self._unsubmitted(EndReason.TURNS, "no submission")
        except BadAnswerError as error:
            return await self._unsubmitted(EndReason.POLICY, str(error))
        if answer.completion.finish_reason == "context":
            return await self._unsubmitted(EndReason.CONTEXT, "no submission")
        self._spoken.append(said_by_model(answer.completion, answer.number))
        question.answer(answer.completion, answer.number, self._spec.request.model)
        return None

    async def _on_said(self, said: dict[str, Any]) -> dict[str, Any]:
        """Runs a call of the model, or goes on with a conversation whose model only talked."""
        if "call" not in said:
            return {"message": NO_CALL}
        began = perf_counter()
        result = await asyncio.to_thread(self._session.call, said["call"], said["name"], said["arguments"])
        self._seconds += perf_counter() - began
        self._spoken.append(Message(role="tool", content=result.content, tool_call_id=result.call_id))
        return {"content": result.content}

    async def _unsubmitted(self, reason: EndReason, cause: str) -> Rollout:
        report = await asyncio.to_thread(self._session.hand_in, None)
        return self._rollout(replace(report, cause=storable(cause)), reason)

    def _rollout(self, report: JudgeReport, reason: EndReason) -> Rollout:
        return self._answers.rollout(self._session, report, reason, self._seconds, self._spoken)


@asynccontextmanager
async def _channel(process: OpenHandsProcess, events: asyncio.Queue[Any]) -> AsyncIterator[Any]:
    """Sends to a process of the SDK's, and puts what it says among the events; None where it has ended."""
    connection = await asyncio.to_thread(process.begin)
    reader, writer = await asyncio.open_connection(sock=connection, limit=_LONGEST)

    async def listen() -> None:
        try:
            async for line in reader:
                events.put_nowait(json.loads(line))
        finally:
            events.put_nowait(None)

    async def send(said: dict[str, Any]) -> None:
        writer.write(json.dumps(said).encode() + b"\n")
        await writer.drain()

    listening = asyncio.create_task(listen())
    try:
        yield send
    finally:
        listening.cancel()
        writer.close()
        await asyncio.gather(listening, return_exceptions=True)
