"""Layers of two weights each, mixed by the alpha of the token or request that they compute.

A linear layer holds low and high - low in one matrix of twice the rows, so one product gives both outputs, with the
kernel and the packing that vLLM chooses for a single weight. Then out = low + alpha * delta in float32, rounded once.
The difference of the weights is rounded to their dtype, and so are both products: a layer's output in bf16 is off by
one to two times what merged weights are off by through their own rounding. Norms are mixed in float32 before they are
used, so theirs are the merged ones.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import embedding
from vllm.model_executor.layers.layernorm import RMSNorm
from vllm.model_executor.layers.linear import LinearMethodBase, UnquantizedLinearMethod
from vllm.model_executor.layers.quantization.base_config import QuantizeMethodBase
from vllm.model_executor.layers.vocab_parallel_embedding import UnquantizedEmbeddingMethod, VocabParallelEmbedding

from alphadial.merge_engine.live.blend_rows import Rows


class BlendedLinear(LinearMethodBase):  # type: ignore[misc]
    """How a linear layer computes, biases included, whose weight and bias are two, one behind the other.

    Args:
        plain: how vLLM computes the product of a single weight.
        rows: whose alphas are mixed.
    """

    def __init__(self, plain: UnquantizedLinearMethod, rows: Rows) -> None:
        self._plain, self._rows = plain, rows

    def create_weights(self, *args: Any, **kwargs: Any) -> None:
        """Never asked for: the layer is made as one of a single weight, and given two when they are loaded."""
        raise NotImplementedError

    def process_weights_after_loading(self, layer: torch.nn.Module) -> None:
        """Packs both weights as one."""
        self._plain.process_weights_after_loading(layer)

    def apply(self, layer: torch.nn.Module, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """The layer's output, one row for each token."""
        return _mixed(self._plain.apply(layer, x, bias), self._rows.of_tokens)


class BlendedEmbedding(QuantizeMethodBase):  # type: ignore[misc]
    """How an embedding and a head compute, tied or not.

    Args:
        plain: how vLLM computes one of a single weight.
        rows: whose alphas are mixed.
    """

    def __init__(self, plain: UnquantizedEmbeddingMethod, rows: Rows) -> None:
        self._plain, self._rows = plain, rows

    def create_weights(self, *args: Any, **kwargs: Any) -> None:
        """Never asked for, as in ``BlendedLinear``."""
        raise NotImplementedError

    def process_weights_after_loading(self, layer: torch.nn.Module) -> None:
        """Packs both weights as one, beside the weights as they are."""
        self._plain.process_weights_after_loading(layer)

    def apply(self, layer: torch.nn.Module, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """The head's logits, one row for each request."""
        return _mixed(self._plain.apply(layer, x, bias), self._rows.at_head(len(x)))

    def embedding(self, layer: VocabParallelEmbedding, input_: torch.Tensor) -> torch.Tensor:
        """The embeddings of tokens."""
        low, delta = layer.weight.chunk(2)
        return _sum(embedding(input_, low), self._rows.of_tokens, embedding(input_, delta))


class BlendedNorm(torch.nn.Module):
    """An RMSNorm of two weights.

    Args:
        norm: as vLLM made it; it normalises, and its weight is no longer used.
        low: its weight at alpha 0.
        high: its weight at alpha 1.
        rows: whose alphas are mixed.
    """

    low: torch.Tensor
    delta: torch.Tensor

    def __init__(self, norm: RMSNorm, low: torch.Tensor, high: torch.Tensor, rows: Rows) -> None:
        super().__init__()
        norm.pass_weight = norm.pass_weight_add = False
        self._norm, self._rows = norm, rows
        self.register_buffer("low", low.float(), persistent=False)
        self.register_buffer("delta", high.float() - low.float(), persistent=False)

    def forward(self, x: torch.Tensor, residual: torch.Tensor | None = None) -> Any:
        """As ``RMSNorm``: [tokens, ..., size], and the sum with the residual where there is one."""
        # Heads may have a dimension of their own: alphas stay with the tokens.
        alphas = self._rows.of_tokens.view(-1, *[1] * (x.dim() - 1))
        weight = torch.addcmul(self.low, alphas, self.delta).to(x.dtype)
        if residual is None:
            return self._norm(x) * weight
        normalised, total = self._norm(x, residual)
        return normalised * weight, total


def _mixed(both: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    low, delta = both.chunk(2, dim=-1)
    return _sum(low, alphas, delta)


def _sum(low: torch.Tensor, alphas: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    return torch.addcmul(low.float(), alphas, delta.float()).to(low.dtype)
