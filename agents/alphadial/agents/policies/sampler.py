"""Batched sampling from a Hugging Face causal language model, in which a batch never changes an answer.

Floating-point bits depend on the shapes of the tensors, not on a row's place in them. So every forward pass has a shape
that the request alone determines: ``CHUNK_ROWS`` rows, a prompt padded on the left to its bucket, one more cached token
per step; rows without a request are filled with padding. What else is asked at the same time decides only how many
such passes there are. This holds on one torch thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from alphadial.agents.errors import PolicyError
from alphadial.agents.policies.key_values import CachedModel, KeyValues
from alphadial.agents.types import Completion, Request

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CHUNK_ROWS = 128
"""Rows of one decoding pass; small enough that ended rows can be dropped in whole chunks."""
PREFILL_ROWS = 32
"""Distinct prompts of one prefill pass."""
PROMPT_BUCKET = 16
"""Prompts are padded to a multiple of this many tokens."""


class Sampler:
    """Samples completions.

    Args:
        model: a decoder-only model whose layers all attend to the whole prefix (no sliding window, no recurrence).
        tokenizer: its tokenizer, with a chat template.
        batch_size: how many requests run side by side. It bounds memory and never changes an answer.
        weights_id: what the completions carry; None where nobody asks (rollouts of a model in training).
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        batch_size: int = 256,
        weights_id: str | None = None,
    ) -> None:
        self.batch_size = batch_size
        self.weights_id = weights_id
        self._model = CachedModel(model)
        self._tokenizer = tokenizer
        self._stop = _stop_tokens(model, tokenizer)
        self._tokens = lru_cache(maxsize=8192)(self._tokenize)

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion per request, in order; a request's fields decide it, its neighbours do not.

        Log probabilities are those of the distribution sampled from, or of temperature 1 where the request is greedy.

        Raises:
            PolicyError: ``max_tokens`` fills the model's context, or the model's logits are not finite.
        """
        prompts = [self._tokens(tuple((m["role"], m["content"]) for m in request.messages)) for request in requests]
        groups: dict[tuple[int, int], list[int]] = {}
        for index, (request, prompt) in enumerate(zip(requests, prompts, strict=True)):
            if self._fits(prompt, request):
                groups.setdefault((_bucket(prompt), request.max_tokens), []).append(index)
        outputs: dict[int, _Output] = {}
        with self._model.inference():
            for (bucket, _), members in groups.items():
                for start in range(0, len(members), self.batch_size):
                    part = members[start : start + self.batch_size]
                    batch = _Batch(self._model, [requests[i] for i in part], [prompts[i] for i in part], bucket)
                    outputs.update(zip(part, batch.run(np.fromiter(self._stop, dtype=np.int64)), strict=True))
        return [self._completion(len(prompt), outputs.get(index)) for index, prompt in enumerate(prompts)]

    def _tokenize(self, messages: tuple[tuple[str, str], ...]) -> tuple[int, ...]:
        chat = [{"role": role, "content": content} for role, content in messages]
        text = self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _fits(self, prompt: tuple[int, ...], request: Request) -> bool:
        context = self._model.context
        if not prompt or request.max_tokens < 1:
            raise PolicyError("an empty prompt or max_tokens below 1: nothing to sample")
        if context is not None and PROMPT_BUCKET + request.max_tokens > context:
            raise PolicyError(
                f"max_tokens={request.max_tokens} leaves no room for a prompt in the model's context of {context} "
                "tokens: lower it"
            )
        return context is None or _bucket(prompt) + request.max_tokens <= context

    def _completion(self, prompt_tokens: int, output: _Output | None) -> Completion:
        if output is None:
            return Completion("", self.weights_id, prompt_tokens, 0, finish_reason="context")
        tokens, logprobs = output
        stopped = tokens[-1] in self._stop
        text = self._tokenizer.decode(
            tokens[:-1] if stopped else tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return Completion(
            text=str(text),
            weights_id=self.weights_id,
            prompt_tokens=prompt_tokens,
            completion_tokens=len(tokens),
            finish_reason="stop" if stopped else "length",
            token_ids=tuple(tokens),
            logprobs=tuple(logprobs),
        )


_Output = tuple[list[int], list[float]]
"""Token ids and their log probabilities."""


class _Batch:
    """Requests of one bucket and one ``max_tokens`` that advance together.

    Slots are the rows of the tensors; ``_owner[slot]`` is the request a slot works for, or ``_filler`` for none.
    """

    def __init__(
        self, model: CachedModel, requests: list[Request], prompts: list[tuple[int, ...]], bucket: int
    ) -> None:
        self._model = model
        self._steps = requests[0].max_tokens
        self._filler = len(requests)
        self._owner = _filled(np.arange(self._filler), CHUNK_ROWS, self._filler)
        shown = self._owner % self._filler
        self._temperature = torch.tensor([requests[i].temperature for i in shown], dtype=torch.float64)[:, None]
        uniforms = np.stack([_uniforms(request.seed, self._steps) for request in requests])
        self._uniforms = torch.from_numpy(uniforms[shown])
        distinct = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        rows = torch.tensor([distinct[prompts[i]] for i in shown])
        self._logits, self._cache = self._prefill(list(distinct), rows, bucket)

    def run(self, stop: npt.NDArray[np.int64]) -> list[_Output]:
        """Samples until every request has met a stop token or its ``max_tokens``."""
        tokens = np.zeros((self._filler + 1, self._steps), dtype=np.int64)
        logprobs = np.zeros((self._filler + 1, self._steps))
        lengths = np.full(self._filler + 1, self._steps)
        ended = np.zeros(self._filler + 1, dtype=bool)
        ended[self._filler] = True
        for step in range(self._steps):
            drawn, drawn_logprobs = self._draw(step)
            tokens[self._owner, step], logprobs[self._owner, step] = drawn.numpy(), drawn_logprobs.numpy()
            stopped = self._owner[np.isin(drawn.numpy(), stop)]
            stopped = stopped[~ended[stopped]]
            lengths[stopped], ended[stopped] = step + 1, True
            if ended.all() or step + 1 == self._steps:
                break
            self._logits = self._model.decode(self._pack(~ended[self._owner], drawn), self._cache, CHUNK_ROWS)
        return [(tokens[i, :n].tolist(), logprobs[i, :n].tolist()) for i, n in enumerate(lengths[: self._filler])]

    def _prefill(
        self, distinct: list[tuple[int, ...]], rows: torch.Tensor, bucket: int
    ) -> tuple[torch.Tensor, KeyValues]:
        """Reads each distinct prompt once, and gives its state to the slots: rows is the prompt of each."""
        ids = torch.zeros(len(distinct), bucket, dtype=torch.long)
        for row, prompt in enumerate(distinct):
            ids[row, bucket - len(prompt) :] = torch.tensor(prompt)
        pads = torch.tensor([bucket - len(prompt) for prompt in distinct])
        order = torch.from_numpy(_filled(np.arange(len(distinct)), PREFILL_ROWS, 0))
        parts = [self._model.prefill(ids[part], pads[part], self._steps) for part in order.view(-1, PREFILL_ROWS)]
        return torch.cat([logits for logits, _ in parts])[rows], KeyValues.gather([cache for _, cache in parts], rows)

    def _draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inverse transform sampling: a token and its log probability for every slot."""
        chunks = [slice(start, start + CHUNK_ROWS) for start in range(0, len(self._owner), CHUNK_ROWS)]
        drawn = [
            _inverse_cdf(self._logits[rows], self._temperature[rows], self._uniforms[rows, step, None])
            for rows in chunks
        ]
        return torch.cat([tokens for tokens, _ in drawn]), torch.cat([logprobs for _, logprobs in drawn])

    def _pack(self, live: npt.NDArray[np.bool_], drawn: torch.Tensor) -> torch.Tensor:
        """Drops ended slots as soon as that saves a whole chunk; returns the drawn tokens of the slots that stay."""
        chunks = -(-int(live.sum()) // CHUNK_ROWS)
        if chunks * CHUNK_ROWS == len(live):
            return drawn
        kept = np.flatnonzero(live)
        slots = _filled(kept, CHUNK_ROWS, int(kept[0]))
        self._owner = _filled(self._owner[kept], CHUNK_ROWS, self._filler)
        rows = torch.from_numpy(slots)
        self._temperature, self._uniforms = self._temperature[rows], self._uniforms[rows]
        self._cache = self._cache.select(rows)
        return drawn[rows]


def _inverse_cdf(
    logits: torch.Tensor, temperature: torch.Tensor, uniforms: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens (R,) and log probabilities (R,) from logits (R, V), temperature (R, 1) and uniforms (R, 1) in [0, 1)."""
    greedy = temperature == 0
    probabilities = torch.softmax(logits.double() / temperature.masked_fill(greedy, 1.0), dim=-1)
    cumulative = probabilities.cumsum(dim=-1)
    total = cumulative[:, -1:].contiguous()
    if not torch.isfinite(total).all():
        raise PolicyError("the model's logits are not finite: damaged weights, or an alpha far out of range")
    sampled = torch.searchsorted(cumulative, uniforms * total, right=True).clamp_(max=logits.shape[1] - 1)
    tokens = torch.where(greedy, logits.argmax(dim=-1, keepdim=True), sampled)
    return tokens[:, 0], probabilities.gather(1, tokens)[:, 0].log()


def _bucket(prompt: tuple[int, ...]) -> int:
    return -(-len(prompt) // PROMPT_BUCKET) * PROMPT_BUCKET


def _uniforms(seed: int, count: int) -> npt.NDArray[np.float64]:
    """The numbers of one request: token n reads number n, whatever was drawn before."""
    return np.random.Generator(np.random.Philox(key=seed)).random(count)


def _filled(items: npt.NDArray[np.int64], multiple: int, filler: int) -> npt.NDArray[np.int64]:
    return np.concatenate([items, np.full(-len(items) % multiple, filler)])


def _stop_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    generation = getattr(model, "generation_config", None)
    configured = [tokenizer.eos_token_id, model.config.eos_token_id, getattr(generation, "eos_token_id", None)]
    flat = [item for entry in configured for item in (entry if isinstance(entry, list) else [entry])]
    return frozenset(token for token in flat if token is not None)
