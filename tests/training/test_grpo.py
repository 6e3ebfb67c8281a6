"""The policy gradient by hand: advantages, what is left out of them, and which way a step goes."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from alphadial.agents.types import Completion, Message, Request, Rollout
from alphadial.envs.types import EndReason, FailureKind, JudgeReport, Verdict
from alphadial.training.grpo import ADVANTAGE_FLOOR, advantages, policy_loss

SOLVED = JudgeReport(Verdict.AC, None, 1)
WRONG = JudgeReport(Verdict.WA, FailureKind.CORRECTNESS, 0)
UNMEASURABLE = JudgeReport(None, FailureKind.UNMEASURABLE, 0, "machinery")


def rollouts(*reports: JudgeReport) -> list[Rollout]:
    """Answers of one token each: number n says token n."""
    chat: tuple[Message, ...] = ({"role": "system", "content": "!"}, {"role": "user", "content": "?"})
    request = Request("m", chat, seed=0, temperature=1.0, max_tokens=1)
    return [
        Rollout(request, (Completion("", None, 1, 1, token_ids=(number,)),), None, report, EndReason.SUBMITTED, 0.0)
        for number, report in enumerate(reports)
    ]


class OneTable(torch.nn.Module):
    """A model whose next token depends on the last one alone."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(torch.zeros(tokens, tokens))

    def forward(self, input_ids: torch.Tensor, use_cache: bool) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table[input_ids])


class OneTokenPrompts:
    """A tokenizer that reads a chat as the last token of the vocabulary, where it is given the whole of it."""

    def __init__(self, tokens: int) -> None:
        self.pad_token_id = self.prompt = tokens - 1

    def apply_chat_template(self, messages: list[Message], **_: Any) -> dict[str, list[int]]:
        assert [message["role"] for message in messages] == ["system", "user"]
        return {"input_ids": [self.prompt]}


def test_advantages_are_centred_and_divided_by_the_deviation_and_the_floor() -> None:
    found = advantages([1.0, 0.0, 0.0, 0.0], 4)
    mean, deviation = 1 / 4, math.sqrt(3) / 4
    expected = [(reward - mean) / (deviation + ADVANTAGE_FLOOR) for reward in (1, 0, 0, 0)]
    np.testing.assert_allclose(found, expected)


def test_problems_are_compared_with_themselves() -> None:
    found = advantages([1.0, 0.0, 1.0, 1.0, 0.0, 0.0], 2)
    half = 0.5 / (0.5 + ADVANTAGE_FLOOR)
    np.testing.assert_allclose(found, [half, -half, 0, 0, 0, 0])


def test_what_could_not_be_measured_counts_neither_as_failure_nor_at_all() -> None:
    half = 0.5 / (0.5 + ADVANTAGE_FLOOR)
    np.testing.assert_allclose(advantages([1.0, 0.0, None], 3), [half, -half, 0])
    # As a failure it would make the one solved sample a success above the mean.
    np.testing.assert_allclose(advantages([1.0, None, None], 3), [0, 0, 0])
    np.testing.assert_allclose(advantages([None, None], 2), [0, 0])


def test_a_step_makes_what_solved_likelier_and_what_failed_less_likely() -> None:
    model, tokenizer = OneTable(4), OneTokenPrompts(4)
    policy_loss(model, tokenizer, rollouts(SOLVED, WRONG, UNMEASURABLE), advantages([1.0, 0.0, None], 3)).backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    solved, wrong, unmeasurable, unsaid = torch.log_softmax(model.table[tokenizer.prompt].detach(), dim=0)
    assert solved > math.log(1 / 4) > wrong
    assert unmeasurable == pytest.approx(unsaid)


def test_the_loss_is_the_mean_over_all_sampled_tokens() -> None:
    model = OneTable(4)
    with torch.no_grad():
        model.table[3, 0] = math.log(2)
    loss = policy_loss(
        model, OneTokenPrompts(4), rollouts(SOLVED, WRONG, UNMEASURABLE), advantages([1.0, 0.0, None], 3)
    )
    half = 0.5 / (0.5 + ADVANTAGE_FLOOR)
    assert loss.item() == pytest.approx(-(half * math.log(2 / 5) - half * math.log(1 / 5)) / 3)
