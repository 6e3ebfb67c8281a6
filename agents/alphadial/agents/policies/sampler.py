"""Batched sampling from a Hugging Face causal language model, in which a batch never changes an answer.

Floating-point bits depend on the shapes of the tensors, not on a row's place in them. So every forward pass has a shape
that the request alone determines: ``CHUNK_ROWS`` rows, a prompt padded on the left to its bucket, one more cached token
per step; rows without a request are filled with padding. What else is asked at the same time decides only how many
such passes there are, and which requests share a row. This holds on one torch thread.
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
"""Rows of one decoding pass; small enough that rows which nobody needs can be dropped in whole chunks."""
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

    Requests with the same prompt and temperature that have drawn the same tokens so far share a row of the tensors, so
    that the model reads each beginning once. Where their draws part, the row is copied. Samples of a trained model
    repeat each other often: of 32 programs for one problem most are the same.
    """

    def __init__(
        self, model: CachedModel, requests: list[Request], prompts: list[tuple[int, ...]], bucket: int
    ) -> None:
        self._model = model
        self._steps = requests[0].max_tokens
        self._uniforms = np.stack([_uniforms(request.seed, self._steps) for request in requests])
        begun = [(prompt, request.temperature) for prompt, request in zip(prompts, requests, strict=True)]
        places = {beginning: row for row, beginning in enumerate(dict.fromkeys(begun))}
        self._row = np.array([places[beginning] for beginning in begun])  # of each request
        shown = [list(places)[row] for row in _filled(np.arange(len(places)), CHUNK_ROWS, 0)]
        self._temperature = torch.tensor([temperature for _, temperature in shown], dtype=torch.float64)[:, None]
        distinct = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        rows = torch.tensor([distinct[prompt] for prompt, _ in shown])
        self._logits, self._cache = self._prefill(list(distinct), rows, bucket)

    def run(self, stop: npt.NDArray[np.int64]) -> list[_Output]:
        """Samples until every request has met a stop token or its ``max_tokens``."""
        tokens = np.zeros(self._uniforms.shape, dtype=np.int64)
        logprobs = np.zeros(self._uniforms.shape)
        lengths = np.full(len(tokens), self._steps)
        live = np.arange(len(tokens))
        for step in range(self._steps):
            drawn, drawn_logprobs = self._draw(live, step)
            tokens[live, step], logprobs[live, step] = drawn, drawn_logprobs
            stopped = np.isin(drawn, stop)
            lengths[live[stopped]] = step + 1
            live, drawn = live[~stopped], drawn[~stopped]
            if not len(live) or step + 1 == self._steps:
                break
            self._logits = self._model.decode(self._seat(live, drawn), self._cache, CHUNK_ROWS)
        return [(tokens[i, :n].tolist(), logprobs[i, :n].tolist()) for i, n in enumerate(lengths)]

    def _prefill(
        self, distinct: list[tuple[int, ...]], rows: torch.Tensor, bucket: int
    ) -> tuple[torch.Tensor, KeyValues]:
        """Reads each distinct prompt once, and gives its state to the rows: the prompt of each is named."""
        ids = torch.zeros(len(distinct), bucket, dtype=torch.long)
        for row, prompt in enumerate(distinct):
            ids[row, bucket - len(prompt) :] = torch.tensor(prompt)
        pads = torch.tensor([bucket - len(prompt) for prompt in distinct])
        order = torch.from_numpy(_filled(np.arange(len(distinct)), PREFILL_ROWS, 0))
        parts = [self._model.prefill(ids[part], pads[part], self._steps) for part in order.view(-1, PREFILL_ROWS)]
        return torch.cat([logits for logits, _ in parts])[rows], KeyValues.gather([cache for _, cache in parts], rows)

    def _draw(self, live: npt.NDArray[np.int64], step: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """A token and its log probability for every request that goes on."""
        tokens, logprobs = np.zeros(len(live), dtype=np.int64), np.zeros(len(live))
        rows, uniforms = self._row[live], self._uniforms[live, step]
        for start in range(0, len(self._logits), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            here = np.flatnonzero((rows >= start) & (rows < start + CHUNK_ROWS))
            drawn, drawn_logprobs = _inverse_cdf(
                self._logits[chunk],
                self._temperature[chunk],
                torch.from_numpy(rows[here] - start),
                torch.from_numpy(uniforms[here, None]),
            )
            tokens[here], logprobs[here] = drawn.numpy(), drawn_logprobs.numpy()
        return tokens, logprobs

    def _seat(self, live: npt.NDArray[np.int64], drawn: npt.NDArray[np.int64]) -> torch.Tensor:
        """Gives every beginning that goes on a row, and tells the token that each row reads next."""
        vocabulary = self._logits.shape[1]
        beginnings, member = np.unique(self._row[live] * vocabulary + drawn, return_inverse=True)
        parents, read = np.divmod(beginnings, vocabulary)
        rows = parents.copy()
        if self._keeps(len(parents)):
            moved = np.diff(parents, prepend=-1) == 0  # the first that follows a row stays in it
            rows[moved] = np.setdiff1d(np.arange(len(self._temperature)), parents)[: moved.sum()]
            self._cache.copy_rows(torch.from_numpy(parents[moved]), torch.from_numpy(rows[moved]))
            self._temperature[rows[moved]] = self._temperature[parents[moved]]
        else:
            rows = np.arange(len(parents))
            kept = torch.from_numpy(_filled(parents, CHUNK_ROWS, int(parents[0])))
            self._cache, self._temperature = self._cache.select(kept), self._temperature[kept]
        self._row[live] = rows[member]
        tokens = np.zeros(len(self._temperature), dtype=np.int64)
        tokens[rows] = read
        return torch.from_numpy(tokens)

    def _keeps(self, needed: int) -> bool:
        """Whether the tensors stay as large as they are; they shrink where that saves a chunk, with some to spare."""
        size = len(self._temperature)
        return size - CHUNK_ROWS - CHUNK_ROWS // 4 < needed <= size


def _inverse_cdf(
    logits: torch.Tensor, temperature: torch.Tensor, rows: torch.Tensor, uniforms: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Inverse transform sampling: tokens (N,) and log probabilities (N,) of N draws.

    Args:
        logits: of the rows (R, V).
        temperature: of the rows (R, 1).
        rows: the row that each draw is from (N,).
        uniforms: the numbers in [0, 1) that the draws are made with (N, 1).
    """
    greedy = temperature == 0
    probabilities = torch.softmax(logits.double() / temperature.masked_fill(greedy, 1.0), dim=-1)
    cumulative = probabilities.cumsum(dim=-1)
    total = cumulative[:, -1:].contiguous()
    if not torch.isfinite(total).all():
        raise PolicyError("the model's logits are not finite: damaged weights, or an alpha far out of range")
    sampled = torch.searchsorted(cumulative[rows], uniforms * total[rows], right=True).clamp_(max=logits.shape[1] - 1)
    tokens = torch.where(greedy[rows], logits.argmax(dim=-1, keepdim=True)[rows], sampled)[:, 0]
    return tokens, probabilities[rows, tokens].log()


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
