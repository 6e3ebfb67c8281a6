"""Every merge method: what its declaration promises, sums against a reference, and that pieces are nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from alphadial import merge_engine
from alphadial.merge_engine import (
    AlphaError,
    Family,
    Recipe,
)
from alphadial.merge_engine.alpha import steps_for
from alphadial.merge_engine.compiled import FLUSHES, NOT_FINITE, OVERFLOWS, Bits
from alphadial.merge_engine.engine import bits_of, merge_tensor
from alphadial.merge_engine.merging import Merging
from alphadial.merge_engine.methods import METHODS, find_method
from alphadial.merge_engine.methods.slerp import coefficients
from alphadial.merge_engine.recipes import complete, settings_of
from alphadial.merge_engine.types import TensorKind

from .exact import FORMATS

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
NAMES = ("low", "high", "third")
SUMS = ("soup", "task_arithmetic")


def recipe_of(method: str, **fields: Any) -> Recipe:
    """A complete recipe of any method: of two checkpoints, or of three with weights that fp64 cannot hold."""
    declared = METHODS[method]
    models = {} if declared.pair else {"high": "0.3", "third": "-1.1"}
    return complete(Recipe(method, "low", "high" if declared.pair else None, **{"models": models} | fields), NAMES)


def inputs_of(recipe: Recipe, dtype: str, count: int, seed: int = 5, near: bool = False) -> list[Bits]:
    """Numbers about 1 for each checkpoint: unrelated, or ``near`` each other as those of one initialisation are."""
    generator = np.random.default_rng(seed)
    base, found = generator.standard_normal(count), []
    for place in range(1 + len(recipe.others)):
        other = base + 0.01 * place * generator.standard_normal(count) if near else generator.standard_normal(count)
        found.append(as_bits(dtype, other))
    return found


def as_bits(dtype: str, values: npt.NDArray[np.float64]) -> Bits:
    return bits_of(torch.from_numpy(values).to(FORMATS[dtype].torch_dtype))


def values_of(dtype: str, bits: Bits) -> npt.NDArray[np.float64]:
    tensor = torch.from_numpy(bits.view(np.uint8)).view(FORMATS[dtype].torch_dtype)
    found: npt.NDArray[np.float64] = tensor.double().numpy()
    return found


def merged_by(recipe: Recipe, dtype: str, inputs: Sequence[Bits], alpha: float, name: str = "weight") -> Bits:
    merging, kind, out = Merging(recipe), TensorKind(name, dtype, (len(inputs[0]),)), np.empty_like(inputs[0])
    assert merging.merge(kind, inputs, out, alpha, merging.reduce(kind, inputs)) == 0
    return out


def rounded(dtype: str, value: float) -> float:
    """An fp64 number rounded once, to nearest even, by exact arithmetic."""
    form, exact = FORMATS[dtype], Fraction(value)
    exponent = math.frexp(value)[1] - 1
    quantum = Fraction(2) ** max(exponent - form.precision + 1, form.least)
    return float(round(exact / quantum) * quantum)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_says_what_it_takes_and_has_the_functions_for_it(method: str) -> None:
    declared, functions = METHODS[method], find_method(method)
    assert callable(functions.merge)
    assert "reduce" in vars(functions) or not declared.reduces
    assert declared.formula
    assert all("https://" in paper for paper in declared.papers)
    readme = (Path(merge_engine.__file__).parent / "README.md").read_text("utf-8")
    assert f"| `{method}` | {declared.formula} |" in readme
    for name, parameter in (declared.parameters or {}).items():
        assert (
            f"`{name}` ({parameter.low} to {parameter.high}, default {parameter.default}): {parameter.meaning}"
            in readme
        )
        assert Fraction(parameter.low) <= Fraction(parameter.default) <= Fraction(parameter.high)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_pieces_do_not_matter(method: str, dtype: str) -> None:
    recipe = recipe_of(method)
    inputs, merging = inputs_of(recipe, dtype, 2000, near=True), Merging(recipe)
    kind = TensorKind("weight", dtype, (40, 50))
    reduced, whole = merging.reduce(kind, inputs), merged_by(recipe, dtype, inputs, 0.75)
    out = np.empty_like(whole)
    for first in range(0, 2000, 97):
        piece = slice(first, first + 97)
        assert merging.merge(kind, [bits[piece] for bits in inputs], out[piece], 0.75, reduced, first) == 0
    assert np.array_equal(out, whole)
    assert not np.array_equal(out, inputs[0])
    assert merged_by(recipe, dtype, [bits[:0] for bits in inputs], 0.75).shape == (0,)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_alpha_0_is_the_first_checkpoint_and_1_the_other_of_two_bit_for_bit(method: str, dtype: str) -> None:
    recipe = recipe_of(method)
    inputs = inputs_of(recipe, dtype, 50)
    inputs[0][:3] = inputs[1][:3] = as_bits(dtype, np.array([-0.0, 0.0, 2.0 ** FORMATS[dtype].least]))
    for alpha in (0.0, -0.0):
        assert np.array_equal(merged_by(recipe, dtype, inputs, alpha), inputs[0])
    if METHODS[method].pair:
        assert np.array_equal(merged_by(recipe, dtype, inputs, 1.0), inputs[1])


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_what_all_checkpoints_agree_on_stays(method: str, dtype: str) -> None:
    recipe = recipe_of(method)
    bits = inputs_of(recipe, dtype, 50)[0]
    bits[:4] = as_bits(dtype, np.array([-0.0, 0.0, 2.0 ** FORMATS[dtype].least, -1.0]))
    inputs = [bits.copy() for _ in range(1 + len(recipe.others))]
    assert np.array_equal(merged_by(recipe, dtype, inputs, -0.5), bits)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_whatever_is_not_finite_is_told(method: str, dtype: str) -> None:
    recipe, form = recipe_of(method), FORMATS[dtype]
    kind, merging = TensorKind("weight", dtype, (7,)), Merging(recipe)
    for place in range(1 + len(recipe.others)):
        for bad in (form.infinity, form.infinity + 1):
            for alpha in (0.0, 0.5, 1.0):
                inputs = inputs_of(recipe, dtype, 7)
                inputs[place][4] = bad
                flags = merging.merge(kind, inputs, np.empty_like(inputs[0]), alpha, merging.reduce(kind, inputs))
                assert flags & NOT_FINITE


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_an_overflow_is_told(method: str, dtype: str) -> None:
    recipe = recipe_of(method)
    kind, merging = TensorKind("weight", dtype, (200,)), Merging(recipe)
    inputs = inputs_of(recipe, dtype, 200)
    for place, bits in enumerate(inputs):
        # Every element, since methods may drop some.
        bits[:] = FORMATS[dtype].infinity - 1 + (1 << (FORMATS[dtype].bits - 1) if place else 0)
    assert merging.merge(kind, inputs, np.empty_like(inputs[0]), -1.5, merging.reduce(kind, inputs)) == OVERFLOWS


@pytest.mark.parametrize("method", METHODS)
def test_a_thread_that_flushes_subnormals_is_told(method: str) -> None:
    recipe = recipe_of(method)
    ends, kind = [torch.ones(2)] * (1 + len(recipe.others)), TensorKind("weight", "F32", (2,))
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormals")
    try:
        assert merge_tensor(Merging(recipe), kind, ends, 0.5, torch.empty(2)) == FLUSHES
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("method", SUMS)
@pytest.mark.parametrize("alpha", [-16.0, -0.5, 77 / 256, 1.0, 2.0])
def test_sums_are_those_of_fp64_rounded_once(method: str, dtype: str, alpha: float) -> None:
    recipe = recipe_of(method)
    inputs = inputs_of(recipe, dtype, 400, seed=round(alpha * 256) + 5000)
    for place, bits in enumerate(inputs):  # many lie half way between two numbers of the dtype, some are subnormal
        bits[:100] = as_bits(dtype, np.arange(100.0) + 128 + place)
        bits[100:150] = np.arange(50) * (1 + place)
    low, *models = (values_of(dtype, bits) for bits in inputs)
    weights = [0.3, -1.1] if method == "task_arithmetic" else [float(Fraction(3, -8)), float(Fraction(-11, -8))]
    total = np.zeros(400)
    for weight, model in zip(weights, models, strict=True):
        total = total + weight * (model - low)
    expected = [rounded(dtype, value) for value in (low + alpha * total).tolist()]
    assert values_of(dtype, merged_by(recipe, dtype, inputs, alpha)).tolist() == expected


def test_weights_of_a_soup_count_in_proportion() -> None:
    inputs = inputs_of(recipe_of("soup"), "F32", 50)
    for models in ({"high": "1", "third": "3"}, {"high": "0.25", "third": "0.75"}, {"high": "-2", "third": "-6.0"}):
        assert settings_of(recipe_of("soup", models=models)).weights == (0.25, 0.75)
    equal = merged_by(recipe_of("soup", models={"high": "7", "third": "7"}), "F32", inputs, 1.0)
    mean = (values_of("F32", inputs[1]) + values_of("F32", inputs[2])) / 2
    assert np.abs(values_of("F32", equal) - mean).max() < 1e-6


def test_patterns_scale_alpha_and_the_first_counts() -> None:
    recipe = recipe_of("linear", alphas={"model.layers.0.*": "0.5", "model.layers.*": "0", "lm_head.weight": "1"})
    inputs = inputs_of(recipe, "BF16", 50)
    halved, whole = (merged_by(recipe_of("linear"), "BF16", inputs, alpha) for alpha in (0.25, 0.5))
    for name, expected in (
        ("model.layers.0.mlp.weight", halved),
        ("model.layers.10.mlp.weight", inputs[0]),
        ("model.norm.weight", whole),
        ("lm_head.weight", whole),
    ):
        assert np.array_equal(merged_by(recipe, "BF16", inputs, 0.5, name), expected)
    with pytest.raises(AlphaError, match=r"alpha 0\.00390625 times 0\.5, for model\.layers\.0\.x, is not on the grid"):
        steps_for(recipe, "model.layers.0.x", 1 / 256)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("alpha", [-2.0, 0.25, 77 / 256, 3.0])
def test_slerp_goes_along_the_arc(dtype: str, alpha: float) -> None:
    recipe = recipe_of("slerp")
    inputs = inputs_of(recipe, dtype, 400, seed=round(alpha * 256) + 5000)
    low, high = (values_of(dtype, bits) for bits in inputs)
    cosine = math.fsum(low * high) / math.sqrt(math.fsum(low * low) * math.fsum(high * high))
    by_low, by_high = coefficients(cosine, round(alpha * 256))
    angle = math.acos(cosine)
    assert by_low == pytest.approx(math.sin((1 - alpha) * angle) / math.sin(angle), rel=1e-12)
    assert by_high == pytest.approx(math.sin(alpha * angle) / math.sin(angle), rel=1e-12)
    # The sums that are rounded on the way move the cosine by less than it takes to move an element.
    expected = [rounded(dtype, value) for value in (by_low * low + by_high * high).tolist()]
    assert values_of(dtype, merged_by(recipe, dtype, inputs, alpha)).tolist() == expected


@pytest.mark.parametrize("cosine", [-0.9995, -0.3, 0.0, 0.5, 0.9995])
@pytest.mark.parametrize("steps", [-4096, -1, 1, 128, 300, 4096])
def test_coefficients_of_an_arc_are_exact(cosine: float, steps: int) -> None:
    """They leave the length as it is, turn back from the other end, and do not depend on this machine's sine."""
    a, b = (Fraction(value) for value in coefficients(cosine, steps))
    assert abs(a * a + b * b + 2 * a * b * Fraction(cosine) - 1) <= Fraction(2) ** -51 * (a * a + b * b + 1)
    assert coefficients(cosine, 256 - steps) == (float(b), float(a))


def test_where_the_arc_is_straight_it_is_linear() -> None:
    near = inputs_of(recipe_of("slerp"), "BF16", 300, near=True)
    zeros = [np.zeros_like(near[0]), near[1]]
    opposite = [near[0], near[0] ^ np.uint16(0x8000)]
    for inputs in (near, zeros, zeros[::-1], opposite):
        straight = merged_by(recipe_of("linear"), "BF16", inputs, 0.75)
        assert np.array_equal(merged_by(recipe_of("slerp"), "BF16", inputs, 0.75), straight)
