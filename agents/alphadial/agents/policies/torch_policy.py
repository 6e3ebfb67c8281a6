"""The in-process policy: theta(alpha) from the merge engine, sampled on the CPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from alphadial.agents.errors import PolicyError, WrongWeightsError
from alphadial.agents.policies.batcher import Batcher
from alphadial.agents.policies.sampler import Sampler
from alphadial.agents.policies.weights import build_weights
from alphadial.agents.types import Completion, Request
from alphadial.merge_engine import Family, check_endpoints, family_digest
from alphadial.merge_engine.reader import Checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel


_HEAD = "lm_head.weight"


class TorchPolicy:
    """Answers as any alpha or checkpoint of one family.

    Weights are merged in the checkpoints' own dtype, so that they have their weights id, and computed with in fp32.
    Takes one torch thread for the whole process: with more, a batch could change an answer.

    Args:
        family: the checkpoints.
        batch_size: requests sampled together.
        models: how many built models are kept.
    """

    def __init__(self, family: Family, batch_size: int = 256, models: int = 4) -> None:
        torch.set_num_threads(1)
        self._batch_size = batch_size
        self._batcher = Batcher(self.answer, batch_size)
        self._family = family
        self._models = models
        self._samplers: OrderedDict[str, Sampler] = OrderedDict()
        self._tokenizer, self._config = open_folder(family.low)
        check_endpoints(family)
        self._made_from = family_digest(family)

    @property
    def concurrency(self) -> int:
        """Of the batches: one with the model, one gathering."""
        return self._batcher.concurrency

    async def complete(self, request: Request) -> Completion:
        """Samples an answer, in a batch with whatever else is asked of the same model.

        Raises:
            PolicyError, MergeEngineError: as ``answer``.
        """
        return await self._batcher.complete(request)

    def answer(self, requests: Sequence[Request]) -> list[Completion]:
        """Samples an answer for each request, all of one model. Blocks.

        Raises:
            PolicyError: another family's model, weights that do not fit the family's configuration, or tools offered.
            WrongWeightsError: the family's checkpoints have changed since the policy was opened.
            MergeEngineError: the weights cannot be made.
        """
        if any(request.tools for request in requests):
            raise PolicyError("models in this process call no tools: serve the family and pass --server")
        return self._sampler(requests[0].model).sample(requests) if requests else []

    def close(self) -> None:
        """Takes no more requests. The models go with the policy."""
        self._batcher.close()

    def _sampler(self, model: str) -> Sampler:
        if model in self._samplers:
            self._samplers.move_to_end(model)
            return self._samplers[model]
        weights = build_weights(self._family, model)
        if family_digest(self._family) != self._made_from:
            raise WrongWeightsError(f"the checkpoints of {self._family.path} have changed since the policy was opened")
        built = load_model(self._config, weights.tensors)
        sampler = Sampler(built, self._tokenizer, self._batch_size, weights.weights_id)
        self._samplers[model] = sampler
        while len(self._samplers) > self._models:
            self._samplers.popitem(last=False)
        return sampler


def open_folder(folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the configuration of a Hugging Face folder. Code that lies in it is never run.

    Raises:
        CheckpointError: a configuration asks for code to be run, or the weights are missing or damaged.
        PolicyError: something else is.
    """
    Checkpoint(folder)
    given = {"local_files_only": True, "trust_remote_code": False}
    try:
        return AutoTokenizer.from_pretrained(folder, **given), AutoConfig.from_pretrained(folder, **given)
    except Exception as error:  # whatever transformers makes of a damaged file; tokenizers raises bare Exceptions
        raise PolicyError(f"{folder} is no complete Hugging Face folder: {_first_line(error)}") from error


def load_model(config: Any, tensors: dict[str, torch.Tensor]) -> PreTrainedModel:
    """A model of this configuration that holds these tensors, in fp32 on the CPU.

    Raises:
        PolicyError: a tensor is missing, superfluous or of another shape (named).
    """
    check_fits(config, {name: tensor.shape for name, tensor in tensors.items()})
    model = _model(config)
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=False)
    model.tie_weights()
    return model.eval()


def check_fits(config: Any, shapes: Mapping[str, Sequence[int]]) -> None:
    """Compares the tensors that a model of this configuration has with those at hand, and takes no memory for it.

    Raises:
        PolicyError: one is missing, superfluous or of another shape (named), or there is no such model.
    """
    try:
        with torch.device("meta"):
            model = _model(config)
            model.tie_weights()
    except Exception as error:  # whatever transformers and torch make of a strange configuration
        raise PolicyError(f"no model can be made of the configuration: {_first_line(error)}") from error
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    if model.get_output_embeddings().weight is model.get_input_embeddings().weight and _HEAD not in shapes:
        wanted.pop(_HEAD, None)
    for name in sorted(wanted.keys() | shapes.keys()):
        if name not in shapes:
            fault = f"lack {name}"
        elif name not in wanted:
            fault = f"hold {name}, which it does not have"
        elif list(shapes[name]) != list(wanted[name]):
            fault = f"hold {name} of shape {list(shapes[name])}, not {list(wanted[name])}"
        else:
            continue
        raise PolicyError(f"the weights do not fit the configuration: they {fault}")


def _model(config: Any) -> PreTrainedModel:
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False)
    return model


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
