"""The agent that asks once: its answer becomes the submission."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from alphadial.agents.agent.prompts import find_parser
from alphadial.agents.errors import BadAnswerError
from alphadial.agents.types import Ask, AttemptSpec, Completion, Rollout
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.types import EndReason, FailureKind


class SingleTurn:
    """Implements ``Agent`` for models that answer with a whole program."""

    async def attempt(self, spec: AttemptSpec, tools: ToolSession, ask: Ask) -> Rollout:
        """See ``Agent``. A single turn has nothing to go on with: what was interrupted is asked again."""
        try:
            answer = await ask(spec.request)
        except BadAnswerError as error:
            return await asyncio.to_thread(_ended, spec, tools, (), EndReason.POLICY, str(error))
        if answer.finish_reason == "context":
            cause = "the problem does not fit the model's context"
            return await asyncio.to_thread(_ended, spec, tools, (answer,), EndReason.CONTEXT, cause)
        return await asyncio.to_thread(_submitted, spec, tools, answer)


def _submitted(spec: AttemptSpec, tools: ToolSession, answer: Completion) -> Rollout:
    submission = find_parser(spec.parser)(answer.text, spec.problem, spec.rules.language)
    if submission is None:
        return _ended(spec, tools, (answer,), EndReason.NO_PROGRAM)
    report = tools.hand_in(submission)
    measured = report.failure_kind is not FailureKind.UNMEASURABLE
    reason = EndReason.SUBMITTED if measured else EndReason.MACHINERY
    return Rollout(spec.request, (answer,), submission, report, reason, tools.judge_s)


def _ended(
    spec: AttemptSpec, tools: ToolSession, answers: tuple[Completion, ...], reason: EndReason, cause: str = ""
) -> Rollout:
    report = tools.hand_in(None)
    return Rollout(spec.request, answers, None, replace(report, cause=cause or report.cause), reason, tools.judge_s)
