"""Requests of an engine in mode ``blend``: each says its alpha, and the worker follows it through the batch."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor, MoveDirectionality

from alphadial.merge_engine.alpha import parse_alpha
from alphadial.merge_engine.errors import AlphaError, MergeEngineError
from alphadial.merge_engine.live.blend_rows import Rows


class AlphaOfRequests(LogitsProcessor):  # type: ignore[misc]
    """Changes no logits: this is vLLM's public way to refuse a request's parameters where they come in, and to tell the
    worker, before each step, which request sits in which row.

    Of an alpha, only the grid is checked here: the range is the family's, which admission knows.
    """

    newest: ClassVar[Rows | None] = None
    """Those of the engine that is starting in this process, until its loader has taken them."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        self._rows = Rows(device)
        AlphaOfRequests.newest = self._rows

    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        """Refuses a request that has no alpha, or asks for what the blend does not give.

        Raises:
            ValueError: the message says which; clients see it with status 400.
        """
        try:
            _alpha(sampling_params)
        except AlphaError as error:
            raise ValueError(str(error)) from error
        if sampling_params.prompt_logprobs is not None:
            raise ValueError("an engine in mode blend gives no logprobs of prompts: ask for those of the answer alone")

    def is_argmax_invariant(self) -> bool:
        """See ``LogitsProcessor``."""
        return True

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """See ``LogitsProcessor``."""
        return logits

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Takes in how the batch has changed since the last step, in the order that vLLM asks for."""
        if batch_update is None:
            return
        for row in batch_update.removed:
            self._rows.remove(row)
        for row, sampling_params, _, _ in batch_update.added:
            self._rows.add(row, _alpha(sampling_params))
        for source, target, way in batch_update.moved:
            if way == MoveDirectionality.SWAP:
                self._rows.swap(source, target)
            else:
                self._rows.move(source, target)
        self._rows.settle(batch_update.batch_size)


def take_rows() -> Rows:
    """The rows of the engine that is starting in this process.

    Raises:
        MergeEngineError: it does not follow its requests.
    """
    rows, AlphaOfRequests.newest = AlphaOfRequests.newest, None
    if rows is None:
        raise MergeEngineError("the engine does not follow its requests: start it with what blend_arguments gives")
    return rows


def _alpha(sampling_params: Any) -> float:
    given = (sampling_params.extra_args or {}).get("alpha")
    if given is None:
        raise AlphaError('an engine in mode blend needs the alpha of every request: "vllm_xargs": {"alpha": "0.5"}')
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise AlphaError(f"alpha {given!r:.80} is not a finite decimal number")
    return parse_alpha(given)
