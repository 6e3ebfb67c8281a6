"""Supervised fine-tuning of the shared initialisation, counted in steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from alphadial.agents.types import Message
from alphadial.training.corpus import Example, examples
from alphadial.training.model import new_model
from alphadial.training.state import CurvePoint, Stage


@dataclass(frozen=True, slots=True)
class SftConfig:
    """What determines the initialisation, besides the corpus."""

    steps: int = 2400
    batch: int = 64
    learning_rate: float = 3e-3
    """Peak; cosine to 2 % of it after 50 steps of warm-up."""
    seed: int = 0
    save_every: int = 100


def run_sft(
    config: SftConfig,
    tokenizer: Any,
    folder: Path,
    on_step: Callable[[CurvePoint], None],
    stop_after: int | None = None,
) -> Any:
    """Trains, or goes on training, and returns the model in fp32.

    Args:
        config: its values are bound to the folder.
        tokenizer: of ``model.train_tokenizer``.
        folder: of this stage; resumed from where it was last saved.
        on_step: told of every step.
        stop_after: ends early, saved, after so many steps; for tests of resuming.

    Raises:
        TrainingError: the folder holds a stage with other settings.
    """
    import torch

    model = new_model(tokenizer, config.seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    stage = Stage(folder, {"stage": "sft", **asdict(config)}, model, optimiser)
    for step in range(stage.resume(), min(config.steps, stop_after or config.steps)):
        started = time.perf_counter()
        rate = _learning_rate(config, step)
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = list(islice(examples(f"{config.seed}/{step}"), config.batch))
        loss = cross_entropy(model, tokenizer, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        stage.curve.append(CurvePoint(step + 1, loss.item(), seconds=time.perf_counter() - started))
        on_step(stage.curve[-1])
        if (step + 1) % config.save_every == 0:
            stage.save()
    stage.save()
    return model


def _learning_rate(config: SftConfig, step: int) -> float:
    warm = min(1.0, (step + 1) / 50)
    cosine = 0.5 * (1 + math.cos(math.pi * step / config.steps))
    return config.learning_rate * warm * (0.02 + 0.98 * cosine)


def cross_entropy(model: Any, tokenizer: Any, batch: Sequence[Example]) -> Any:
    """Mean negative log-likelihood of the answers' tokens, end token included."""
    pairs = [
        (encode_chat(tokenizer, [Message(role="user", content=row.content)]), encode_answer(tokenizer, row.answer))
        for row in batch
    ]
    pairs.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
    # Groups by length save a fifth of the time: programs differ in length, and repair prompts are the longest by far.
    cuts = (0, len(pairs) // 2, len(pairs) - len(pairs) // 8, len(pairs))
    groups = [pairs[start:end] for start, end in pairwise(cuts) if start < end]
    tokens = sum(len(answer) for _, answer in pairs)
    return sum(_negative_log_likelihood(model, tokenizer.pad_token_id, group) for group in groups) / tokens


def _negative_log_likelihood(model: Any, pad: int, pairs: Sequence[tuple[list[int], list[int]]]) -> Any:
    import torch

    width = max(len(prompt) + len(answer) for prompt, answer in pairs)
    ids = torch.full((len(pairs), width), pad)
    labels = torch.full((len(pairs), width), -100)
    for row, (prompt, answer) in enumerate(pairs):
        end = len(prompt) + len(answer)
        ids[row, :end] = torch.tensor(prompt + answer)
        labels[row, len(prompt) : end] = torch.tensor(answer)
    # Padding is on the right and attention is causal, so no mask is needed: no label ever looks at padding.
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")


def encode_chat(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Token ids of a chat, up to where the answer begins."""
    rendered = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_dict=True)
    return list(rendered["input_ids"])


def encode_answer(tokenizer: Any, answer: str) -> list[int]:
    """Token ids of an answer and its end token."""
    return [*tokenizer(answer, add_special_tokens=False).input_ids, tokenizer.eos_token_id]
