"""The linear recipe against exact rational arithmetic, rounded by a reference that shares nothing with it."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
import torch

from alphadial.merge_engine import AlphaError, MergeError
from alphadial.merge_engine.methods import METHODS, find_method
from alphadial.merge_engine.methods.linear import _PIECE, by_torch, linear

DTYPES = [torch.bfloat16, torch.float16, torch.float32]
BITS = {torch.bfloat16: torch.int16, torch.float16: torch.int16, torch.float32: torch.int32}
# Bits of precision, exponent of the least subnormal, and exponent at which numbers become infinite.
FORMATS = {torch.bfloat16: (8, -133, 128), torch.float16: (11, -24, 16), torch.float32: (24, -149, 128)}


def grid(count: int) -> list[float]:
    """``count`` different alphas of the grid from -2 to 3, both ends, 0 and 1 among them."""
    steps = {round(-512 + 1280 * position / (count - 3)) for position in range(count - 2)} | {0, 256}
    steps |= {77 + position for position in range(count - len(steps))}
    assert len(steps) == count
    return [step / 256 for step in sorted(steps)]


def nearest(exact: Fraction, dtype: torch.dtype) -> float:
    """``exact`` rounded to nearest, ties to even; a Python float holds every value of the three dtypes."""
    precision, least, top = FORMATS[dtype]
    if exact == 0:
        return 0.0
    exponent = abs(exact.numerator).bit_length() - exact.denominator.bit_length()
    if abs(exact) < Fraction(2) ** exponent:
        exponent -= 1
    quantum = Fraction(2) ** max(exponent - precision + 1, least)
    rounded = round(exact / quantum) * quantum
    magnitude = math.inf if abs(rounded) >= 2**top else float(abs(rounded))
    return math.copysign(magnitude, exact)


def reference(low: float, high: float, alpha: float, dtype: torch.dtype) -> float:
    exact = Fraction(low) + Fraction(alpha) * (Fraction(high) - Fraction(low))
    if exact == 0:
        both_negative = math.copysign(1, low) == math.copysign(1, high) == -1 and low == high
        return -0.0 if both_negative else 0.0
    return nearest(exact, dtype)


def specials(dtype: torch.dtype) -> torch.Tensor:
    precision, least, top = FORMATS[dtype]
    largest = 2.0**top - 2.0 ** (top - precision)
    smallest_normal = 2.0 ** (least + precision - 1)
    ulp = 2.0 ** (1 - precision)
    magnitudes = [0.0, 2.0**least, 3 * 2.0**least, smallest_normal - 2.0**least, smallest_normal]
    magnitudes += [1.0, 1 + ulp, 2 - ulp, 2.0 ** (top - 1), largest]
    return torch.tensor([sign * value for value in magnitudes for sign in (1, -1)], dtype=torch.float64).to(dtype)


def random_pairs(dtype: torch.dtype, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Endpoints from random bit patterns: unrelated, a few ulps apart, and equal but for the sign; all finite."""
    generator = torch.Generator().manual_seed(seed)
    bits = BITS[dtype]
    bound = torch.iinfo(bits).max
    low = torch.randint(-bound - 1, bound + 1, (3 * count,), generator=generator).to(bits)
    high = torch.randint(-bound - 1, bound + 1, (3 * count,), generator=generator).to(bits)
    high[count : 2 * count] = low[count : 2 * count] ^ torch.randint(0, 64, (count,), generator=generator).to(bits)
    # The same exponent: cancellation with every pattern of the lower bits.
    precision = FORMATS[dtype][0]
    mantissa = (1 << (precision - 1)) - 1
    high[2 * count :] = (low[2 * count :] & ~mantissa) | (high[2 * count :] & mantissa)
    low, high = low.view(dtype), high.view(dtype)
    finite = low.isfinite() & high.isfinite()
    return low[finite], high[finite]


def assert_exact(low: torch.Tensor, high: torch.Tensor, alpha: float) -> None:
    merged = linear(low, high, alpha)
    assert merged.dtype == low.dtype
    assert torch.equal(by_torch(low, high, round(alpha * 256)).view(BITS[low.dtype]), merged.view(BITS[low.dtype]))
    pairs = zip(low.double().tolist(), high.double().tolist(), merged.double().tolist(), strict=True)
    for a, b, found in pairs:
        expected = reference(a, b, alpha, low.dtype)
        assert (found, math.copysign(1, found)) == (expected, math.copysign(1, expected)), (a.hex(), b.hex(), alpha)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_reference_agrees_with_the_casts_of_torch(dtype: torch.dtype) -> None:
    values = torch.randn(500, generator=torch.Generator().manual_seed(3)) * 2.0 ** FORMATS[dtype][1] * 40
    assert [nearest(Fraction(value), dtype) for value in values.tolist()] == values.to(dtype).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("alpha", grid(24))
def test_random_bits_are_rounded_once(dtype: torch.dtype, alpha: float) -> None:
    low, high = random_pairs(dtype, 60, seed=round(alpha * 256))
    assert_exact(low, high, alpha)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("alpha", grid(200))
def test_random_bits_are_rounded_once_on_200_alphas(dtype: torch.dtype, alpha: float) -> None:
    low, high = random_pairs(dtype, 1500, seed=10_000 + round(alpha * 256))
    assert_exact(low, high, alpha)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("alpha", [-16.0, -2.0, -1 / 256, 1 / 256, 0.5, 255 / 256, 1.5, 2.0, 3.0, 16.0])
def test_every_pair_of_special_values(dtype: torch.dtype, alpha: float) -> None:
    pairs = list(itertools.product(specials(dtype), repeat=2))
    assert_exact(torch.stack([low for low, _ in pairs]), torch.stack([high for _, high in pairs]), alpha)


@pytest.mark.parametrize("dtype", DTYPES)
def test_alpha_0_and_1_are_the_endpoints_bit_for_bit(dtype: torch.dtype) -> None:
    pairs = list(itertools.product(specials(dtype), repeat=2))
    low, high = torch.stack([low for low, _ in pairs]), torch.stack([high for _, high in pairs])
    bits = BITS[dtype]
    assert torch.equal(linear(low, high, 0.0).view(bits), low.view(bits))
    assert torch.equal(linear(low, high, -0.0).view(bits), low.view(bits))
    assert torch.equal(linear(low, high, 1.0).view(bits), high.view(bits))
    assert linear(low, high, 1.0).data_ptr() != high.data_ptr()


@pytest.mark.parametrize("alpha", grid(12))
def test_equal_endpoints_keep_their_bits(alpha: float) -> None:
    low = specials(torch.bfloat16)
    assert torch.equal(linear(low, low.clone(), alpha).view(torch.int16), low.view(torch.int16))


@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes_and_pieces_do_not_matter(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(5)
    low = torch.randn(_PIECE + 5, generator=generator).to(dtype)
    high = torch.randn(_PIECE + 5, generator=generator).to(dtype)
    # Sums of the first piece overflow fp32, which sends that piece, and only it, the long way round in bf16.
    low[3] = high[3] = torch.finfo(dtype).max
    whole = linear(low, high, 0.75)
    assert torch.equal(by_torch(low, high, 192), whole)
    parts = [linear(low[start : start + 9999], high[start : start + 9999], 0.75) for start in range(0, len(low), 9999)]
    assert torch.equal(whole, torch.cat(parts))
    columns = linear(low[:60].view(6, 10).t(), high[:60].view(6, 10).t(), 0.75)
    assert torch.equal(columns, whole[:60].view(6, 10).t())
    assert columns.is_contiguous()
    assert torch.equal(linear(low[0], high[0], 0.75), whole[0])
    assert linear(low[:0], high[:0], 0.75).shape == (0,)


def test_what_it_cannot_do_exactly_is_refused() -> None:
    ones = torch.ones(2, dtype=torch.bfloat16)
    with pytest.raises(AlphaError, match="nearest"):
        linear(ones, ones, 0.3)
    with pytest.raises(AlphaError, match=r"beyond \[-16, 16\]"):
        linear(ones, ones, 16.5)
    with pytest.raises(MergeError, match="float64"):
        linear(ones.double(), ones.double(), 0.5)


def test_a_thread_that_flushes_subnormals_is_refused() -> None:
    ones = torch.ones(2)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormals")
    try:
        with pytest.raises(MergeError, match="set_flush_denormal"):
            linear(ones, ones, 0.5)
        with pytest.raises(MergeError, match="set_flush_denormal"):
            by_torch(ones, ones, 128)
    finally:
        torch.set_flush_denormal(False)
    assert torch.equal(linear(ones, ones, 0.5), ones)


def test_every_method_name_has_a_function() -> None:
    assert {name: callable(find_method(name)) for name in METHODS} == dict.fromkeys(METHODS, True)
    assert find_method("linear") is linear
