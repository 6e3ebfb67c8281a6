"""A Hugging Face model with a preallocated key-value cache that grows by one token per step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache, DynamicLayer

from alphadial.agents.errors import PolicyError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(slots=True)
class KeyValues:
    """What the model remembers of R rows."""

    layers: list[tuple[torch.Tensor, torch.Tensor]]
    """Keys and values of each layer: (R, heads, room, head size)."""
    pads: torch.Tensor
    """(R,): how many tokens on the left of each row are padding."""
    length: int
    """Tokens held so far, padding included."""

    @classmethod
    def gather(cls, parts: Sequence[KeyValues], rows: torch.Tensor) -> KeyValues:
        """The named rows of several caches of one length, laid end to end."""
        layers = zip(*(part.layers for part in parts), strict=True)
        joined = [(torch.cat([k for k, _ in layer])[rows], torch.cat([v for _, v in layer])[rows]) for layer in layers]
        return cls(joined, torch.cat([part.pads for part in parts])[rows], parts[0].length)

    def select(self, rows: torch.Tensor) -> KeyValues:
        """A copy that holds the named rows, in their order; a row may be named many times."""
        return KeyValues([(k[rows], v[rows]) for k, v in self.layers], self.pads[rows], self.length)

    def copy_rows(self, sources: torch.Tensor, targets: torch.Tensor) -> None:
        """Writes what is known of some rows over others, which are none of them."""
        for states in (state for layer in self.layers for state in layer):
            states[targets, :, : self.length] = states[sources, :, : self.length]
        self.pads[targets] = self.pads[sources]


class CachedModel:
    """Forward passes with a cache; every shape is decided by the caller."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self.context: int | None = getattr(model.config, "max_position_embeddings", None)

    @contextmanager
    def inference(self) -> Iterator[None]:
        """No gradients and no dropout inside; a model in training goes on training after."""
        training = self._model.training
        self._model.train(False)
        try:
            with torch.inference_mode():
                yield
        finally:
            self._model.train(training)

    def prefill(self, ids: torch.Tensor, pads: torch.Tensor, room: int) -> tuple[torch.Tensor, KeyValues]:
        """Reads prompts, ids (R, T) padded on the left by pads (R,); returns the next logits (R, V) and the cache."""
        length = ids.shape[1]
        place = torch.arange(length)
        seen = (place[:, None] >= place) & (place >= pads[:, None, None])
        # A padded query must see something: a row of -inf alone would make it NaN, and its value would spread.
        seen |= torch.eye(length, dtype=torch.bool)
        cache = DynamicCache()
        logits = self._forward(ids, self._mask(seen), (place - pads[:, None]).clamp(min=0), cache)
        layers = []
        for layer in cache.layers:
            if not isinstance(layer, DynamicLayer) or layer.get_seq_length() != length:
                raise PolicyError("the model does not cache its whole prefix: serve it behind an HTTP server instead")
            keys, values = cast("tuple[torch.Tensor, torch.Tensor]", (layer.keys, layer.values))
            layers.append((_with_room(keys, room), _with_room(values, room)))
        return logits, KeyValues(layers, pads, length)

    def decode(self, tokens: torch.Tensor, cache: KeyValues, chunk: int) -> torch.Tensor:
        """Reads one token per row, (R,), in passes of chunk rows (R is a multiple); returns the next logits (R, V)."""
        length = cache.length
        seen = torch.arange(length + 1) >= cache.pads[:, None, None]
        mask, places = self._mask(seen), (length - cache.pads)[:, None]
        parts = []
        for start in range(0, len(tokens), chunk):
            rows = slice(start, start + chunk)
            window = Cache(layers=[_Window(k[rows], v[rows], length) for k, v in cache.layers])
            parts.append(self._forward(tokens[rows, None], mask[rows], places[rows], window))
        cache.length += 1
        return torch.cat(parts)

    def _mask(self, seen: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros(seen.shape, dtype=self._model.dtype).masked_fill_(~seen, float("-inf"))
        return mask[:, None]

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, places: torch.Tensor, cache: Cache) -> torch.Tensor:
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits


class _Window(CacheLayerMixin):  # type: ignore[misc]
    """One layer's cache over some rows of a KeyValues, written in place."""

    is_sliding = False

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, length: int) -> None:
        super().__init__()
        self._keys, self._values, self._length = keys, values, length
        self.is_initialized = True

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        end = self._length + key_states.shape[2]
        self._keys[:, :, self._length : end] = key_states
        self._values[:, :, self._length : end] = value_states
        return self._keys[:, :, :end], self._values[:, :, :end]

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the tensors are there."""

    def get_seq_length(self) -> int:
        return self._length

    def get_max_length(self) -> int:
        return int(self._keys.shape[2])

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._length + query_length, 0


def _with_room(states: torch.Tensor, room: int) -> torch.Tensor:
    rows, heads, length, size = states.shape
    roomy = states.new_zeros(rows, heads, length + room, size)
    roomy[:, :, :length] = states
    return roomy
