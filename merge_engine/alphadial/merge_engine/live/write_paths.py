"""The ways into a running model's parameters: straight into them, or through vLLM's reload, layer by layer.

Straight is possible where vLLM keeps a checkpoint's tensors as they are, or packs them (q, k and v into one): each then
has a place, a part of one parameter, to which theta(alpha) is written from the endpoints; addresses stay as CUDA graphs
need them. Where vLLM has turned parameters into something else, as for its kernels on CPUs, only its reload knows how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alphadial.merge_engine.resident import Resident

Reload = Callable[[Iterator[tuple[str, torch.Tensor]]], None]
"""Takes all tensors of a checkpoint, and makes them the running model's."""
_LOADER_ERRORS = (AssertionError, AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""What vLLM's loaders raise where a parameter is no longer what they once made."""


class WritePath(Protocol):
    """One way to write. After an exception the model's weights may be anything."""

    name: str

    def write(self, alpha: float) -> int:
        """Makes the model's weights theta(alpha), and returns the bytes read from the endpoints and written."""
        ...

    def fill(self, value: float) -> None:
        """Makes all the model's weights one number."""
        ...


class DirectPath:
    """Writes theta(alpha) where the model's parameters lie.

    Args:
        resident: the endpoints.
        places: those parts of parameters that hold the checkpoint's tensors, by name (``find_places``).
    """

    name = "direct"

    def __init__(self, resident: Resident, places: Mapping[str, torch.Tensor]) -> None:
        self._resident = resident
        self._places = places

    def write(self, alpha: float) -> int:
        """Merges into the places."""
        return self._resident.set_alpha(alpha, self._places).bytes_moved

    def fill(self, value: float) -> None:
        """Fills the places that hold numbers which are merged."""
        for place in self._places.values():
            if place.is_floating_point():
                place.fill_(value)


class ReloadPath:
    """Streams theta(alpha) into vLLM's reload, which holds one layer more than the model at a time.

    Args:
        resident: the endpoints.
        reload: of vLLM's worker.
    """

    name = "reload"

    def __init__(self, resident: Resident, reload: Reload) -> None:
        self._resident = resident
        self._reload = reload

    def write(self, alpha: float) -> int:
        """Merges tensor by tensor while they are loaded."""
        moved = 0

        def tensors() -> Iterator[tuple[str, torch.Tensor]]:
            nonlocal moved
            for name, tensor in self._resident.tensors(alpha):
                moved += 3 * tensor.nbytes
                yield name, tensor

        self._reload(tensors())
        return moved

    def fill(self, value: float) -> None:
        """Loads tensors of one number."""
        tensors = self._resident.tensors(self._resident.family.alpha_min)
        self._reload(
            (name, torch.full_like(tensor, value) if tensor.is_floating_point() else tensor) for name, tensor in tensors
        )


def find_places(
    shapes: Mapping[str, tuple[torch.Size, torch.dtype]], load: Callable[[Iterable[tuple[str, torch.Tensor]]], Any]
) -> dict[str, torch.Tensor] | None:
    """The places of a checkpoint's tensors in a model's parameters. Writes nothing.

    The model loads stand-ins that have no content. What it would copy where is noted, and not done.

    Args:
        shapes: and dtypes of the checkpoint's tensors, by name.
        load: the model's ``load_weights``.

    Returns:
        For each tensor the part of a parameter that is to be the same; None where there is a tensor that does not go,
        whole and as it is, to exactly one place.
    """
    places = {}
    for name, (shape, dtype) in shapes.items():
        stand_in = torch.empty(shape, dtype=dtype, device="meta")
        with _Copies() as copies:
            try:
                load([(name, stand_in)])
            except _LOADER_ERRORS:
                return None
        if len(copies.made) != 1:
            return None
        place, source = copies.made[0]
        as_it_is = source.shape == stand_in.shape and source.stride() == stand_in.stride()
        if not (as_it_is and place.is_contiguous()):
            return None
        places[name] = place
    return places


class _Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes copies from tensors without content instead of making them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.copy_.default and args[1].is_meta:
            self.made.append((args[0], args[1]))
            return args[0]
        return func(*args, **(kwargs or {}))


def shapes_of(tensors: Iterator[tuple[str, torch.Tensor]]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """What ``find_places`` must know of a checkpoint's tensors."""
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors}
