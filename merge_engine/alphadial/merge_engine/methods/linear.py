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

from collections.abc import Sequence

from alphadial.merge_engine.compiled import Bits, merge_bits
from alphadial.merge_engine.types import Settings, TensorKind


def merge(
    tensor: TensorKind,
    inputs: Sequence[Bits],
    out: Bits,
    settings: Settings,
    steps: int,
    reduced: None,
    first: int,
) -> int:
    """Writes theta exactly rounded once, as this module's docstring proves; see ``types.MergeMethod``."""
    low, high = inputs
    return merge_bits(tensor.dtype, low, high, out, steps)
