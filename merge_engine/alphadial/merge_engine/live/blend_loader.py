"""Loads both endpoints of a family into one model of vLLM, every layer of which then blends them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from vllm.config import CompilationMode
from vllm.forward_context import get_forward_context
from vllm.model_executor.layers.layernorm import RMSNorm
from vllm.model_executor.layers.linear import LinearBase, UnquantizedLinearMethod
from vllm.model_executor.layers.vocab_parallel_embedding import UnquantizedEmbeddingMethod, VocabParallelEmbedding
from vllm.model_executor.model_loader import BaseModelLoader, register_model_loader

from alphadial.merge_engine.engine import checkpoint
from alphadial.merge_engine.errors import CheckpointError, MergeEngineError
from alphadial.merge_engine.live.blend import BLEND_ARCHITECTURES, BLEND_LOAD_FORMAT, check_blend
from alphadial.merge_engine.live.blend_ids import end_ids, end_names
from alphadial.merge_engine.live.blend_layers import BlendedEmbedding, BlendedLinear, BlendedNorm
from alphadial.merge_engine.live.blend_requests import take_rows
from alphadial.merge_engine.live.blend_rows import Rows
from alphadial.merge_engine.registry import load_family
from alphadial.merge_engine.types import Family


@register_model_loader(BLEND_LOAD_FORMAT)
class BlendLoader(BaseModelLoader):  # type: ignore[misc]
    """What vLLM loads a model by under ``--load-format alphadial_blend``.

    The model is made as vLLM makes it for one endpoint. Each of its parameters is then given room for two, and each
    endpoint is read into its own half by the model's own ``load_weights``, which packs and names as vLLM does. Beside
    the model, one endpoint is held in this process's memory while it is read.
    """

    def download_model(self, model_config: Any) -> None:
        """Nothing is downloaded: endpoints are folders."""

    def load_model(self, vllm_config: Any, model_config: Any, prefix: str = "") -> Any:
        """See ``BaseModelLoader``.

        Raises:
            MergeEngineError: the family or the engine's settings are not covered; nothing has been loaded then.
        """
        self._rows = take_rows()
        self._family = load_family(vllm_config.additional_config["alphadial"]["family"])
        check_blend(self._family)
        _check_settings(vllm_config, model_config, self._family)
        return super().load_model(vllm_config, model_config, prefix)

    def load_weights(self, model: Any, model_config: Any) -> None:
        """Reads both endpoints, as data and from safetensors alone, and has every layer blend them.

        Raises:
            MergeEngineError: the model has a layer that is not covered, or a parameter that an endpoint does not fill,
                or the endpoints are not those that their ids are known for.
        """
        _check_layers(model)
        halves = _make_room(model)
        ends = []
        for half, name in enumerate(end_names(self._family)):
            ends.append(_read(model, halves, half, self._family, name))
        if tuple(ends) != end_ids(self._family):
            raise MergeEngineError(f"the endpoints of {self._family.path} changed while they were read: start again")
        _blend_layers(model, halves, self._rows)
        model.alphadial_ends = tuple(ends)
        model.register_forward_pre_hook(_step_of(self._rows), with_kwargs=True)


def _check_settings(vllm_config: Any, model_config: Any, family: Family) -> None:
    """Refuses what the blend would not cover, by name."""
    parallel = vllm_config.parallel_config
    faults = {
        "version 2 of the model runner (set VLLM_USE_V2_MODEL_RUNNER=0)": vllm_config.use_v2_model_runner,
        "compilation and CUDA graphs (pass --enforce-eager)": (
            vllm_config.compilation_config.mode != CompilationMode.NONE or not model_config.enforce_eager
        ),
        "several ranks": parallel.world_size > 1 or parallel.data_parallel_size > 1 or parallel.use_ubatching,
        "quantisation": model_config.quantization is not None,
        "LoRA adapters": vllm_config.lora_config is not None,
        "speculative decoding": vllm_config.speculative_config is not None,
        "prompts of embeddings": model_config.enable_prompt_embeds,
        "a head of another dtype": model_config.head_dtype != model_config.dtype,
        f"a model other than {family.low}": Path(model_config.model).resolve() != family.low.resolve(),
    }
    for what, asked in faults.items():
        if asked:
            raise MergeEngineError(f"mode blend does not cover {what}")


def _check_layers(model: torch.nn.Module) -> None:
    """Refuses a model that has parameters outside the layers that are covered: they would stay at one endpoint."""
    kind = type(model).__name__
    if kind not in BLEND_ARCHITECTURES:
        raise CheckpointError(f"vLLM runs this model as {kind}: mode blend covers {', '.join(BLEND_ARCHITECTURES)}")
    for name, module in model.named_modules():
        own = {key for key, _ in module.named_parameters(recurse=False)}
        if not own <= _covered(module):
            raise CheckpointError(
                f"mode blend does not cover layer {name} ({type(module).__name__}) with {sorted(own)}"
            )


def _covered(module: torch.nn.Module) -> set[str]:
    """Names of the parameters that a layer of this kind blends."""
    if isinstance(module, LinearBase) and type(module.quant_method) is UnquantizedLinearMethod:
        # A bias that the caller of the layer adds would be that of one endpoint.
        return {"weight"} if module.skip_bias_add else {"weight", "bias"}
    if isinstance(module, VocabParallelEmbedding) and type(module.quant_method) is UnquantizedEmbeddingMethod:
        return {"weight"}
    return {"weight"} if type(module) is RMSNorm else set()


def _make_room(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The values by parameter, [2, ...]: both endpoints' halves, full of NaN. Tied parameters are one."""
    halves = {}
    for name, parameter in model.named_parameters():
        halves[name] = parameter.new_full((2, *parameter.shape), torch.nan, requires_grad=False)
        parameter.data = halves[name][0]  # the room that it had is free before the next is made
    return halves


def _read(model: Any, halves: dict[str, torch.Tensor], half: int, family: Family, name: str) -> str:
    """Reads an endpoint into its half of every parameter; its weights id.

    Raises:
        CheckpointError: it is unreadable, or leaves a parameter as it was.
    """
    for key, parameter in model.named_parameters():
        parameter.data = halves[key][half]
    weights = checkpoint(family, name)
    model.load_weights(weights.tensors.items())
    for key, parameter in model.named_parameters():
        if parameter.isnan().any():
            raise CheckpointError(
                f"{family.checkpoints[name]} does not fill {key} of the model, or not the whole of it"
            )
    return weights.weights_id


def _blend_layers(model: torch.nn.Module, halves: dict[str, torch.Tensor], rows: Rows) -> None:
    """Has each layer compute with both weights.

    Raises:
        CheckpointError: the endpoints lie too far from each other for their dtype.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    norms = {}
    for path, module in model.named_modules():
        if isinstance(module, LinearBase):
            module.quant_method = BlendedLinear(module.quant_method, rows)
        elif isinstance(module, VocabParallelEmbedding):
            module.quant_method = BlendedEmbedding(module.quant_method, rows)
        elif type(module) is RMSNorm:
            low, high = halves.pop(names[id(module.weight)])
            norms[path] = BlendedNorm(module, low, high, rows)
    for path, norm in norms.items():
        model.set_submodule(path, norm)
    parameters = dict(model.named_parameters())
    for name, (low, delta) in halves.items():
        delta -= low
        if not delta.isfinite().all():
            raise CheckpointError(f"the endpoints of {name} differ by more than the largest {low.dtype}")
        parameters[name].data = halves[name].flatten(0, 1)


def _step_of(rows: Rows) -> Any:
    """What is called before each step of the model: it tells the layers whose tokens they are about to compute."""

    def begin(module: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        tokens = kwargs["positions"].shape[-1]
        attention = get_forward_context().attn_metadata
        if attention is None:
            rows.begin_trial(tokens)
        else:
            rows.begin_step(next(iter(attention.values())).query_start_loc, tokens)

    return begin
