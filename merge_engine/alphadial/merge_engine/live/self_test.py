"""Does a running model answer by the weights that were written? Asked once, before anything is served.

Where vLLM repacks weights for its kernels, nobody can read them back; but every layer can be asked. Two questions
decide:

1. All weights are written as one number. Then each parameter holds that number alone, and each linear layer, head
   included, gives for a vector of one 1 that number, and for as many 1 as -1 exactly 0. Whatever still had a weight of
   before would not.
2. The weights at alpha 0 are written. Then all parameters and all outputs, to the bit, are as they were when vLLM
   itself had loaded the low endpoint. So everything is also written to its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch

from alphadial.merge_engine.errors import MergeError
from alphadial.merge_engine.live.write_paths import WritePath

_FILL = 0.5
"""A power of two: sums of it are exact in any order."""
_ONES = 64
"""Columns of a layer that are looked at one by one."""
_VECTORS = 8

Ask = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Part:
    """A module of the model that has weights of its own."""

    name: str
    parameters: dict[str, torch.Tensor]
    """What can be read of its weights, without what pads them; none where they have been packed away."""
    inputs: int = 0
    """Elements of a vector that it takes."""
    ask: Ask | None = None
    """Multiplies vectors by its weight, as the model does, without what pads it; None where it is read alone."""
    dtype: torch.dtype = torch.float32
    """The dtype of the vectors that it takes."""
    device: torch.device | str = "cpu"


def check_path(path: WritePath, parts: list[Part], truth: dict[str, str], after: Callable[[], None]) -> None:
    """Writes by a path, and leaves the weights of alpha 0 in the model.

    Args:
        path: that is tested.
        parts: of the model.
        truth: ``digests`` of the parts as vLLM has loaded them at alpha 0.
        after: what is to be done after each writing.

    Raises:
        MergeError: the model does not have what was written.
    """
    path.fill(_FILL)
    after()
    for part in parts:
        if (stale := _first_stale(part)) is not None:
            raise MergeError(f"{stale} keeps weights of before when others are written by {path.name}")
    path.write(0.0)
    after()
    found = digests(parts)
    for name in truth:
        if found[name] != truth[name]:
            raise MergeError(f"{name} is not what vLLM made of the low endpoint when that is written by {path.name}")


def digests(parts: list[Part]) -> dict[str, str]:
    """What can be seen of each part: hashes of its parameters' bits, and of its answers'."""
    seen = {}
    for part in parts:
        for name, parameter in part.parameters.items():
            seen[f"{part.name}.{name}"] = _digest(parameter)
        if part.ask is not None:
            seen[f"{part.name} asked"] = _digest(part.ask(_questions(part)))
    return seen


def _first_stale(part: Part) -> str | None:
    for name, parameter in part.parameters.items():
        if not torch.equal(parameter, torch.full_like(parameter, _FILL)):
            return f"{part.name}.{name}"
    if part.ask is not None:
        singles, signs = _singles(part), _signs(part)
        balanced = torch.full((len(signs), 1), _FILL * (part.inputs % 2), dtype=part.dtype, device=part.device)
        for question, expected in ((singles, torch.full_like(balanced[:1], _FILL)), (signs, balanced[:1])):
            answer = part.ask(question)
            if not torch.equal(answer, expected.to(answer.dtype).expand_as(answer)):
                return part.name
    return None


def _questions(part: Part) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(_VECTORS, part.inputs, generator=generator)
    return torch.cat([_singles(part), vectors.to(part.device, part.dtype)])


def _singles(part: Part) -> torch.Tensor:
    """Vectors of one 1 each, at places spread over all."""
    places = torch.linspace(0, part.inputs - 1, min(_ONES, part.inputs)).round().long()
    return torch.nn.functional.one_hot(places, part.inputs).to(part.device, part.dtype)


def _signs(part: Part) -> torch.Tensor:
    """Vectors of as many 1 as -1, in a random order; of one 1 more where there is an odd number."""
    generator = torch.Generator().manual_seed(0)
    alternating = 1.0 - 2.0 * (torch.arange(part.inputs) % 2)
    rows = [alternating[torch.randperm(part.inputs, generator=generator)] for _ in range(_VECTORS)]
    return torch.stack(rows).to(part.device, part.dtype)


def _digest(tensor: torch.Tensor) -> str:
    flat = tensor.detach().cpu().contiguous().view(-1)
    return hashlib.sha256(flat.view(torch.uint8).numpy().data).hexdigest()
