"""theta(alpha) = low + alpha * (high - low), rounded exactly once, to nearest even, in bf16, fp16 or fp32.

Let alpha = k/256 with |k| <= 4096. Then 256 theta = (256 - k) low + k high, and in a work type of precision P (fp32,
P = 24, for tensors of precision p = 8 or 11; fp64, P = 53, for p = 24):

1. Both products are exact: |256 - k| < 2^13 and p + 13 <= P, and no bit lies below those of the tensors' subnormals.
2. TwoSum (Knuth, TAOCP 4.2.2) gives total + error = the exact sum, as long as nothing overflows.
3. Where error != 0 and total is even, total takes one step towards error: the exact sum, rounded to odd in P bits.
4. Dividing by 256 is exact: total is a multiple of the dtype's least subnormal, of which the work type holds 1/256.
5. Rounding to odd in P >= p + 2 bits, then to nearest even in p bits, equals rounding once to nearest even, subnormals
   and overflow included (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using
   rounding to odd", IEEE Transactions on Computers 57, 2008).

Only bf16 near its largest values can overflow fp32 in step 2. Then error is NaN, and the piece is summed in fp64 and
rounded to odd a second time, to fp32, which is the same as rounding to odd in 24 bits at once.

Zeros: elements whose bits are equal in both endpoints keep them, -0 too; every other exact zero is +0; a result too
small for the dtype becomes a zero of its own sign. Alpha 0 and 1 return the endpoints bit for bit.
"""

from __future__ import annotations

import math

import torch

from alphadial.merge_engine.alpha import GRID, parse_alpha
from alphadial.merge_engine.compiled import BIT_TYPES, FLUSHES, FLUSHING, merge_bits
from alphadial.merge_engine.errors import MergeError

_PIECE = 1 << 18  # elements; the temporaries of a piece then stay in the cache
_WORK = {torch.bfloat16: torch.float32, torch.float16: torch.float32, torch.float32: torch.float64}
_NAMES = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}
_BITS = {
    torch.bfloat16: torch.int16,
    torch.float16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}


def linear(low: torch.Tensor, high: torch.Tensor, alpha: float) -> torch.Tensor:
    """Merges one tensor, exactly rounded once; the module's docstring proves it. See ``MergeMethod`` for the arguments.

    On the CPU a compiled loop does it, elsewhere operations of torch, with the same result to the bit.

    Raises:
        AlphaError: alpha off the grid, or larger than 16 in magnitude.
        MergeError: another dtype than bf16, fp16 and fp32, or this thread flushes subnormal numbers to zero.
    """
    steps = round(parse_alpha(alpha) * GRID)
    if low.dtype not in _WORK:
        raise MergeError(f"linear merges bf16, fp16 and fp32, not {low.dtype}")
    if low.device.type != "cpu":
        return by_torch(low, high, steps)
    merged = torch.empty(low.shape, dtype=low.dtype)
    kind = BIT_TYPES[_NAMES[low.dtype]]
    low_bits, high_bits, bits = (
        tensor.reshape(-1).view(torch.uint8).numpy().view(kind) for tensor in (low.detach(), high.detach(), merged)
    )
    if merge_bits(_NAMES[low.dtype], low_bits, high_bits, bits, steps) & FLUSHES:
        raise MergeError(FLUSHING)
    return merged


def by_torch(low: torch.Tensor, high: torch.Tensor, steps: int) -> torch.Tensor:
    """The same at alpha = steps / 256, by operations that every device of torch has.

    Raises:
        MergeError: this thread flushes subnormal numbers to zero.
    """
    if steps in (0, GRID):
        return (high if steps else low).clone(memory_format=torch.contiguous_format)
    if float(torch.tensor([2.0**-149]) * 1.0) == 0.0:
        raise MergeError(FLUSHING)
    merged = torch.empty(low.shape, dtype=low.dtype, device=low.device)
    merged_flat, low_flat, high_flat = merged.view(-1), low.reshape(-1), high.reshape(-1)
    for start in range(0, low.numel(), _PIECE):
        piece = slice(start, start + _PIECE)
        merged_flat[piece] = _merge_piece(low_flat[piece], high_flat[piece], steps)
    return merged


def _merge_piece(low: torch.Tensor, high: torch.Tensor, steps: int) -> torch.Tensor:
    total, error = _two_sum(low, high, steps, _WORK[low.dtype])
    if math.isnan(error.sum()):
        wide = _to_odd(*_two_sum(low, high, steps, torch.float64)) / GRID
        theta = wide.float()
        theta = _to_odd(theta, (wide - theta).sign().float())
    else:
        theta = _to_odd(total, error) / GRID
    # Adding +0 turns the -0 of an exact sum into +0, and changes nothing else.
    rounded = theta.add_(0.0).to(low.dtype)
    bits = _BITS[low.dtype]
    return torch.where(low.view(bits) == high.view(bits), low, rounded)


def _two_sum(low: torch.Tensor, high: torch.Tensor, steps: int, work: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """(256 - k) low + k high, rounded to nearest in ``work``, and what the rounding left out (NaN if it overflowed)."""
    p = low.to(work).mul_(GRID - steps)
    q = high.to(work).mul_(steps)
    total = p + q
    q_part = total - p
    p_part = total - q_part
    return total, p.sub_(p_part).add_(q.sub_(q_part))


def _to_odd(total: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
    """Rounds total + error to odd, where total is that sum rounded to nearest, in the same dtype as error."""
    if not error.any():
        return total
    bits = total.view(_BITS[total.dtype])
    # As integers, floats of one sign are ordered by magnitude: +1 leads away from zero, -1 towards it.
    sign_differs = (bits ^ error.view(bits.dtype)) >> (8 * total.element_size() - 1)
    step = sign_differs | 1
    step *= (bits & 1) ^ 1
    step *= error != 0
    return (step + bits).view(total.dtype)
