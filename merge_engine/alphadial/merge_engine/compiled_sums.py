"""Loops that sum in fp64 and round once to the tensor's dtype, compiled by numba: for every method but linear.

``widen`` and ``narrow`` are for compiled loops alone. They know the dtype by the type of the array's elements: uint16
is BF16, int16 is F16, uint32 is F32, which is what ``typed`` makes of bits. Nothing is contracted or reordered, so that
every machine gives the same bits. Importing this loads numba and no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt
from numba.extending import overload

from alphadial.merge_engine.compiled import (
    NOT_FINITE,
    OVERFLOWS,
    Bits,
    bits_of,
    float_of,
    from_half,
    to_bf16,
    to_half,
)

_Function = TypeVar("_Function", bound=Callable[..., Any])
_LANES = 4
_F32, _F64, _I32 = numba.float32, numba.float64, numba.int32
_compile: Callable[..., Any] = numba.njit(nogil=True, cache=True, error_model="numpy", inline="never")
_inline: Callable[..., Any] = numba.njit(nogil=True, inline="always", error_model="numpy")
_overload: Callable[..., Callable[[_Function], _Function]] = overload


def add_delta(dtype: str, low: Bits, model: Bits, weight: float, total: npt.NDArray[np.float64]) -> None:
    """Adds weight * (model - low) to ``total``: each element by three operations of fp64."""
    _add_delta(typed(dtype, low), typed(dtype, model), weight, total)


def move(dtype: str, low: Bits, total: npt.NDArray[np.float64], alpha: float, out: Bits) -> int:
    """Writes low + alpha * total, rounded once to nearest even; where ``total`` is 0, the bits of ``low``.

    Returns:
        0, or a sum of ``NOT_FINITE`` and ``OVERFLOWS``; an input that is not finite shows in ``total`` or in ``low``.
    """
    return int(move_typed(typed(dtype, low), total, alpha, typed(dtype, out)))


def mix(dtype: str, low: Bits, high: Bits, by_low: float, by_high: float, out: Bits) -> int:
    """Writes by_low * low + by_high * high, rounded once to nearest even; returns as ``move``."""
    return int(_mix(typed(dtype, low), typed(dtype, high), by_low, by_high, typed(dtype, out)))


def products(dtype: str, low: Bits, high: Bits) -> tuple[float, float, float]:
    """Sums of low * high, low * low and high * high: four of each side by side, element by element, then added up."""
    found: tuple[float, float, float] = _products(typed(dtype, low), typed(dtype, high))
    return found


def typed(dtype: str, bits: Bits) -> Any:
    """The same memory, with elements of a type that tells compiled loops the dtype."""
    return bits.view(np.int16) if dtype == "F16" else bits


def widen(bits: Any) -> Any:
    """The fp64 number of an element's bits; not finite where they are not. In compiled loops alone."""
    raise NotImplementedError


def narrow(value: Any, like: Any) -> Any:
    """The bits of an fp64 number rounded once, to nearest even, to the dtype of the element ``like``. As ``widen``."""
    raise NotImplementedError


def too_large(bits: Any, like: Any) -> Any:
    """Whether bits that ``narrow`` made of a finite number, for the element ``like``, are infinite. As ``widen``."""
    raise NotImplementedError


@_overload(widen, inline="always", strict=False)
def _widen(bits: Any) -> Any:
    if bits == numba.uint16:
        return lambda bits: _F64(float_of(_I32(bits) << _I32(16), _F32(0.0)))
    if bits == numba.int16:
        return lambda bits: _wide_half(_I32(bits))
    return lambda bits: _F64(float_of(_I32(bits), _F32(0.0)))


@_overload(narrow, inline="always", strict=False)
def _narrow(value: Any, like: Any) -> Any:
    if like == numba.uint16:
        return lambda value, like: to_bf16(_odd_f32(value))
    if like == numba.int16:
        return lambda value, like: to_half(_odd_f32(value))
    return lambda value, like: bits_of(_F32(value))


@_overload(too_large, inline="always", strict=False)
def _too_large(bits: Any, like: Any) -> Any:
    if like == numba.uint16:
        return lambda bits, like: (bits & 0x7F80) == 0x7F80
    if like == numba.int16:
        return lambda bits, like: (bits & 0x7C00) == 0x7C00
    return lambda bits, like: (bits & 0x7F800000) == 0x7F800000


@_compile
def _wide_half(bits: Any) -> Any:
    # ``from_half`` takes an exponent of ones for one like the others.
    return _F64(np.inf) if (bits & 0x7C00) == 0x7C00 else _F64(from_half(bits))


@_inline
def _odd_f32(value: Any) -> Any:
    """An fp64 number rounded to odd in fp32, so that rounding it again to half as many bits is rounding it once."""
    near = _F32(value)
    rest = value - _F64(near)
    bits = bits_of(near)
    step = _I32(1) if (rest > 0) == (value > 0) else _I32(-1)
    moves = rest != 0 and (bits & _I32(1)) == 0
    return float_of(bits + (step if moves else _I32(0)), near)


@_compile
def _add_delta(low: Any, model: Any, weight: Any, total: Any) -> None:
    for index in range(low.size):
        total[index] += weight * (widen(model[index]) - widen(low[index]))


@_compile
def move_typed(low: Any, total: Any, alpha: Any, out: Any) -> Any:
    """What ``move`` does with arrays that ``typed`` gave. In compiled loops too."""
    flags = _I32(0)
    for index in range(low.size):
        kept, moved = low[index], total[index]
        theta = widen(kept) + alpha * moved
        bits = narrow(theta, kept)
        flags |= _I32(0) if theta - theta == 0 else _I32(NOT_FINITE)
        flags |= _I32(OVERFLOWS) if too_large(bits, kept) else _I32(0)
        out[index] = kept if moved == 0 else bits
    return flags


@_compile
def _mix(low: Any, high: Any, by_low: Any, by_high: Any, out: Any) -> Any:
    flags = _I32(0)
    for index in range(low.size):
        theta = by_low * widen(low[index]) + by_high * widen(high[index])
        bits = narrow(theta, low[index])
        flags |= _I32(0) if theta - theta == 0 else _I32(NOT_FINITE)
        flags |= _I32(OVERFLOWS) if too_large(bits, low[index]) else _I32(0)
        out[index] = bits
    return flags


@_compile
def _products(low: Any, high: Any) -> Any:
    sums = np.zeros((3, _LANES))
    whole = low.size - low.size % _LANES
    for index in range(0, whole, _LANES):
        for lane in range(_LANES):
            a, b = widen(low[index + lane]), widen(high[index + lane])
            sums[0, lane] += a * b
            sums[1, lane] += a * a
            sums[2, lane] += b * b
    for index in range(whole, low.size):
        a, b = widen(low[index]), widen(high[index])
        sums[0, index - whole] += a * b
        sums[1, index - whole] += a * a
        sums[2, index - whole] += b * b
    for lane in range(1, _LANES):
        sums[:, 0] += sums[:, lane]
    return sums[0, 0], sums[1, 0], sums[2, 0]
