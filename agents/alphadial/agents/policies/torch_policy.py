"""The in-process policy: theta(alpha) from the merge engine, sampled on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from alphadial.agents.errors import PolicyError, WrongWeightsError
from alphadial.agents.policies.batcher import Batcher
from alphadial.agents.policies.sampler import Sampler
from alphadial.agents.policies.weights import find_dial
from alphadial.agents.types import Completion, Request
from alphadial.merge_engine import Family, Resident, check_endpoints, checkpoint, family_digest, keep_weights_id
from alphadial.merge_engine.reader import Checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel


_HEAD = "lm_head.weight"
_SMALL = 2**26
"""Bytes of a checkpoint up to which memory does not count."""
_BATCH, _BATCH_OF_SMALL = 256, 2048
"""Requests sampled together. The more there are, the more of them begin alike and share their rows."""


class TorchPolicy:
    """Answers as any alpha or checkpoint of one family.

    There is one model in memory, beside both endpoints: whichever is asked next is written over the one before. Weights
    are merged in the checkpoints' own dtype, so that they have their weights id, and computed with in fp32.
    Takes one torch thread for the whole process: with more, a batch could change an answer.

    Args:
        family: the checkpoints.
        batch_size: requests sampled together; None: as many as suit the size of the checkpoints.
    """

    def __init__(self, family: Family, batch_size: int | None = None) -> None:
        torch.set_num_threads(1)
        small = sum(tensor.bytes for tensor in Checkpoint(family.low).tensors.values()) <= _SMALL
        self._batch_size = batch_size or (_BATCH_OF_SMALL if small else _BATCH)
        self._batcher = Batcher(self.answer, self._batch_size)
        self._family = family
        self._tokenizer, self._config = open_folder(family.low)
        check_endpoints(family)
        self._made_from = family_digest(family)
        self._model: _Model | None = None

    @property
    def concurrency(self) -> int:
        """The batches: one with the model, one gathering."""
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
        """Takes no more requests. The model goes with the policy."""
        self._batcher.close()

    def _sampler(self, name: str) -> Sampler:
        """The sampler of the one model, which has become the one that is asked."""
        dial = find_dial(self._family, name)
        if self._model is None:
            opened = _Model(self._family, self._config)
            self._check_unchanged()
            self._model = opened
            self._sampling = Sampler(opened.model, self._tokenizer, self._batch_size)
            self._kept: set[float | str] = set()
        self._sampling.weights_id = self._model.become(dial)
        if dial not in self._kept:
            self._check_unchanged()
            keep_weights_id(self._family, dial, self._sampling.weights_id)
            self._kept.add(dial)
        return self._sampling

    def _check_unchanged(self) -> None:
        if family_digest(self._family) != self._made_from:
            raise WrongWeightsError(f"the checkpoints of {self._family.path} have changed since the policy was opened")


class _Model:
    """A model whose parameters keep their places while it becomes any alpha or checkpoint of its family."""

    def __init__(self, family: Family, config: Any) -> None:
        """Reads the endpoints; the parameters are random until ``become``.

        Raises:
            PolicyError: the endpoints' tensors do not fit the configuration (named).
            CheckpointError: an endpoint cannot be read or merged.
        """
        self._family, self._config = family, config
        self._resident = Resident(family)
        self.model = empty_model(config, self._resident.shapes)
        self._parameters = parameters_by_name(self.model, self._resident.shapes)
        self._weights: tuple[float | str, str] | None = None

    def become(self, dial: float | str) -> str:
        """Makes the parameters those of an alpha or a checkpoint, and tells their weights id.

        Raises:
            PolicyError: a checkpoint's tensors do not fit the configuration.
            MergeEngineError: the weights cannot be made.
        """
        if self._weights is None or self._weights[0] != dial:
            self._weights = None  # until all of it is written
            self._weights = dial, self._write(dial)
        return self._weights[1]

    def _write(self, dial: float | str) -> str:
        if not isinstance(dial, str):
            return self._resident.set_alpha(dial, self._parameters).weights_id
        weights = checkpoint(self._family, dial)
        check_fits(self._config, {name: tensor.shape for name, tensor in weights.tensors.items()})
        for name, parameter in parameters_by_name(self.model, weights.tensors).items():
            parameter.copy_(weights.tensors[name])
        return weights.weights_id


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


def empty_model(config: Any, shapes: Mapping[str, Sequence[int]]) -> PreTrainedModel:
    """A model of this configuration for tensors of these names and shapes, in fp32 on the CPU, with random weights.

    Raises:
        PolicyError: a tensor is missing, superfluous or of another shape (named).
    """
    check_fits(config, shapes)
    model = _model(config)
    model.tie_weights()
    return model.eval()


def parameters_by_name(model: PreTrainedModel, names: Iterable[str]) -> dict[str, torch.Tensor]:
    """The places of a model's tensors of these names, to be written to.

    Where a checkpoint stores tied embeddings twice, the head's are the model's, and the others go nowhere.
    """
    found = model.state_dict()
    last = {tensor.data_ptr(): name for name, tensor in found.items() if name in set(names)}
    return {
        name: found[name] if last[found[name].data_ptr()] == name else torch.empty_like(found[name]) for name in names
    }


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
