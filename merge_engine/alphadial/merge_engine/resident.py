"""Both endpoints of a family held in memory, and theta(alpha) rebuilt from them where a model's parameters lie.

Nothing but the endpoints is kept: every alpha is made from them anew and written over the one before, so that
parameters keep their addresses and nothing drifts. The bits, and so the weights ids, are those of a merge to disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from alphadial.merge_engine.alpha import GRID, check_alpha
from alphadial.merge_engine.compiled import BIT_TYPES, FLUSHES, FLUSHING, Bits, merge_bits
from alphadial.merge_engine.engine import DTYPES, tensor_digest
from alphadial.merge_engine.errors import MergeError
from alphadial.merge_engine.hashing import combine
from alphadial.merge_engine.pairs import Pair, open_pair
from alphadial.merge_engine.threads import each
from alphadial.merge_engine.types import Family

_PIECE = 1 << 19
"""Elements: with both endpoints' and the result's bytes they fit a core's cache."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    weights_id: str
    bytes_moved: int
    """Read from the endpoints and written; where several alphas were made at once, an equal share of what was read."""
    seconds: float
    """Wall time; where several alphas were made at once, an equal share of it."""


class Resident:
    """A family whose endpoints are in memory, ready to become any alpha.

    Args:
        family: whose endpoints are read, each element of which is looked at.
        device: where the endpoints lie.

    Raises:
        CheckpointError: an endpoint is unreadable or holds NaN or infinities, or the two do not fit each other.
        MergeError: they differ in tensors of integers, which are not merged.
    """

    def __init__(self, family: Family, device: torch.device | str = "cpu") -> None:
        self.family = family
        self.device = torch.device(device)
        self._pair = open_pair(family, family.alpha_min)
        self._names = list(self._pair.low.tensors)
        self._ends = dict(zip(self._names, each(self._hold, self._names), strict=True))
        self._ids: dict[float, str] = {}

    @property
    def names(self) -> list[str]:
        """Of the tensors, as the checkpoints call them: a tied ``lm_head.weight`` is absent."""
        return list(self._names)

    def check(self, alpha: float | str) -> str:
        """Makes sure that an alpha can be had, and tells its weights id. Writes nothing.

        An alpha that is asked for the first time is made once, tensor by tensor, and hashed.

        Raises:
            AlphaError: off the grid, or beyond the family's range.
            MergeError: the result overflows, or cannot be computed exactly on this thread.
        """
        checked = check_alpha(alpha, self.family)
        if checked not in self._ids:
            self._ids[checked] = combine({name: tensor_digest(tensor) for name, tensor in self.tensors(checked)})
        return self._ids[checked]

    def tensors(self, alpha: float | str) -> Iterator[tuple[str, torch.Tensor]]:
        """Theta(alpha), tensor by tensor, each in new memory on the CPU, which is the caller's to keep.

        Raises:
            AlphaError, MergeError: as ``check``; of an overflow, when the tensor's turn comes.
        """
        pair = replace(self._pair, alpha=check_alpha(alpha, self.family))
        for name in self._names:
            info = pair.low.tensors[name]
            tensor = torch.empty(info.shape, dtype=DTYPES[info.dtype])
            _write(_pieces(self._ends, [(pair, {name: tensor})]))
            yield name, tensor

    def set_alpha(self, alpha: float | str, into: Mapping[str, torch.Tensor]) -> Rebuilt:
        """Writes theta(alpha) over existing tensors; see ``set_alphas``."""
        (rebuilt,) = self.set_alphas({alpha: into})
        return rebuilt

    def set_alphas(self, intos: Mapping[float | str, Mapping[str, torch.Tensor]]) -> tuple[Rebuilt, ...]:
        """Writes theta(alpha) of several alphas over existing tensors, which keep their addresses, in one pass.

        Whatever can be wrong is found before the first element is written.

        Args:
            intos: the tensors to write to, by name, for each alpha. They have the checkpoint's names and shapes, and
                its dtype; or fp32, where the checkpoint has fp16 or bf16.

        Returns:
            One report per alpha, in the order of ``intos``.

        Raises:
            AlphaError, MergeError: as ``check``.
            MergeError: a tensor is missing, superfluous, of another shape or dtype, or not contiguous.
        """
        start = time.perf_counter()
        ids = [self.check(alpha) for alpha in intos]
        for into in intos.values():
            self._check_targets(into)
        targets = [(replace(self._pair, alpha=check_alpha(alpha, self.family)), into) for alpha, into in intos.items()]
        _write(_pieces(self._ends, targets))
        seconds = (time.perf_counter() - start) / len(ids)
        read = sum(2 * info.bytes for info in self._pair.low.tensors.values()) // len(ids)
        return tuple(
            Rebuilt(weights_id, read + sum(tensor.nbytes for tensor in into.values()), seconds)
            for weights_id, into in zip(ids, intos.values(), strict=True)
        )

    def _hold(self, name: str) -> tuple[Bits, Bits]:
        """Both ends of one tensor, in memory of our own: what becomes of the files no longer matters."""
        low, high = (end.finite_bits(name).copy() for end in (self._pair.low, self._pair.high))
        if self._pair.low.tensors[name].dtype not in BIT_TYPES:
            self._pair.check_integers(name)
        return low, high

    def _check_targets(self, into: Mapping[str, torch.Tensor]) -> None:
        for name in sorted(into.keys() | self._ends.keys()):
            if name not in into:
                raise MergeError(f"there is no tensor {name} to write to: name all of the checkpoint's")
            if name not in self._ends:
                raise MergeError(f"tensor {name} is none of family {self.family.name}: leave it out")
            info, target = self._pair.low.tensors[name], into[name]
            if tuple(target.shape) != info.shape:
                raise MergeError(f"tensor {name} has shape {list(info.shape)}, and is to go into {list(target.shape)}")
            widened = info.dtype in BIT_TYPES and target.dtype == torch.float32
            if target.dtype != DTYPES[info.dtype] and not widened:
                raise MergeError(f"tensor {name} is {info.dtype}, and is to go into {target.dtype}: that would round")
            if not target.is_contiguous():
                raise MergeError(f"tensor {name} is to go into one that is not contiguous")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of one tensor, and where it goes for each alpha."""

    name: str
    dtype: str
    low: Bits
    high: Bits
    targets: list[tuple[Pair, torch.Tensor]]
    """One-dimensional, of the length of ``low``."""


def _pieces(
    ends: Mapping[str, tuple[Bits, Bits]], targets: Sequence[tuple[Pair, Mapping[str, torch.Tensor]]]
) -> Iterator[_Piece]:
    for name in targets[0][1]:
        low, high = ends[name]
        flat = [(pair, into[name].detach().view(-1)) for pair, into in targets]
        for first in range(0, len(low), _PIECE):
            part = slice(first, first + _PIECE)
            parts = [(pair, tensor[part]) for pair, tensor in flat]
            yield _Piece(name, targets[0][0].low.tensors[name].dtype, low[part], high[part], parts)


def _write(pieces: Iterator[_Piece]) -> None:
    listed = list(pieces)
    if len(listed) == 1:
        _merge(listed[0])
    else:
        each(_merge, listed)


_buffers = threading.local()


def _merge(piece: _Piece) -> None:
    """Writes a piece of every alpha while its ends are in the cache.

    Raises:
        MergeError: it overflows, or cannot be computed exactly on this thread.
    """
    for pair, target in piece.targets:
        if piece.dtype not in BIT_TYPES:
            target.copy_(_as_tensor(piece.low, piece.dtype))
            continue
        direct = target.device.type == "cpu" and target.dtype == DTYPES[piece.dtype]
        bits = _bits(target, piece.dtype) if direct else _buffer(piece.dtype)[: len(piece.low)]
        faults = merge_bits(piece.dtype, piece.low, piece.high, bits, round(pair.alpha * GRID))
        if faults & FLUSHES:
            raise MergeError(FLUSHING)
        if faults:  # the ends are finite
            raise pair.overflows(piece.name)
        if not direct:
            target.copy_(_as_tensor(bits, piece.dtype))


def _buffer(dtype: str) -> Bits:
    """A thread's room for a piece of a dtype, reused from one to the next."""
    buffers = _buffers.__dict__
    if dtype not in buffers:
        buffers[dtype] = np.empty(_PIECE, BIT_TYPES[dtype])
    found: Bits = buffers[dtype]
    return found


def _bits(tensor: torch.Tensor, dtype: str) -> Bits:
    """The bits of a one-dimensional tensor on the CPU, in its own memory."""
    found: Bits = tensor.view(torch.uint8).numpy().view(BIT_TYPES[dtype])
    return found


def _as_tensor(bits: Bits, dtype: str) -> torch.Tensor:
    return torch.from_numpy(bits.view(np.uint8)).view(DTYPES[dtype])
