"""The loops over a tensor's elements, compiled by numba to vector instructions: one pass, nothing held but the result.

They work on bits (uint16 for BF16 and F16, uint32 for F32), release the GIL, and give the same bits for any piece of a
tensor on any number of threads. ``methods/linear.py`` proves the steps.
Importing this loads numba and no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.extending import intrinsic

from alphadial.merge_engine.alpha import GRID

Bits = npt.NDArray[np.unsignedinteger[Any]]

NOT_FINITE = 1
"""An endpoint holds NaN or an infinity."""
OVERFLOWS = 2
"""A result is beyond the largest number of the dtype."""
FLUSHES = 4
"""This thread flushes subnormal numbers to zero, so that nothing here is exact."""
FLUSHING = "this thread flushes subnormal numbers to zero: call torch.set_flush_denormal(False) first"

LOADED_BYTES = 80 * 2**20
"""Memory of a process that has loaded numpy and these loops, and merged nothing."""

BIT_TYPES = {"BF16": np.uint16, "F16": np.uint16, "F32": np.uint32}
"""The type of the bits, by dtype as safetensors spells it."""

_F32, _F64, _I32, _I64 = numba.float32, numba.float64, numba.int32, numba.int64
_compile: Callable[..., Any] = numba.njit(nogil=True, cache=True, error_model="numpy", inline="never")
_intrinsic: Callable[..., Any] = intrinsic
_inline: Callable[..., Any] = numba.njit(nogil=True, inline="always", error_model="numpy")


def merge_bits(dtype: str, low: Bits, high: Bits, out: Bits, steps: int) -> int:
    """Writes theta(steps / 256) of two endpoints, rounded once to nearest even; see ``methods/linear.py``.

    Args:
        dtype: a key of ``BIT_TYPES``; the arrays are of its type, one-dimensional and of one length.
        low: bits at alpha 0.
        high: bits at alpha 1.
        out: where the result's bits go; it shares no memory with the endpoints.
        steps: 256 alpha, at most 4096 in magnitude.

    Returns:
        0, or what is wrong with the result: ``FLUSHES``, or a sum of ``NOT_FINITE`` and ``OVERFLOWS``.
    """
    if steps in (0, GRID):
        kept = high if steps else low
        out[:] = kept
        return 0 if is_finite(dtype, low) and is_finite(dtype, high) else NOT_FINITE
    if flushes():
        return FLUSHES
    flags: int = _MERGE[dtype](low, high, out, steps)
    if flags & _TOO_WIDE:
        flags = int(_merge_bf16_wide(low, high, out, steps))
    return flags


def is_finite(dtype: str, bits: Bits) -> bool:
    """Whether no element is NaN or infinite; True for the dtypes of integers. ``bits``: one-dimensional."""
    return dtype not in _EXPONENTS or not _any_all_ones(bits, np.uint32(_EXPONENTS[dtype]))


def flushes() -> bool:
    """Whether this thread flushes subnormal numbers to zero."""
    return bool(_flushes(np.int32(1)))


_EXPONENTS = {"BF16": 0x7F80, "F16": 0x7C00, "F32": 0x7F800000}
"""The bits of the exponent, which are all ones in NaN and in infinities."""
_TOO_WIDE = 8
"""A sum overflowed fp32, which only BF16 near its largest numbers does: fp64 has to do it."""


@_intrinsic
def bits_of(typing: Any, value: Any) -> Any:
    """The bits of a float, as a signed integer of its width."""
    width = value.bitwidth
    return (_I32 if width == 32 else _I64)(value), lambda context, builder, signature, arguments: builder.bitcast(
        arguments[0], ir.IntType(width)
    )


@_intrinsic
def float_of(typing: Any, bits: Any, like: Any) -> Any:
    """The float of the type of ``like`` that has these bits; numba widens integers, so that the upper ones may go."""
    narrow = like.bitwidth == 32

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = arguments[0]
        if narrow and signature.args[0].bitwidth == 64:
            value = builder.trunc(value, ir.IntType(32))
        return builder.bitcast(value, ir.FloatType() if narrow else ir.DoubleType())

    return like(bits, like), generate


@_inline
def _odd_sum(p: Any, q: Any, odd: Any, sign: Any) -> Any:
    """P + q rounded to odd, and whether it overflowed: TwoSum, then one step towards what the rounding left out."""
    total = p + q
    q_part = total - p
    p_part = total - q_part
    error = (p - p_part) + (q - q_part)
    bits = bits_of(total)
    # As integers, floats of one sign are ordered by magnitude: +1 leads away from zero, -1 towards it.
    step = ((bits ^ bits_of(error)) >> sign) | odd
    moves = error != 0 and (bits & odd) == 0
    return float_of(bits + (step if moves else odd - odd), total), error != error


@_inline
def to_bf16(theta: Any) -> Any:
    """The bits of an fp32 number rounded to bf16, to nearest even."""
    bits = bits_of(theta)
    return ((bits + _I32(0x7FFF) + ((bits >> _I32(16)) & _I32(1))) >> _I32(16)) & _I32(0xFFFF)


@_inline
def from_half(bits: Any) -> Any:
    """The fp32 number of an fp16's bits; its subnormals too, by a product that moves the exponent."""
    magnitude = float_of((bits & _I32(0x7FFF)) << _I32(13), _F32(0.0)) * _F32(2.0**112)
    return float_of(bits_of(magnitude) | ((bits & _I32(0x8000)) << _I32(16)), magnitude)


@_inline
def to_half(theta: Any) -> Any:
    """The bits of an fp32 number rounded to fp16, to nearest even."""
    bits = bits_of(theta)
    magnitude = bits & _I32(0x7FFFFFFF)
    normal = (magnitude + _I32(0xFFF) + ((magnitude >> _I32(13)) & _I32(1)) - _I32(112 << 23)) >> _I32(13)
    # The last bit of numbers from 0.5 to 1 is worth as much as fp16's least subnormal: the sum is rounded there.
    subnormal = bits_of(float_of(magnitude, theta) + _F32(0.5)) - _I32(0x3F000000)
    small = magnitude < _I32(0x38800000)
    half = subnormal if small else min(normal, _I32(0x7C00))
    return half | ((bits >> _I32(16)) & _I32(0x8000))


@_compile
def _flushes(least: Any) -> Any:
    """Whether twice the least subnormal, given as its bits, is zero here."""
    subnormal = float_of(least, _F32(0.0))
    return subnormal + subnormal == _F32(0.0)


@_compile
def _merge_bf16(low: Any, high: Any, out: Any, steps: Any) -> Any:
    by_low, by_high = _F32(GRID - steps), _F32(steps)
    flags = _I32(0)
    for index in range(low.size):
        a, b = _I32(low[index]), _I32(high[index])
        odd, wide = _odd_sum(
            float_of(a << 16, _F32(0.0)) * by_low, float_of(b << 16, _F32(0.0)) * by_high, _I32(1), _I32(31)
        )
        # Adding +0 turns the -0 of an exact sum into +0, and changes nothing else.
        bits = to_bf16(odd * _F32(1 / GRID) + _F32(0.0))
        bad = (a & 0x7F80) == 0x7F80 or (b & 0x7F80) == 0x7F80
        flags |= _I32(NOT_FINITE) if bad else _I32(0)
        flags |= _I32(_TOO_WIDE) if wide else _I32(0)
        flags |= _I32(OVERFLOWS) if (bits & 0x7F80) == 0x7F80 else _I32(0)
        out[index] = np.uint16(a if a == b else bits)
    return flags


@_compile
def _merge_bf16_wide(low: Any, high: Any, out: Any, steps: Any) -> Any:
    """The same by sums in fp64, whose results are rounded to odd in fp32 before they are rounded to bf16."""
    by_low, by_high = _F64(GRID - steps), _F64(steps)
    flags = _I32(0)
    for index in range(low.size):
        a, b = _I32(low[index]), _I32(high[index])
        odd, _ = _odd_sum(
            _F64(float_of(a << 16, _F32(0.0))) * by_low,
            _F64(float_of(b << 16, _F32(0.0))) * by_high,
            _I64(1),
            _I64(63),
        )
        wide = odd * _F64(1 / GRID)
        theta = _F32(wide)
        rest = wide - _F64(theta)
        if rest != 0 and (bits_of(theta) & _I32(1)) == 0:
            away = (rest > 0) == (wide > 0)
            theta = float_of(bits_of(theta) + (_I32(1) if away else _I32(-1)), theta)
        bits = to_bf16(theta + _F32(0.0))
        bad = (a & 0x7F80) == 0x7F80 or (b & 0x7F80) == 0x7F80
        flags |= _I32(NOT_FINITE) if bad else _I32(0)
        flags |= _I32(OVERFLOWS) if (bits & 0x7F80) == 0x7F80 else _I32(0)
        out[index] = np.uint16(a if a == b else bits)
    return flags


@_compile
def _merge_f16(low: Any, high: Any, out: Any, steps: Any) -> Any:
    by_low, by_high = _F32(GRID - steps), _F32(steps)
    flags = _I32(0)
    for index in range(low.size):
        a, b = _I32(low[index]), _I32(high[index])
        odd, _ = _odd_sum(from_half(a) * by_low, from_half(b) * by_high, _I32(1), _I32(31))
        bits = to_half(odd * _F32(1 / GRID) + _F32(0.0))
        bad = (a & 0x7C00) == 0x7C00 or (b & 0x7C00) == 0x7C00
        flags |= _I32(NOT_FINITE) if bad else _I32(0)
        flags |= _I32(OVERFLOWS) if (bits & 0x7C00) == 0x7C00 else _I32(0)
        out[index] = np.uint16(a if a == b else bits)
    return flags


@_compile
def _merge_f32(low: Any, high: Any, out: Any, steps: Any) -> Any:
    by_low, by_high = _F64(GRID - steps), _F64(steps)
    flags = _I32(0)
    for index in range(low.size):
        a, b = _I32(low[index]), _I32(high[index])
        odd, _ = _odd_sum(
            _F64(float_of(a, _F32(0.0))) * by_low, _F64(float_of(b, _F32(0.0))) * by_high, _I64(1), _I64(63)
        )
        bits = bits_of(_F32(odd * _F64(1 / GRID) + _F64(0.0)))
        bad = (a & 0x7F800000) == 0x7F800000 or (b & 0x7F800000) == 0x7F800000
        flags |= _I32(NOT_FINITE) if bad else _I32(0)
        flags |= _I32(OVERFLOWS) if (bits & 0x7F800000) == 0x7F800000 else _I32(0)
        out[index] = np.uint32(a if a == b else bits)
    return flags


@_compile
def _any_all_ones(values: Any, exponent: Any) -> Any:
    found = False
    for index in range(values.size):
        found |= (np.uint32(values[index]) & exponent) == exponent
    return found


_MERGE: dict[str, Callable[..., int]] = {"BF16": _merge_bf16, "F16": _merge_f16, "F32": _merge_f32}
