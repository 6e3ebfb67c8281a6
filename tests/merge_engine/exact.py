"""theta(alpha) of the linear recipe in exact integer arithmetic, rounded once, element by element.

It shares nothing with what it is held against: numbers are taken apart into integers, 256 theta is summed as an
integer, and that is divided, to nearest, ties to even. numpy does sums of up to 62 bits, Python wider ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from alphadial.merge_engine.compiled import Bits

Integers = npt.NDArray[np.int64]
_WIDEST = 62
"""Bits of a sum that an int64 holds with room for its sign."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a dtype spells a number."""

    precision: int
    """Bits of a normal number's significand, the leading one among them."""
    least: int
    """Exponent of the least subnormal."""
    bits: int
    """Of an element."""
    torch_dtype: torch.dtype

    @property
    def kind(self) -> Any:
        """numpy's type of the bits."""
        return np.uint16 if self.bits == 16 else np.uint32

    @property
    def infinity(self) -> int:
        """The bits of +infinity: an exponent of ones. Whatever is beyond it, but for the sign, is NaN."""
        ones = (1 << (self.bits - self.precision)) - 1
        return ones << (self.precision - 1)


FORMATS = {
    "BF16": Format(8, -133, 16, torch.bfloat16),
    "F16": Format(11, -24, 16, torch.float16),
    "F32": Format(24, -149, 32, torch.float32),
}
"""By dtype, as safetensors spells it."""


def exact_bits(dtype: str, low: Bits, high: Bits, steps: int) -> Bits:
    """The bits of theta(steps / 256), and those of an infinity where that is beyond the dtype's largest number.

    Elements whose bits agree keep them, -0 too; every other exact zero is +0. ``low`` and ``high`` are finite.
    """
    form = FORMATS[dtype]
    (low_part, low_at), (high_part, high_at) = _integers(form, low), _integers(form, high)
    low_part, high_part = low_part * (256 - steps), high_part * steps
    at = np.minimum(low_at, high_at)
    gap = np.maximum(low_at, high_at) - at
    narrow = gap < _WIDEST - form.precision - 14
    bits = np.empty(low.shape, form.kind)
    shifts = np.where(narrow, low_at - at, 0), np.where(narrow, high_at - at, 0)
    bits[:] = _rounded(form, (low_part << shifts[0]) + (high_part << shifts[1]), at)
    for i in np.flatnonzero(~narrow):
        whole = int(low_part[i]) << int(low_at[i] - at[i])
        whole += int(high_part[i]) << int(high_at[i] - at[i])
        bits[i] = _rounded_one(form, whole, int(at[i]))
    agree = low == high
    bits[agree] = low[agree]
    if steps in (0, 256):
        return (high if steps else low).copy()
    return bits


def _integers(form: Format, bits: Bits) -> tuple[Integers, Integers]:
    """Each number as an integer and the exponent of two that it counts."""
    wide = bits.astype(np.int64)
    magnitude = wide & ((1 << (form.bits - 1)) - 1)
    field = magnitude >> (form.precision - 1)
    hidden = np.where(field > 0, 1 << (form.precision - 1), 0)
    part = (magnitude & ((1 << (form.precision - 1)) - 1)) + hidden
    negative = wide >> (form.bits - 1) == 1
    return np.where(negative, -part, part), form.least + np.maximum(field, 1) - 1


def _rounded(form: Format, whole: Integers, at: Integers) -> Integers:
    """The bits of whole * 2**at / 256, where whole is less than 2**62 in magnitude."""
    magnitude = np.abs(whole)
    length = np.zeros_like(magnitude)
    for step in (32, 16, 8, 4, 2, 1):
        longer = magnitude >> (length + step) > 0
        length += np.where(longer, step, 0)
    length += magnitude > 0
    quantum = np.maximum(at - 8 + length - form.precision, form.least)
    shift = quantum - (at - 8)
    down, up = np.clip(shift, 0, 63), np.clip(-shift, 0, 63)
    kept = magnitude >> down
    rest, half = magnitude - (kept << down), np.where(down > 0, np.int64(1) << np.maximum(down - 1, 0), 0)
    kept += (rest > half) | ((rest == half) & (down > 0) & (kept & 1 == 1))
    return np.where(whole == 0, 0, _spelled(form, whole < 0, kept << up, quantum))


def _spelled(form: Format, negative: Any, significand: Any, quantum: Any) -> Any:
    """The bits of a significand that fits the dtype, or is one too long by having been rounded up."""
    # A normal number's leading one is added to the exponent, and a carry into a longer one likewise.
    found = ((quantum - form.least) << (form.precision - 1)) + significand
    return np.minimum(found, form.infinity) + np.where(negative, 1 << (form.bits - 1), 0)


def _rounded_one(form: Format, whole: int, at: int) -> int:
    """The same for a whole of any size."""
    magnitude = abs(whole)
    if magnitude == 0:
        return 0
    quantum = max(at - 8 + magnitude.bit_length() - form.precision, form.least)
    shift = quantum - (at - 8)
    if shift <= 0:
        kept = magnitude << -shift
    else:
        kept, rest = divmod(magnitude, 1 << shift)
        half = 1 << (shift - 1)
        kept += rest > half or (rest == half and kept & 1)
    return int(_spelled(form, whole < 0, kept, quantum))
