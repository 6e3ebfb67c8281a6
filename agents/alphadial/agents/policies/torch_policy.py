"""The in-process policy: theta(alpha) from the merge engine, sampled on the CPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from alphadial.agents.errors import PolicyError
from alphadial.agents.policies.sampler import Sampler
from alphadial.agents.policies.weights import build_weights
from alphadial.agents.types import Completion, Request
from alphadial.merge_engine import Family, check_data_only

if TYPE_CHECKING:
    from transformers import PreTrainedModel


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
        self.batch_size = batch_size
        self._family = family
        self._models = models
        self._samplers: OrderedDict[str, Sampler] = OrderedDict()
        self._tokenizer, self._config = open_folder(family.low)

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Samples an answer for each request, all of one model.

        Raises:
            PolicyError: another family's model, weights that do not fit the family's configuration, or tools offered.
            MergeEngineError: the weights cannot be made.
        """
        if any(request.tools for request in requests):
            raise PolicyError("models in this process call no tools: serve the family and pass --server")
        return self._sampler(requests[0].model).sample(requests) if requests else []

    def close(self) -> None:
        """Frees the models."""
        self._samplers.clear()

    def _sampler(self, model: str) -> Sampler:
        if model in self._samplers:
            self._samplers.move_to_end(model)
            return self._samplers[model]
        weights = build_weights(self._family, model)
        built = load_model(self._config, weights.tensors)
        sampler = Sampler(built, self._tokenizer, self.batch_size, weights.weights_id)
        self._samplers[model] = sampler
        while len(self._samplers) > self._models:
            self._samplers.popitem(last=False)
        return sampler


def open_folder(folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the configuration of a Hugging Face folder. Code that lies in it is never run.

    Raises:
        CheckpointError: a configuration asks for code to be run.
        PolicyError: something is missing or damaged.
    """
    check_data_only(folder)
    given = {"local_files_only": True, "trust_remote_code": False}
    try:
        return AutoTokenizer.from_pretrained(folder, **given), AutoConfig.from_pretrained(folder, **given)
    except Exception as error:  # whatever transformers makes of a damaged file; tokenizers raises bare Exceptions
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise PolicyError(f"{folder} is no complete Hugging Face folder: {reason}") from error


def load_model(config: Any, tensors: dict[str, torch.Tensor]) -> PreTrainedModel:
    """A model of this configuration that holds these tensors, in fp32 on the CPU.

    Raises:
        PolicyError: a tensor is missing, superfluous or of another shape (named).
    """
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False)
    try:
        report = model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=False)
    except RuntimeError as error:
        raise PolicyError(f"the weights do not fit the configuration: {str(error).splitlines()[-1].strip()}") from error
    model.tie_weights()
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    missing = [name for name in report.missing_keys if not (tied and name == "lm_head.weight")]
    if missing or report.unexpected_keys:
        fault = f"lack {missing[0]}" if missing else f"hold {report.unexpected_keys[0]}, which it does not have"
        raise PolicyError(f"the weights do not fit the configuration: they {fault}")
    return model.eval()
