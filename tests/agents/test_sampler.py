"""A request's answer depends on the request and the weights alone."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from alphadial.agents.errors import PolicyError
from alphadial.agents.policies.key_values import CachedModel
from alphadial.agents.policies.sampler import CHUNK_ROWS, Sampler
from alphadial.agents.types import Message, Request


def ask(index: int, words: int = 9, temperature: float = 1.0, max_tokens: int = 24) -> Request:
    content = " ".join(f"w{(index * 7 + place * place) % 60}" for place in range(words))
    message = Message(role="user", content=content)
    return Request("toy@0", (message,), seed=index, temperature=temperature, max_tokens=max_tokens)


@pytest.fixture(scope="module")
def sampler(make_model: Any) -> Sampler:
    return Sampler(*make_model())


@pytest.mark.thorough
def test_neighbours_and_position_change_no_bit(sampler: Sampler) -> None:
    requests = [
        ask(i, words=5 + i % 30, temperature=(0.6, 1.0, 0.0)[i % 3], max_tokens=(24, 24, 40)[i % 3]) for i in range(160)
    ]
    answers = sampler.sample(requests)
    assert len({answer.token_ids for answer in answers}) > 100
    assert {answer.finish_reason for answer in answers} == {"stop", "length"}
    shuffled = random.Random(0)
    for size in (1, 2, 40, CHUNK_ROWS + 1):
        chosen = shuffled.sample(range(160), size)
        # Token ids, log probabilities and text: all compared exactly.
        assert sampler.sample([requests[i] for i in chosen]) == [answers[i] for i in chosen]


@pytest.mark.thorough
def test_sharing_rows_with_others_that_began_alike_changes_no_bit(
    make_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alphadial.agents.policies.sampler.CHUNK_ROWS", 8)
    sampler = Sampler(*make_model())
    requests = [replace(ask(i % 3, temperature=(0.5, 0.8)[i % 2]), seed=i) for i in range(60)]
    together = sampler.sample(requests)
    assert len({answer.token_ids[:2] for answer in together}) < len({answer.token_ids for answer in together})
    for i in range(0, 60, 7):
        assert sampler.sample([requests[i]]) == [together[i]]


def test_what_begins_alike_is_read_once(make_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    decode = CachedModel.decode

    def counting(model: CachedModel, tokens: torch.Tensor, *rest: Any) -> torch.Tensor:
        read.append(len(tokens))
        return decode(model, tokens, *rest)

    monkeypatch.setattr(CachedModel, "decode", counting)
    Sampler(*make_model()).sample([replace(ask(1, temperature=0.0), seed=seed) for seed in range(3 * CHUNK_ROWS)])
    assert set(read) == {CHUNK_ROWS}


@pytest.mark.thorough
def test_greedy_is_what_transformers_generates(make_model: Any, sampler: Sampler) -> None:
    model, tokenizer = make_model()
    for index in range(6):
        request = ask(index, words=4 + 3 * index, temperature=0.0)
        prompt = tokenizer("<s> " + request.messages[0]["content"], return_tensors="pt")["input_ids"]
        generated = model.generate(prompt, do_sample=False, max_new_tokens=24)[0, prompt.shape[1] :].tolist()
        (answer,) = sampler.sample([request])
        assert list(answer.token_ids) == generated
        assert answer.prompt_tokens == prompt.shape[1]


def test_logprobs_are_those_of_a_plain_forward_pass(make_model: Any, sampler: Sampler) -> None:
    model, tokenizer = make_model()
    (answer,) = sampler.sample([ask(3, temperature=0.7)])
    prompt = tokenizer("<s> " + ask(3).messages[0]["content"])["input_ids"]
    with torch.inference_mode():
        logits = model(torch.tensor([[*prompt, *answer.token_ids]])).logits[0, len(prompt) - 1 : -1]
    expected = torch.log_softmax(logits.double() / 0.7, -1)[range(len(answer.token_ids)), list(answer.token_ids)]
    assert torch.allclose(torch.tensor(answer.logprobs, dtype=torch.float64), expected, atol=1e-4)


def test_samples_follow_the_distribution(make_model: Any, sampler: Sampler) -> None:
    model, tokenizer = make_model()
    content = ask(1).messages[0]["content"]
    with torch.inference_mode():
        logits = model(torch.tensor([tokenizer("<s> " + content)["input_ids"]])).logits[0, -1]
    probabilities = torch.softmax(logits.double() / 1.5, -1)
    message = Message(role="user", content=content)
    draws = sampler.sample([Request("toy@0", (message,), seed, 1.5, max_tokens=1) for seed in range(4000)])
    counts = torch.bincount(torch.tensor([draw.token_ids[0] for draw in draws]), minlength=len(probabilities))
    # Total variation of 4000 true draws from 64 tokens is about 0.05.
    assert 0.5 * (counts / 4000 - probabilities).abs().sum() < 0.08


def test_a_stop_token_ends_the_text_and_is_counted(sampler: Sampler) -> None:
    answers = sampler.sample([ask(i, max_tokens=60) for i in range(64)])
    stopped = next(answer for answer in answers if answer.finish_reason == "stop")
    assert stopped.token_ids[-1] == 2
    assert stopped.completion_tokens == len(stopped.token_ids) == len(stopped.logprobs)
    # The first four ids are special and have no text.
    assert stopped.text.split() == [f"w{token - 4}" for token in stopped.token_ids if token >= 4]


def test_training_mode_survives(make_model: Any) -> None:
    model, tokenizer = make_model()
    model.train()
    Sampler(model, tokenizer).sample([ask(0, max_tokens=2)])
    assert model.training
    assert model(torch.tensor([[1, 5]])).logits.requires_grad


def test_a_chat_that_does_not_fit_the_context_gets_no_answer_and_others_do(sampler: Sampler) -> None:
    answers = sampler.sample([ask(0), ask(1, words=250), ask(2)])
    assert [answer.finish_reason == "context" for answer in answers] == [False, True, False]
    assert [answers[0], answers[2]] == sampler.sample([ask(0), ask(2)])
    with pytest.raises(PolicyError, match=r"max_tokens=250 leaves no room .* of 256 tokens: lower it"):
        sampler.sample([ask(0, max_tokens=250)])


def test_damaged_weights_are_refused(make_model: Any) -> None:
    model, tokenizer = make_model()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(PolicyError, match="not finite"):
        Sampler(model, tokenizer).sample([ask(0)])
