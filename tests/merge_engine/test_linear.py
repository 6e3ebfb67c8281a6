"""The linear recipe: shapes, pieces, and what it refuses; ``test_exactness.py`` holds its results against integers."""

from __future__ import annotations

import pytest
import torch

from alphadial.merge_engine import AlphaError, MergeError
from alphadial.merge_engine.methods import METHODS, find_method
from alphadial.merge_engine.methods.linear import _PIECE, by_torch, linear

DTYPES = [torch.bfloat16, torch.float16, torch.float32]


def test_the_ends_of_the_dial_are_copies() -> None:
    low, high = torch.zeros(3), -torch.ones(3)
    for alpha, end in ((0.0, low), (-0.0, low), (1.0, high)):
        merged = linear(low, high, alpha)
        assert torch.equal(merged, end)
        assert merged.data_ptr() != end.data_ptr()


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
