"""TIES, DARE, DELLA and Breadcrumbs against references in plain Python, element by element."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alphadial.merge_engine import Recipe, compute_weights_id, merge, merge_to_folders
from alphadial.merge_engine import disk as disk_module
from alphadial.merge_engine import threads as threads_module
from alphadial.merge_engine.compiled import Bits
from alphadial.merge_engine.compiled_sparse import draw
from alphadial.merge_engine.recipes import settings_of
from alphadial.merge_engine.task_vectors import Top, find_top
from alphadial.merge_engine.types import TensorKind

from .conftest import MakeFamily, pico_tensors, write_checkpoint, write_shards
from .exact import FORMATS
from .test_methods import as_bits, inputs_of, merged_by, recipe_of, rounded, values_of

Doubles = npt.NDArray[np.float64]
Kept = npt.NDArray[np.bool_]
ALPHAS = [-1.5, 77 / 256, 1.0]


def near_inputs(recipe: Recipe, dtype: str) -> list[Bits]:
    """Checkpoints near each other: many of their differences are equal, some 0, and some numbers subnormal."""
    inputs = inputs_of(recipe, dtype, 600, near=True)
    for place, bits in enumerate(inputs):
        bits[:50] = np.arange(50) * (1 + place)
        bits[50:90] = as_bits(dtype, np.arange(40.0) + 128 + place)
    return inputs


def magnitudes(dtype: str, base: Bits, model: Bits) -> list[float]:
    low, high = (values_of(dtype, bits).astype(np.float32) for bits in (base, model))
    with np.errstate(over="ignore"):
        found: list[float] = np.abs(high - low).tolist()
    return found


def largest(values: Sequence[float], count: int) -> Kept:
    kept = np.zeros(len(values), bool)
    kept[sorted(range(len(values)), key=lambda place: (-values[place], place))[:count]] = True
    return kept


def elected(rows: Sequence[Doubles], weights: Sequence[float]) -> list[float]:
    """The mean of those that have the sign of the sum, element by element, in fp64 and in order."""
    found = []
    for column in zip(*(row.tolist() for row in rows), strict=True):
        sign = 1 if sum(column, 0.0) >= 0 else -1
        agreeing = [(value, abs(weight)) for value, weight in zip(column, weights, strict=True) if value * sign > 0]
        mass = sum((value for value, _ in agreeing), 0.0)
        found.append(mass / sum((weight for _, weight in agreeing), 0.0) if agreeing else 0.0)
    return found


def theta(dtype: str, low: Bits, merged: Sequence[float], alpha: float) -> list[float]:
    values = values_of(dtype, low).tolist()
    return [
        rounded(dtype, value + alpha * delta) if delta else value for value, delta in zip(values, merged, strict=True)
    ]


def weighted(dtype: str, inputs: Sequence[Bits], weights: Sequence[float]) -> list[Doubles]:
    low, *models = (values_of(dtype, bits) for bits in inputs)
    return [weight * (model - low) for weight, model in zip(weights, models, strict=True)]


def words(seed: int, name: str, row: int, count: int) -> list[int]:
    """Philox 4x32-10 in Python's integers."""
    key = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "little")
    found = []
    for group in range(-(-count // 4)):
        state, mask = [group, 0, row, 0], 0xFFFFFFFF
        left, right = key & mask, key >> 32
        for _ in range(10):
            p, q = 0xD2511F53 * state[0], 0xCD9E8D57 * state[2]
            state = [(q >> 32) ^ state[1] ^ left, q & mask, (p >> 32) ^ state[3] ^ right, p & mask]
            left, right = (left + 0x9E3779B9) & mask, (right + 0xBB67AE85) & mask
        found += state
    return found[:count]


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("density", ["0.2", "0.5", "1", "0"])
def test_ties_trims_elects_and_takes_the_mean(dtype: str, density: str) -> None:
    recipe = recipe_of("ties", parameters={"density": density})
    weights, inputs = settings_of(recipe).weights, near_inputs(recipe, dtype)
    count = max(1, int(Fraction(density) * 600))
    rows = [
        np.where(largest(magnitudes(dtype, inputs[0], model), count), row, 0.0)
        for model, row in zip(inputs[1:], weighted(dtype, inputs, weights), strict=True)
    ]
    for alpha in ALPHAS:
        expected = theta(dtype, inputs[0], elected(rows, weights), alpha)
        assert values_of(dtype, merged_by(recipe, dtype, inputs, alpha)).tolist() == expected


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("seed", range(4))
def test_a_radix_select_finds_what_a_sort_does(dtype: str, seed: int) -> None:
    generator, form, count = np.random.default_rng(seed), FORMATS[dtype], 1400
    base, model = (generator.integers(0, 1 << form.bits, count).astype(form.kind) for _ in range(2))
    model[:400] = base[:400] ^ generator.integers(0, 8, 400).astype(form.kind)
    base[400:800], model[400:800] = base[400], model[400]  # one magnitude, many times
    for bits in (base, model):
        bits[bits & form.infinity == form.infinity] = 0
    values = magnitudes(dtype, base, model)
    for sought in (1, 2, 399, 500, 700, 900, 1399):
        top = find_top(TensorKind("weight", dtype, (count,)), base, model, sought)
        threshold = float(np.array(top.threshold, np.uint32).view(np.float32))
        kept = [value > threshold or (value == threshold and place <= top.last) for place, value in enumerate(values)]
        assert kept == largest(values, sought).tolist()


def test_of_equal_elements_the_first_are_kept() -> None:
    base = as_bits("BF16", np.zeros(2000))
    model = as_bits("BF16", np.where(np.arange(2000) % 2, 1.0, -1.0))
    kind = TensorKind("weight", "BF16", (2000,))
    assert [find_top(kind, base, model, count) for count in (1, 700)] == [Top(0x3F800000, 0), Top(0x3F800000, 699)]
    assert find_top(kind, base, model, 0).last == -1
    assert find_top(kind, base, model, 2000).threshold == 0


def test_equal_masses_elect_plus() -> None:
    recipe = recipe_of("ties", models={"high": "0.5", "third": "0.5"}, parameters={"density": "1"})
    inputs = [as_bits("F32", np.array(values)) for values in ([1.0, 1.0, 1.0], [2.0, 0.0, 1.0], [0.0, 2.0, 1.0])]
    assert values_of("F32", merged_by(recipe, "F32", inputs, 1.0)).tolist() == [2.0, 2.0, 1.0]


def test_the_random_words_are_those_of_philox() -> None:
    """Known answers of its authors (Random123, kat_vectors)."""
    ones = np.uint64(2**64 - 1)
    for key, answer in (
        (np.uint64(0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (ones, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ):
        found = np.empty(4, np.uint32)
        draw(key, key, key, found)
        assert found.tolist() == answer


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("density", ["0.3", "1"])
def test_dare_keeps_what_chance_says_and_scales_it(dtype: str, density: str) -> None:
    recipe = recipe_of("dare", parameters={"density": density, "seed": "11"})
    inputs = near_inputs(recipe, dtype)
    bound = float(round(Fraction(density) * 2**32))
    total = np.zeros(600)
    for row, (weight, delta) in enumerate(zip([0.3, -1.1], weighted(dtype, inputs, [1.0, 1.0]), strict=True)):
        kept = np.array(words(11, "model.norm.weight", row, 600)) < bound
        assert abs(kept.mean() - float(density)) < 0.06
        total = total + np.where(kept, weight * (2.0**32 / bound) * delta, 0.0)
    for alpha in ALPHAS:
        found = merged_by(recipe, dtype, inputs, alpha, "model.norm.weight")
        assert values_of(dtype, found).tolist() == theta(dtype, inputs[0], total.tolist(), alpha)


@pytest.mark.parametrize("method", ["dare", "della"])
def test_chance_is_another_for_another_seed_and_tensor_and_the_same_again(method: str) -> None:
    recipe = recipe_of(method)
    inputs = inputs_of(recipe, "BF16", 200)
    found = [
        merged_by(recipe_of(method, parameters={"seed": seed}), "BF16", inputs, 1.0, name).tobytes()
        for seed, name in (("0", "a"), ("1", "a"), ("0", "b"), ("0", "a"))
    ]
    assert len(set(found)) == 3
    assert found[0] == found[3] == merged_by(recipe, "BF16", inputs, 1.0, "a").tobytes()


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize(("density", "epsilon"), [("0.5", "0.4"), ("0.9", "0.5"), ("0.2", "0")])
def test_della_keeps_by_rank_and_elects(dtype: str, density: str, epsilon: str) -> None:
    recipe = recipe_of("della", parameters={"density": density, "epsilon": epsilon, "seed": "3"})
    weights, inputs = settings_of(recipe).weights, near_inputs(recipe, dtype)
    rows = []
    for place, (model, weight) in enumerate(zip(inputs[1:], weights, strict=True)):
        classes = np.array(magnitudes(dtype, inputs[0], model), np.float32).view(np.uint32) >> 15
        ranks = [(int((classes < own).sum()) + ((classes == own).sum() - 1) / 2) / 599 for own in classes]
        chances = [min(max(float(density) + float(epsilon) * (rank - 0.5), 0.01), 1.0) for rank in ranks]
        bounds = np.array([round(chance * 2**32) for chance in chances], float)
        kept = np.array(words(3, "weight", place, 600)) < bounds
        delta = values_of(dtype, model) - values_of(dtype, inputs[0])
        rows.append(np.where(kept, weight * (2.0**32 / bounds) * delta, 0.0))
    for alpha in ALPHAS:
        expected = theta(dtype, inputs[0], elected(rows, weights), alpha)
        assert values_of(dtype, merged_by(recipe, dtype, inputs, alpha)).tolist() == expected


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize(("density", "gamma"), [("0.5", "0.05"), ("0.9", "0.2"), ("0", "0.01"), ("1", "0.5")])
def test_breadcrumbs_drop_the_largest_and_the_smallest(dtype: str, density: str, gamma: str) -> None:
    recipe = recipe_of("breadcrumbs", parameters={"density": density, "gamma": gamma})
    inputs = near_inputs(recipe, dtype)
    count = int(Fraction(density) * 600)
    outliers = min(int(Fraction(gamma) * 600), 600 - count)
    total = np.zeros(600)
    for model, row in zip(inputs[1:], weighted(dtype, inputs, [0.3, -1.1]), strict=True):
        values = magnitudes(dtype, inputs[0], model)
        kept = largest(values, count + outliers) & ~largest(values, outliers)
        assert kept.sum() == count
        total = total + np.where(kept, row, 0.0)
    for alpha in ALPHAS:
        found = merged_by(recipe, dtype, inputs, alpha)
        assert values_of(dtype, found).tolist() == theta(dtype, inputs[0], total.tolist(), alpha)


@pytest.mark.parametrize("method", ["ties", "dare", "della", "breadcrumbs"])
def test_one_weights_id_from_any_pieces_threads_and_shards(
    method: str, make_family: MakeFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = write_checkpoint(tmp_path / "pico" / "third", pico_tensors(3))
    names = ("low", "high", "third")
    family = make_family(
        checkpoints={name: name for name in names},
        recipe={"method": method, "low": "low", "models": {"high": "0.5", "third": "0.25"}},
    )
    whole = {alpha: merge(family, alpha).weights_id for alpha in (0.5, 1.25)}
    write_shards(third, pico_tensors(3))
    monkeypatch.setattr(disk_module, "_PIECE", 7)
    monkeypatch.setattr(disk_module, "_buffers", type(disk_module._buffers)())
    monkeypatch.setattr(threads_module, "thread_count", lambda: 5)
    reports = merge_to_folders(family, {alpha: tmp_path / str(alpha) for alpha in whole})
    assert {report.alpha: report.weights_id for report in reports} == whole
    assert compute_weights_id(family, 0.5) == whole[0.5] != whole[1.25]
