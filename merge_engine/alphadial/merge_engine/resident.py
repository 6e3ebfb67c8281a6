"""A family's checkpoints held in memory, and theta(alpha) rebuilt from them where a model's parameters lie.

Nothing else is kept: every alpha is made from them anew and written over the one before, so that parameters keep their
addresses and nothing drifts. The bits, and so the weights ids, are those of a merge to disk.

On a GPU the linear merge is one launch of a kernel (``kernels.py``) over checkpoints that lie there, or in the host's
pinned memory where they do not fit; other methods are computed by the CPU, and what they give is copied. All that is
tested in Triton's interpreter; nothing of it is measured on a GPU.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from alphadial.merge_engine.alpha import check_alpha, steps_for
from alphadial.merge_engine.compiled import BIT_TYPES, OVERFLOWS, Bits
from alphadial.merge_engine.engine import DTYPES, bits_of, tensor_digest
from alphadial.merge_engine.errors import MergeError
from alphadial.merge_engine.hashing import combine
from alphadial.merge_engine.inputs import open_inputs
from alphadial.merge_engine.merging import Merging
from alphadial.merge_engine.threads import each
from alphadial.merge_engine.types import Family, Recipe

if TYPE_CHECKING:
    from alphadial.merge_engine.kernels import FusedMerge, Launch

_PIECE = 1 << 19
"""Elements: with two checkpoints' and the result's bytes they fit a core's cache."""
_SPARE = 1 << 30
"""Bytes of a device's memory that the checkpoints leave free."""

Targets = Sequence[tuple[float, Mapping[str, torch.Tensor]]]
"""Alphas, and where their tensors go, by name."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    weights_id: str
    bytes_moved: int
    """Read and written; where several alphas were made at once, an equal share of what was read."""
    seconds: float
    """Wall time; where several alphas were made at once, an equal share of it."""


class Resident:
    """A family whose checkpoints are in memory, ready to become any alpha.

    Args:
        family: whose checkpoints are read, as far as its recipe needs them; each element of which is looked at.
        device: of the tensors that are written to, and where the checkpoints are to lie.

    Raises:
        CheckpointError: a checkpoint is unreadable or holds NaN or infinities, or they do not fit each other.
        MergeError: they differ in tensors of integers, which are not merged.
    """

    def __init__(self, family: Family, device: torch.device | str = "cpu") -> None:
        self.family = family
        self.device = torch.empty(0, device=device).device  # with its number
        self._inputs = open_inputs(family)
        self._merging = Merging(family.recipe)
        self._names = list(self._inputs.low.tensors)
        self._place: Callable[[torch.Tensor], torch.Tensor] | None = None
        if _fuses(self.device, family.recipe):
            self._place = _placement(self.device, 2 * sum(info.bytes for info in self._inputs.low.tensors.values()))
        self._held = dict(zip(self._names, each(self._hold, self._names), strict=True))
        self._fused = self._fuse() if self._place else None
        self._launch: tuple[list[tuple[str, int, torch.dtype]], Launch] | None = None
        self._ids: dict[float, str] = {}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the tensors, by the names that the checkpoints give them: a tied ``lm_head.weight`` is absent."""
        return {name: self._inputs.low.tensors[name].shape for name in self._names}

    def check(self, alpha: float | str) -> str:
        """Makes sure that an alpha can be had, and tells its weights id. Writes nothing.

        An alpha that is asked for the first time is made once, tensor by tensor, and hashed.

        Raises:
            AlphaError: off the grid, or beyond the family's range.
            MergeError: the result overflows, or cannot be computed exactly on this thread.
        """
        checked = check_alpha(alpha, self.family)
        if checked not in self._ids:
            digests: dict[str, str] = {}

            def digest(names: list[str]) -> None:
                for name in names:
                    digests[name] = tensor_digest(self._made(name, checked, _in_turn))

            largest_first = sorted(self._names, key=lambda name: -self._inputs.low.tensors[name].bytes)
            small = sum(info.bytes for info in self._inputs.low.tensors.values()) <= 2 * _PIECE
            _side_by_side(digest, [largest_first] if small else [[name] for name in largest_first])
            self._ids[checked] = combine(digests)
        return self._ids[checked]

    def tensors(self, alpha: float | str) -> Iterator[tuple[str, torch.Tensor]]:
        """Theta(alpha), tensor by tensor, each in new memory on the device, which is the caller's to keep.

        Raises:
            AlphaError, MergeError: as ``check``; of an overflow, when the tensor's turn comes.
        """
        checked = check_alpha(alpha, self.family)
        for name in self._names:
            yield name, self._made(name, checked, _side_by_side)

    def set_alpha(self, alpha: float | str, into: Mapping[str, torch.Tensor]) -> Rebuilt:
        """Writes theta(alpha) over existing tensors; see ``set_alphas``."""
        (rebuilt,) = self.set_alphas({alpha: into})
        return rebuilt

    def set_alphas(self, intos: Mapping[float | str, Mapping[str, torch.Tensor]]) -> tuple[Rebuilt, ...]:
        """Writes theta(alpha) of several alphas over existing tensors, which keep their addresses, in one pass.

        Whatever can be wrong is found before the first element is written. On a GPU, where these tensors lie is listed
        when they are first written to, and they are kept alive until others are.

        Args:
            intos: the tensors to write to, by name, for each alpha. They have the checkpoint's names and shapes, and
                its dtype; or fp32, where the checkpoint has fp16 or bf16. All alphas have them alike.

        Returns:
            One report per alpha, in the order of ``intos``.

        Raises:
            AlphaError, MergeError: as ``check``.
            MergeError: a tensor is missing, superfluous, of another shape or dtype, elsewhere, or not contiguous.
        """
        start = time.perf_counter()
        ids = [self.check(alpha) for alpha in intos]
        first = next(iter(intos.values()))
        for into in intos.values():
            self._check_targets(into)
            if odd := [name for name, tensor in into.items() if tensor.dtype != first[name].dtype]:
                raise MergeError(f"tensor {odd[0]} is to go into another dtype for one alpha than for the other")
        targets = [(check_alpha(alpha, self.family), into) for alpha, into in intos.items()]
        if self._fused is None:
            self._write(targets, _side_by_side)
        else:
            self._write_fused(targets, self._launch_for(targets, self._fused))
        seconds = (time.perf_counter() - start) / len(ids)
        inputs = len(self._inputs.checkpoints)
        read = sum(inputs * info.bytes for info in self._inputs.low.tensors.values()) // len(ids)
        return tuple(
            Rebuilt(weights_id, read + sum(tensor.nbytes for tensor in into.values()), seconds)
            for weights_id, into in zip(ids, intos.values(), strict=True)
        )

    def _hold(self, name: str) -> _Held:
        """One tensor of every checkpoint, in memory of our own: what becomes of the files no longer matters."""
        inputs, kind = [source.finite_bits(name) for source in self._inputs.checkpoints], self._inputs.kind(name)
        if kind.dtype not in BIT_TYPES:
            self._inputs.check_integers(name)
            return _Held([inputs[0].copy()], None, [])
        if self._place:
            return _Held([], None, [self._place(_as_tensor(bits, kind.dtype)) for bits in inputs])
        inputs = [bits.copy() for bits in inputs]
        return _Held(inputs, self._merging.reduce(kind, inputs), [])

    def _fuse(self) -> FusedMerge:
        from alphadial.merge_engine.kernels import FusedMerge

        low, high = ({name: held.placed[end] for name, held in self._held.items() if held.placed} for end in (0, 1))
        return FusedMerge(low, high)

    def _made(self, name: str, alpha: float, run: _Run) -> torch.Tensor:
        """One tensor of theta(alpha), in new memory on the device."""
        info = self._inputs.low.tensors[name]
        if self._fused is None:
            tensor = torch.empty(info.shape, dtype=DTYPES[info.dtype])
            self._write([(alpha, {name: tensor})], run)
            return tensor.to(self.device)
        tensor = torch.empty(info.shape, dtype=DTYPES[info.dtype], device=self.device)
        targets = [(alpha, {name: tensor})]
        self._write_fused(targets, self._fused.into(self._floating(targets)))
        if not tensor.isfinite().all():
            self._inputs.refuse(OVERFLOWS, name, alpha)
        return tensor

    def _floating(self, targets: Targets) -> list[dict[str, torch.Tensor]]:
        """What the kernel writes of some targets."""
        return [{name: tensor for name, tensor in into.items() if self._held[name].placed} for _, into in targets]

    def _launch_for(self, targets: Targets, fused: FusedMerge) -> Launch:
        """The launch that writes to these tensors, listed anew where they are not those of the last time."""
        places = [(name, tensor.data_ptr(), tensor.dtype) for _, into in targets for name, tensor in into.items()]
        if self._launch is None or self._launch[0] != places:
            self._launch = places, fused.into(self._floating(targets))
        return self._launch[1]

    def _write_fused(self, targets: Targets, launch: Launch) -> None:
        """Writes every alpha by one launch, once nothing reads the tensors any more, and waits for it."""
        self._wait()
        for name, held in self._held.items():
            for _, into in targets if held.inputs else ():
                if name in into:
                    info = self._inputs.low.tensors[name]
                    into[name].copy_(_as_tensor(held.inputs[0], info.dtype).view(info.shape))
        floating = self._floating(targets)
        launch(
            [
                {name: steps_for(self.family.recipe, name, alpha) for name in into}
                for (alpha, _), into in zip(targets, floating, strict=True)
            ]
        )
        self._wait()

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _check_targets(self, into: Mapping[str, torch.Tensor]) -> None:
        for name in sorted(into.keys() | self._held.keys()):
            if name not in into:
                raise MergeError(f"there is no tensor {name} to write to: name all of the checkpoint's")
            if name not in self._held:
                raise MergeError(f"tensor {name} is none of family {self.family.name}: leave it out")
            info, target = self._inputs.low.tensors[name], into[name]
            if tuple(target.shape) != info.shape:
                raise MergeError(f"tensor {name} has shape {list(info.shape)}, and is to go into {list(target.shape)}")
            widened = info.dtype in BIT_TYPES and target.dtype == torch.float32
            if target.dtype != DTYPES[info.dtype] and not widened:
                raise MergeError(f"tensor {name} is {info.dtype}, and is to go into {target.dtype}: that would round")
            if self._fused is not None and target.device != self.device:
                raise MergeError(f"tensor {name} lies on {target.device}, and the family on {self.device}")
            if not target.is_contiguous():
                raise MergeError(f"tensor {name} is to go into one that is not contiguous")

    def _write(self, targets: Targets, run: _Run) -> None:
        """Writes every alpha, for the tensors that ``targets`` name, by the CPU."""
        jobs: list[list[_Piece]] = [[]]
        room = _PIECE
        for name in targets[0][1]:
            flat = [(alpha, into[name].detach().view(-1)) for alpha, into in targets]
            count = len(self._held[name].inputs[0])
            for first in range(0, count, _PIECE):
                parts = [(alpha, tensor[first : first + _PIECE]) for alpha, tensor in flat]
                if room < min(count - first, _PIECE):
                    jobs.append([])
                    room = _PIECE
                jobs[-1].append(_Piece(name, first, parts))
                room -= min(count - first, _PIECE)
        run(self._merge_all, jobs)

    def _merge_all(self, pieces: Sequence[_Piece]) -> None:
        for piece in pieces:
            self._merge(piece)

    def _merge(self, piece: _Piece) -> None:
        """Writes a piece of every alpha while what it is made from is in the cache.

        Raises:
            MergeError: it overflows, or cannot be computed exactly on this thread.
        """
        kind, held = self._inputs.kind(piece.name), self._held[piece.name]
        inputs = [bits[piece.first : piece.first + _PIECE] for bits in held.inputs]
        for alpha, target in piece.targets:
            if kind.dtype not in BIT_TYPES:
                target.copy_(_as_tensor(inputs[0], kind.dtype))
                continue
            direct = target.device.type == "cpu" and target.dtype == DTYPES[kind.dtype]
            bits = bits_of(target) if direct else _buffer(kind.dtype)[: len(inputs[0])]
            flags = self._merging.merge(kind, inputs, bits, alpha, held.reduced, piece.first)
            self._inputs.refuse(flags, kind.name, alpha)
            if not direct:
                target.copy_(_as_tensor(bits, kind.dtype))


@dataclass(frozen=True, slots=True)
class _Held:
    """One tensor of every checkpoint, and what the method has to know of it."""

    inputs: list[Bits]
    """On the host; nothing where a kernel merges them."""
    reduced: Any
    placed: list[torch.Tensor]
    """The same, at the place where the kernel reads them."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of one tensor, and where it goes for each alpha."""

    name: str
    first: int
    """Number of its first element."""
    targets: list[tuple[float, torch.Tensor]]
    """One-dimensional, of the length of the piece."""


_Run = Callable[[Callable[[list[_Piece]], None], list[list[_Piece]]], None]
"""Does some work on every job."""
_Job = TypeVar("_Job")


def _side_by_side(work: Callable[[_Job], None], jobs: list[_Job]) -> None:
    if len(jobs) == 1:  # threads are not worth having for a small model, nor for a small tensor
        work(jobs[0])
    else:
        # In a forked child torch makes its own pool of threads anew when it is first used, and has none to give to the
        # second of two threads that come at once ("Invalid thread pool"): so this thread comes first.
        torch.set_num_threads(torch.get_num_threads())
        each(work, jobs)


def _in_turn(work: Callable[[_Job], None], jobs: list[_Job]) -> None:
    for job in jobs:
        work(job)


def _fuses(device: torch.device, recipe: Recipe) -> bool:
    """Whether the kernel can do it, which knows the linear merge alone."""
    return device.type == "cuda" and recipe.method == "linear"


def _placement(device: torch.device, count: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """What brings tensors to where the device reads them: into its own memory, if ``count`` bytes fit there."""
    free, _ = torch.cuda.mem_get_info(device)
    if count + _SPARE <= free:
        return lambda tensor: tensor.to(device)
    return lambda tensor: tensor.pin_memory()


_buffers = threading.local()


def _buffer(dtype: str) -> Bits:
    """A thread's room for a piece of a dtype, reused from one to the next."""
    buffers = _buffers.__dict__
    if dtype not in buffers:
        buffers[dtype] = np.empty(_PIECE, BIT_TYPES[dtype])
    found: Bits = buffers[dtype]
    return found


def _as_tensor(bits: Bits, dtype: str) -> torch.Tensor:
    return torch.from_numpy(bits.view(np.uint8)).view(DTYPES[dtype])
