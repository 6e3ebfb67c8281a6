"""The linear merge of many tensors in one launch of a Triton kernel, for any number of alphas.

Every element is rounded once, to the bits of ``methods/linear.py``, whose proof holds here with two changes:

- The ends are multiplied by k/256 and (256 - k)/256, not by k and 256 - k. Only exponents differ, and everything stays
  a multiple of 2^-8 of the dtype's least subnormal, which the work type holds.
- Where a tensor in bf16 holds a number of 2^100 or more, so that a sum might overflow, both ends of each such element
  are divided by 2^32 before and the sum is multiplied by 2^32 after. Dividing spares every bit of a number that is at
  least 2^-60 then. A smaller one stands for its sign alone beside the other end, which is at least 2^68, far above it
  even when weighted by 1/256: it becomes 2^-60, so that its sign is not lost.

The products are exact, so that a compiler which fuses them with sums changes nothing; it is told not to all the same.
Importing this loads torch and triton. Where TRITON_INTERPRET is 1 the kernel runs on the CPU, which is how it is
tested, beside a look at what it is compiled to; its speed is not measured on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl

_BLOCK_BYTES = 4096
"""Bytes of each end that one program merges: each of its 128 threads has two loads of 16 bytes under way for each end,
and few enough registers for a dozen programs on a multiprocessor."""
_ALIGNED = 16
"""Bytes; a thread loads and stores so many at once where all addresses and lengths are multiples of it."""
_LARGE = 2.0**100
_DTYPES = {torch.bfloat16: tl.bfloat16, torch.float16: tl.float16, torch.float32: tl.float32}

_jit: Callable[..., Any] = triton.jit


class FusedMerge:
    """Both ends of many tensors, from which one launch rebuilds any of them for any number of alphas.

    Args:
        low: at alpha 0, by name; contiguous, bf16, fp16 or fp32, finite, on the device or in pinned memory of the host.
        high: at alpha 1; names, shapes and dtypes of ``low``.
    """

    def __init__(self, low: Mapping[str, torch.Tensor], high: Mapping[str, torch.Tensor]) -> None:
        self.low, self.high = dict(low), dict(high)
        self._large = {name: _is_large(low[name]) or _is_large(high[name]) for name in low}

    def into(self, outs: Sequence[Mapping[str, torch.Tensor]]) -> Launch:
        """Lists what is to be written, once for any number of launches.

        Args:
            outs: for each alpha, where each tensor goes, by name; all name the same ones. Shapes as the ends',
                contiguous, on one device, in the ends' dtype or fp32. They are kept alive, and must not move.
        """
        groups: dict[_Kind, list[str]] = {}
        for name, out in outs[0].items():
            columns = [self.low[name], self.high[name], *(each[name] for each in outs)]
            aligned = all((tensor.data_ptr() | tensor.nbytes) % _ALIGNED == 0 for tensor in columns)
            if out.numel():
                groups.setdefault(_Kind(columns[0].dtype, out.dtype, aligned, self._large[name]), []).append(name)
        rows = [self.low, self.high, *outs]
        return Launch([_Table.of(kind, names, rows) for kind, names in groups.items()], rows)


class Launch:
    """The places of the ends of tensors and of theta, in tables that lie on the device.

    Tensors of several dtypes, or whose addresses or lengths are not all multiples of 16 bytes, take a launch for each
    kind.
    """

    def __init__(self, tables: list[_Table], kept: Sequence[Mapping[str, torch.Tensor]]) -> None:
        self._tables, self._kept = tables, kept

    def __call__(self, steps: Sequence[Mapping[str, int]]) -> None:
        """Writes theta(steps / 256) of every tensor, for each alpha and by name; at most 4096 in magnitude.

        An infinity is written where the exact result is beyond the dtype's largest number. The call returns before the
        device has done it.
        """
        for table in self._tables:
            device = table.addresses.device
            # Any thread begins on the first GPU.
            with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
                table.launch([[each[name] for name in table.names] for each in steps])


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the kernel is compiled for."""

    dtype: torch.dtype
    out_dtype: torch.dtype
    aligned: bool
    large: bool
    """Whether a sum might overflow."""

    @property
    def block(self) -> int:
        """Elements of one program."""
        return _BLOCK_BYTES // self.dtype.itemsize


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Tensors of one kind, T of them, as the kernel finds them."""

    kind: _Kind
    names: list[str]
    addresses: torch.Tensor
    """(2 + K, T), int64: of the low ends, the high ends, and the results for each of K alphas."""
    counts: torch.Tensor
    """(T,), int64: how many elements each has."""
    owners: torch.Tensor
    """(programs,), int32: the number of the tensor that each program works on."""
    firsts: torch.Tensor
    """(T,), int32: the number of each tensor's first program."""

    def launch(self, steps: list[list[int]]) -> None:
        """Runs the kernel on the present device; ``steps[alpha][tensor]``."""
        _merge_tensors[(len(self.owners),)](
            self.addresses,
            torch.tensor(steps, dtype=torch.int32).to(self.addresses.device),
            self.counts,
            self.owners,
            self.firsts,
            len(self.names),
            alphas=len(steps),
            kind=_DTYPES[self.kind.dtype],
            out_kind=_DTYPES[self.kind.out_dtype],
            aligned=self.kind.aligned,
            large=self.kind.large,
            block=self.kind.block,
            num_warps=4,
            enable_fp_fusion=False,
        )

    @classmethod
    def of(cls, kind: _Kind, names: list[str], rows: Sequence[Mapping[str, torch.Tensor]]) -> _Table:
        """The table of some tensors: their low ends, their high ends, and their results for each alpha."""
        device = rows[2][names[0]].device
        counts = np.array([rows[0][name].numel() for name in names])
        programs = -(-counts // kind.block)
        return cls(
            kind,
            names,
            torch.tensor([[row[name].data_ptr() for name in names] for row in rows], dtype=torch.int64).to(device),
            torch.from_numpy(counts).to(device),
            torch.from_numpy(np.repeat(np.arange(len(names), dtype=np.int32), programs)).to(device),
            torch.from_numpy((np.cumsum(programs) - programs).astype(np.int32)).to(device),
        )


def _is_large(tensor: torch.Tensor) -> bool:
    if tensor.dtype != torch.bfloat16 or not tensor.numel():
        return False
    least, most = tensor.aminmax()
    return bool(torch.maximum(least.abs(), most.abs()) >= _LARGE)


@_jit
def _merge_tensors(
    addresses: tl.tensor,
    steps: tl.tensor,
    counts: tl.tensor,
    owners: tl.tensor,
    firsts: tl.tensor,
    tensors: tl.tensor,
    alphas: tl.constexpr,
    kind: tl.constexpr,
    out_kind: tl.constexpr,
    aligned: tl.constexpr,
    large: tl.constexpr,
    block: tl.constexpr,
) -> None:
    """One program merges one block of one tensor, for every alpha; both ends are loaded once."""
    program = tl.program_id(0)
    tensor = tl.load(owners + program)
    addresses += tensor
    start = (program - tl.load(firsts + tensor)).to(tl.int64) * block
    left = tl.load(counts + tensor) - start
    if aligned:
        left = tl.multiple_of(left, 4 if kind == tl.float32 else 8)
    place = tl.arange(0, block)
    low = tl.load(_pointer(addresses, kind, aligned) + start + place, mask=place < left, other=0)
    high = tl.load(_pointer(addresses + tensors, kind, aligned) + start + place, mask=place < left, other=0)
    for alpha in range(alphas):
        merged = _merge_bits(low, high, tl.load(steps + alpha * tensors + tensor), kind, large)
        if out_kind != kind:
            merged = _number(merged, kind).to(tl.int32, bitcast=True)
        out = _pointer(addresses + (2 + alpha) * tensors, out_kind, aligned)
        tl.store(out + start + place, merged, mask=place < left)


@_jit
def _pointer(address: tl.tensor, kind: tl.constexpr, aligned: tl.constexpr) -> tl.tensor:
    """The pointer, to bits, of an address that lies in a table."""
    if kind == tl.float32:
        pointer = tl.load(address).to(tl.pointer_type(tl.int32))
    else:
        pointer = tl.load(address).to(tl.pointer_type(tl.int16))
    if aligned:
        pointer = tl.multiple_of(pointer, 16)
    return pointer


@_jit
def _merge_bits(
    low: tl.tensor, high: tl.tensor, steps: tl.tensor, kind: tl.constexpr, large: tl.constexpr
) -> tl.tensor:
    """The bits of theta, from the bits of both ends."""
    if steps == 0:
        merged = low
    elif steps == 256:
        merged = high
    else:
        # Equal ends keep their bits, which matters to -0 alone.
        theta = _sum_to_odd(_number(low, kind), _number(high, kind), steps, large)
        merged = tl.where(low == high, low, _round(theta, kind))
    return merged


@_jit
def _sum_to_odd(x: tl.tensor, y: tl.tensor, steps: tl.tensor, large: tl.constexpr) -> tl.tensor:
    """The exact theta, rounded to odd in the work type; -0 where it is exactly that."""
    if large:
        huge = tl.maximum(tl.abs(x), tl.abs(y)) >= 2.0**100
        odd = _weighted(tl.where(huge, _smaller(x), x), tl.where(huge, _smaller(y), y), steps)
        theta = tl.where(huge, odd * 2.0**32, odd)
    else:
        theta = _weighted(x, y, steps)
    return theta


@_jit
def _smaller(x: tl.tensor) -> tl.tensor:
    """A number divided by 2^32; what would lose bits by it keeps its sign, and is 2^-60."""
    small = x * 2.0**-32
    least = tl.where(x < 0, -(2.0**-60), 2.0**-60)
    return tl.where((x != 0) & (tl.abs(small) < 2.0**-60), least, small)


@_jit
def _weighted(x: tl.tensor, y: tl.tensor, steps: tl.tensor) -> tl.tensor:
    """The exact (1 - steps/256) x + (steps/256) y, rounded to odd: TwoSum, cut off, the last bit set if inexact."""
    p = x * ((256 - steps).to(x.dtype) * 0.00390625)
    q = y * (steps.to(x.dtype) * 0.00390625)
    total = p + q
    q_part = total - p
    p_part = total - q_part
    error = (p - p_part) + (q - q_part)
    if x.dtype == tl.float64:
        bits = total.to(tl.int64, bitcast=True)
        away = bits ^ error.to(tl.int64, bitcast=True)
    else:
        bits = total.to(tl.int32, bitcast=True)
        away = bits ^ error.to(tl.int32, bitcast=True)
    inexact = error != 0
    # As integers, floats of one sign are ordered by magnitude: where the sum was rounded away from zero, one step back.
    bits = (bits - (inexact & (away < 0)).to(bits.dtype)) | inexact.to(bits.dtype)
    return bits.to(x.dtype, bitcast=True)


@_jit
def _number(bits: tl.tensor, kind: tl.constexpr) -> tl.tensor:
    """The number of an element's bits, in the work type of its dtype."""
    if kind == tl.bfloat16:
        number = (bits.to(tl.int32) << 16).to(tl.float32, bitcast=True)
    elif kind == tl.float16:
        number = bits.to(tl.float16, bitcast=True).to(tl.float32)
    else:
        number = bits.to(tl.float32, bitcast=True).to(tl.float64)
    return number


@_jit
def _round(theta: tl.tensor, kind: tl.constexpr) -> tl.tensor:
    """The bits of a number of the work type, rounded to nearest even."""
    # Adding +0 turns the -0 of an exact sum into +0, and changes nothing else.
    theta = theta + 0.0
    if kind == tl.bfloat16:
        # By integers: the interpreter of Triton rounds to bf16 otherwise than devices do.
        wide = theta.to(tl.int32, bitcast=True)
        bits = ((wide + 0x7FFF + ((wide >> 16) & 1)) >> 16).to(tl.int16)
    elif kind == tl.float16:
        bits = theta.to(tl.float16).to(tl.int16, bitcast=True)
    else:
        bits = theta.to(tl.float32).to(tl.int32, bitcast=True)
    return bits
