"""Which alpha each token is computed at, as requests come, go and change their rows."""

from __future__ import annotations

import pytest
import torch

from alphadial.merge_engine import MergeError
from alphadial.merge_engine.live.blend_rows import Rows


@pytest.fixture
def rows() -> Rows:
    """Three requests, at 0.5, -1 and 2."""
    made = Rows(torch.device("cpu"))
    for row, alpha in enumerate((0.5, -1.0, 2.0)):
        made.add(row, alpha)
    made.settle(3)
    return made


def starts(*counts: int) -> torch.Tensor:
    return torch.tensor([0, *counts]).cumsum(0).to(torch.int32)


def test_each_token_has_the_alpha_of_its_request(rows: Rows) -> None:
    rows.begin_step(starts(1, 1, 1), 3)  # all decode
    assert rows.of_tokens.tolist() == [[0.5], [-1], [2]]
    rows.begin_step(starts(1, 3, 2), 6)  # a decode, a prompt, and a chunk of one
    assert rows.of_tokens.flatten().tolist() == [0.5, -1, -1, -1, 2, 2]
    assert rows.at_head(3).tolist() == [[0.5], [-1], [2]]


def test_padding_follows_the_last_token(rows: Rows) -> None:
    rows.begin_step(starts(1, 1, 2, 0, 0), 8)  # rows and tokens are padded
    assert rows.of_tokens.flatten().tolist() == [0.5, -1, 2, 2, 0, 0, 0, 0]


def test_alphas_follow_their_requests(rows: Rows) -> None:
    rows.remove(0)
    rows.add(3, 0.25)
    rows.move(3, 0)
    rows.settle(3)
    assert rows.of_requests.flatten().tolist() == [0.25, -1, 2]
    rows.swap(0, 2)
    rows.settle(3)
    assert rows.of_requests.flatten().tolist() == [2, -1, 0.25]
    rows.remove(2)
    rows.remove(1)
    rows.add(1, 1.5)
    rows.settle(2)
    assert rows.of_requests.flatten().tolist() == [2, 1.5]


def test_no_request_is_computed_at_a_default(rows: Rows) -> None:
    with pytest.raises(MergeError, match="a step of 2 rows and 2 of 2 tokens, and 3 requests"):
        rows.begin_step(starts(1, 1), 2)
    with pytest.raises(MergeError, match="a step of 4 rows and 4 of 4 tokens"):
        rows.begin_step(starts(1, 1, 1, 1), 4)
    with pytest.raises(MergeError, match="4 of 3 tokens"):
        rows.begin_step(starts(1, 1, 2), 3)
    with pytest.raises(MergeError, match="tells nothing of its 3 requests"):
        rows.begin_trial(3)
    with pytest.raises(MergeError, match="given 5 tokens of 3 requests"):
        rows.at_head(5)
    rows.remove(1)
    with pytest.raises(MergeError, match=r"rows \[0, 2\] of the batch have an alpha, and it has 2 requests"):
        rows.settle(2)


def test_an_engine_tries_its_memory_before_there_are_requests() -> None:
    rows = Rows(torch.device("cpu"))
    rows.begin_trial(4)
    assert rows.of_tokens.tolist() == [[0.0]] * 4
    assert rows.at_head(2).tolist() == [[0.0]] * 2
