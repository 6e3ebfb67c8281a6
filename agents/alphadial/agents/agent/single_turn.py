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
        answers: tuple[Completion, ...] = ()
        submission, reason, cause = None, EndReason.POLICY, ""
        try:
            answers = (await ask(spec.request),)
        except BadAnswerError as error:
            cause = str(error)
        if answers and answers[0].finish_reason == "context":
            reason, cause = EndReason.CONTEXT, "the problem does not fit the model's context"
        elif answers:
            submission = find_parser(spec.parser)(answers[0].text, spec.problem, spec.rules.language)
            reason = EndReason.SUBMITTED if submission else EndReason.NO_PROGRAM
        report = await asyncio.to_thread(tools.hand_in, submission)
        if report.failure_kind is FailureKind.UNMEASURABLE:
            reason = EndReason.MACHINERY
        return Rollout(
            request=spec.request,
            answers=answers,
            submission=submission,
            report=replace(report, cause=cause) if cause else report,
            end_reason=reason,
            judge_s=tools.judge_s,
        )
