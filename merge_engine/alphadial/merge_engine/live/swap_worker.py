"""Mode ``swap`` in vLLM's worker: both endpoints in memory, and theta(alpha) written into the running model.

vLLM mixes ``SwapWorker`` into its own worker (``--worker-extension-cls``); ``swap.Swap`` calls its methods from the API
server. Not measured on a GPU: there the endpoints lie beside the model, so that vLLM's share of the memory must leave
room for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from vllm.config import VllmConfig
from vllm.model_executor.layers.attention import Attention
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
from vllm.model_executor.layers.layernorm import GemmaRMSNorm, RMSNorm
from vllm.model_executor.layers.linear import LinearBase, ReplicatedLinear, UnquantizedLinearMethod
from vllm.model_executor.layers.vocab_parallel_embedding import (
    ParallelLMHead,
    UnquantizedEmbeddingMethod,
    VocabParallelEmbedding,
)

from alphadial.merge_engine.errors import MergeEngineError, MergeError
from alphadial.merge_engine.live.plugin import live_config
from alphadial.merge_engine.live.self_test import Ask, Part, check_path, digests
from alphadial.merge_engine.live.write_paths import (
    DirectPath,
    Reload,
    ReloadPath,
    WritePath,
    find_places,
    shapes_of,
)
from alphadial.merge_engine.registry import load_family
from alphadial.merge_engine.resident import Resident
from alphadial.merge_engine.types import Family

_READ_ALONE = (GemmaRMSNorm, RMSNorm, torch.nn.LayerNorm)
"""Modules that use their parameters as they are."""


class SwapModel:
    """A model that vLLM runs, whose weights become those of any alpha of a family.

    Args:
        family: whose low endpoint vLLM has loaded.
        model: of vLLM, which has the weights of the low endpoint now, and again afterwards.
        dtype: of the vectors that its layers take.
        reload: of vLLM's worker.

    Raises:
        MergeEngineError: no way to write into this model passes the self-test.
    """

    def __init__(self, family: Family, model: Any, dtype: torch.dtype, reload: Reload) -> None:
        # The self-test takes alpha 0, whatever is asked for later.
        family = replace(family, alpha_min=min(0.0, family.alpha_min), alpha_max=max(0.0, family.alpha_max))
        self._model = model
        device = next(model.parameters()).device
        self.resident = Resident(family, device)
        parts = parts_of(model, dtype, device)
        truth = digests(parts)
        faults = []
        for path in self._paths(reload):
            try:
                check_path(path, parts, truth, self._repack_tied_heads)
            except MergeError as error:
                faults.append(str(error))
                continue
            self.path = path
            return
        raise MergeError(f"the self-test fails: {'; '.join(faults)}")

    def write(self, alpha: float) -> int:
        """Makes the weights theta(alpha), and returns the bytes moved. After an exception they may be anything."""
        moved = self.path.write(alpha)
        self._repack_tied_heads()
        return moved

    def _paths(self, reload: Reload) -> Iterator[WritePath]:
        places = find_places(shapes_of(self.resident.tensors(0.0)), self._model.load_weights)
        if places is not None:
            yield DirectPath(self.resident, places)
        yield ReloadPath(self.resident, reload)

    def _repack_tied_heads(self) -> None:
        """A head that shares the embeddings' weight has a packed copy on CPUs, which vLLM's reload forgets."""
        modules = [module for module in self._model.modules() if isinstance(module, VocabParallelEmbedding)]
        for head in modules:
            tied = any(head.weight is other.weight for other in modules if other is not head)
            if tied and isinstance(head, ParallelLMHead):
                head.quant_method.process_weights_after_loading(head)


class SwapWorker:
    """What vLLM's worker is given. Answers are what a message between processes can hold.

    ``{"refused": why}`` says that nothing was changed; after an exception the weights may be anything.
    """

    model_runner: Any
    vllm_config: VllmConfig
    reload_weights: Any
    alphadial: SwapModel

    def alphadial_open(self) -> dict[str, Any]:
        """Reads the endpoints, chooses the path by which the model is written, and writes the first alpha."""
        config = live_config(self.vllm_config.additional_config)
        assert config is not None, "only an engine that is told its family is given this worker"
        try:
            family = load_family(config.family)
            check_config(self.vllm_config)
            dtype = self.vllm_config.model_config.dtype
            self.alphadial = SwapModel(family, self.model_runner.get_model(), dtype, self._alphadial_reload)
            alpha = min(max(0.0, family.alpha_min), family.alpha_max)
            weights_id = self.alphadial.resident.check(alpha)
        except MergeEngineError as error:
            return {"refused": str(error)}
        if alpha:
            self.alphadial.write(alpha)
        return {"alpha": alpha, "weights_id": weights_id, "write_path": self.alphadial.path.name}

    def alphadial_check(self, alpha: float) -> dict[str, Any]:
        """Looks for what is wrong with an alpha. Changes nothing."""
        try:
            return {"weights_id": self.alphadial.resident.check(alpha)}
        except MergeEngineError as error:
            return {"refused": str(error)}

    def alphadial_set(self, alpha: float) -> dict[str, Any]:
        """Makes the model's weights theta(alpha)."""
        start = time.perf_counter()
        answer = self.alphadial_check(alpha)
        if "refused" not in answer:
            moved = self.alphadial.write(alpha)
            answer |= {"bytes_moved": moved, "seconds": time.perf_counter() - start}
        return answer

    def _alphadial_reload(self, tensors: Iterator[tuple[str, torch.Tensor]]) -> None:
        self.reload_weights(weights_iterator=tensors)


def parts_of(model: torch.nn.Module, dtype: torch.dtype, device: torch.device) -> list[Part]:
    """The modules of a model of vLLM that have weights, as the self-test looks at them.

    Raises:
        MergeError: there is one whose weights cannot be looked at, or which may keep more than its weights.
    """
    parts = []
    for name, module in model.named_modules():
        parameters = {key: each.data for key, each in module.named_parameters(recurse=False) if each.numel()}
        if isinstance(module, LinearBase) and type(module.quant_method) is UnquantizedLinearMethod:
            whole = isinstance(module, ReplicatedLinear)
            inputs = module.input_size if whole else module.input_size_per_partition
            parts.append(Part(name, parameters, inputs, _asking(module), dtype, device))
        elif isinstance(module, VocabParallelEmbedding) and type(module.quant_method) is UnquantizedEmbeddingMethod:
            rows = module.shard_indices.num_org_elements
            parameters = {key: each[:rows] for key, each in parameters.items()}
            parts.append(Part(name, parameters, module.embedding_dim, _asking(module, rows), dtype, device))
        elif isinstance(module, _READ_ALONE):
            parts.append(Part(name, parameters))
        elif parameters or (isinstance(module, AttentionLayerBase) and type(module) is not Attention):
            kind = type(module).__name__
            raise MergeError(f"{name} is a {kind}, of which nobody knows whether it keeps weights of before")
    return parts


def _asking(module: Any, rows: int | None = None) -> Ask:
    def ask(vectors: torch.Tensor) -> torch.Tensor:
        answers: torch.Tensor = module.quant_method.apply(module, vectors)
        return answers[:, :rows]

    return ask


def check_config(config: VllmConfig) -> None:
    """What would change answers beside the weights that are swapped.

    Raises:
        MergeError: there is such a thing.
    """
    if config.model_config.quantization is not None:
        raise MergeError("a quantised engine has no exact weights: start it without --quantization")
    if config.model_config.is_multimodal_model:
        raise MergeError("a model of images or sound keeps what it made of them under other weights")
    if config.lora_config is not None or config.speculative_config is not None:
        raise MergeError("adapters and draft models belong to one set of weights: start the engine without them")
