"""Every element of theta(alpha) is the exact rational result rounded once, and an alpha has one weights id wherever it
is computed: held against ``exact.py``, which in turn is held against the definition of rounding.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from alphadial.merge_engine import (
    Family,
    MergeError,
    Recipe,
    Resident,
    compute_weights_id,
    load_family,
    merge,
    merge_to_folders,
    shipped_families,
    weights_id,
)
from alphadial.merge_engine import disk as disk_module
from alphadial.merge_engine import resident as resident_module
from alphadial.merge_engine import threads as threads_module
from alphadial.merge_engine.compiled import Bits
from alphadial.merge_engine.merging import Merging
from alphadial.merge_engine.types import TensorKind

from .exact import FORMATS, exact_bits

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
DTYPES = sorted(FORMATS)
_LARGEST_STEPS = 4096


def grid(count: int) -> list[int]:
    """Numbers k of ``count`` different alphas k/256 from -2 to 3, both ends, 0 and 1 among them."""
    steps = {round(-512 + 1280 * position / (count - 3)) for position in range(count - 2)} | {0, 256}
    steps |= {77 + position for position in range(count - len(steps))}
    assert len(steps) == count
    return sorted(steps)


def is_finite(dtype: str, bits: Bits) -> npt.NDArray[np.bool_]:
    finite: npt.NDArray[np.bool_] = (bits & FORMATS[dtype].infinity) != FORMATS[dtype].infinity
    return finite


def random_pairs(dtype: str, count: int, seed: int) -> tuple[Bits, Bits]:
    """Endpoints from random bit patterns, finite: unrelated, a few units in the last place apart, of one exponent (so
    that all leading bits cancel), and one of them subnormal.
    """
    form = FORMATS[dtype]
    generator = np.random.default_rng(seed)
    low, high = (generator.integers(0, 1 << form.bits, 4 * count, np.uint64).astype(form.kind) for _ in range(2))
    lower = (1 << (form.precision - 1)) - 1
    near, same, tiny = (slice(part * count, (part + 1) * count) for part in (1, 2, 3))
    high[near] = low[near] ^ generator.integers(0, 64, count).astype(form.kind)
    high[same] = (low[same] & (form.infinity | 1 << (form.bits - 1))) | (high[same] & lower)
    high[tiny] &= lower | 1 << (form.bits - 1)
    finite = is_finite(dtype, low) & is_finite(dtype, high)
    return low[finite], high[finite]


def exponent_pairs(dtype: str, seed: int) -> tuple[Bits, Bits]:
    """Random signs and significands at every pair of exponents: every gap that there is, in both directions."""
    form = FORMATS[dtype]
    generator = np.random.default_rng(seed)
    fields = np.arange(form.infinity >> (form.precision - 1))
    both = np.meshgrid(fields, fields)
    ends = []
    for field in both:
        signed = field.ravel() | generator.integers(0, 2, field.size) << (form.bits - form.precision)
        lower = generator.integers(0, 1 << (form.precision - 1), field.size)
        ends.append(((signed << (form.precision - 1)) | lower).astype(form.kind))
    return ends[0], ends[1]


def specials(dtype: str) -> Bits:
    """Zeros, the least and the largest subnormals and normals, numbers beside a power of two, of both signs."""
    form = FORMATS[dtype]
    one, unit = (-form.least - form.precision + 2) << (form.precision - 1), 1 << (form.precision - 1)
    bits = [0, 1, 3, unit - 1, unit, one - 1, one, one + 1, one + unit - 1, form.infinity - unit, form.infinity - 1]
    return np.array([sign << (form.bits - 1) | value for value in bits for sign in (0, 1)], form.kind)


def tensor(dtype: str, bits: Bits) -> torch.Tensor:
    return torch.from_numpy(bits.view(np.uint8)).view(FORMATS[dtype].torch_dtype)


def bits_of(dtype: str, values: torch.Tensor) -> Bits:
    found: Bits = values.reshape(-1).view(torch.uint8).numpy().view(FORMATS[dtype].kind)
    return found


def assert_exact(dtype: str, low: Bits, high: Bits, steps: int) -> None:
    expected = exact_bits(dtype, low, high, steps)
    found = np.empty_like(low)
    Merging(Recipe()).merge(TensorKind("weight", dtype, low.shape), [low, high], found, steps / 256)
    wrong = np.flatnonzero(found != expected)
    first = {name: hex(each[wrong[0]]) for name, each in _named(low, high, expected, found)} if len(wrong) else {}
    assert not len(wrong), f"{len(wrong)} of {dtype} at {steps}/256, first: {first}"


def _named(*each: Bits) -> zip[tuple[str, Bits]]:
    return zip(("low", "high", "expected", "found"), each, strict=True)


pairs_of_bits = st.sampled_from(DTYPES).flatmap(
    lambda dtype: st.tuples(
        st.just(dtype),
        st.lists(st.tuples(*[st.integers(0, (1 << FORMATS[dtype].bits) - 1)] * 2), min_size=1, max_size=8),
    )
)
all_steps = st.integers(-_LARGEST_STEPS, _LARGEST_STEPS)


def _finite_ends(dtype: str, pairs: list[tuple[int, int]]) -> tuple[Bits, Bits]:
    both = np.array(pairs, FORMATS[dtype].kind)
    both ^= np.where(is_finite(dtype, both), 0, 1 << (FORMATS[dtype].precision - 1)).astype(both.dtype)
    return both[:, 0].copy(), both[:, 1].copy()


def _value(dtype: str, bits: int) -> Fraction:
    return Fraction(float(tensor(dtype, np.array([bits], FORMATS[dtype].kind)).double()))


@settings(deadline=None, max_examples=60)
@given(pairs_of_bits, all_steps)
def test_the_reference_is_the_nearest_number_and_the_even_one_of_two(
    pairs: tuple[str, list[tuple[int, int]]], steps: int
) -> None:
    dtype, form = pairs[0], FORMATS[pairs[0]]
    low, high = _finite_ends(*pairs)
    sign = 1 << (form.bits - 1)
    for a, b, found in zip(low, high, exact_bits(dtype, low, high, steps), strict=True):
        exact = _value(dtype, int(a)) + Fraction(steps, 256) * (_value(dtype, int(b)) - _value(dtype, int(a)))
        magnitude = int(found) & ~sign
        if exact == 0:
            assert int(found) == (int(a) if a == b or steps == 0 else int(b) if steps == 256 else 0)
            continue
        assert bool(int(found) & sign) == (exact < 0)
        below = _value(dtype, magnitude - 1) if magnitude else Fraction(-1)
        if magnitude == form.infinity:
            unit = below - _value(dtype, magnitude - 2)
            assert abs(exact) >= below + unit / 2
            continue
        here = _value(dtype, magnitude)
        above = _value(dtype, magnitude + 1) if magnitude + 1 < form.infinity else 2 * here - below
        for neighbour in (below, above):
            further = abs(abs(exact) - neighbour) - abs(abs(exact) - here)
            assert further > 0 or (further == 0 and magnitude % 2 == 0)


@pytest.mark.thorough
@settings(deadline=None, max_examples=60)
@given(pairs_of_bits, all_steps)
def test_any_bits_at_any_alpha_are_rounded_once(pairs: tuple[str, list[tuple[int, int]]], steps: int) -> None:
    assert_exact(pairs[0], *_finite_ends(*pairs), steps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_bits_are_rounded_once(dtype: str) -> None:
    for steps in grid(24):
        assert_exact(dtype, *random_pairs(dtype, 25, seed=steps + 512), steps)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_random_bits_are_rounded_once_on_256_alphas(dtype: str) -> None:
    for steps in grid(256):
        assert_exact(dtype, *random_pairs(dtype, 2000, seed=10_000 + steps), steps)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_gap_between_exponents(dtype: str) -> None:
    for steps in (-4096, -511, -1, 1, 77, 255, 257, 512, 4095):
        assert_exact(dtype, *exponent_pairs(dtype, seed=5000 + steps), steps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_pair_of_special_values(dtype: str) -> None:
    both = np.array(list(itertools.product(specials(dtype), repeat=2)))
    for steps in (-4096, -512, -1, 0, 1, 128, 255, 256, 384, 512, 768, 4096):
        assert_exact(dtype, both[:, 0].copy(), both[:, 1].copy(), steps)


def _family_of_random_bits(make_family: MakeFamily, seed: int, count: int = 40) -> Family:
    """Tensors of each dtype and odd shapes, none of which overflows within the family's range of alpha."""
    low: Tensors = {}
    high: Tensors = {}
    for number, dtype in enumerate(DTYPES * 2):
        ends = random_pairs(dtype, count, seed + number)
        fits = np.ones(len(ends[0]), bool)
        for steps in (-256, 512):
            fits &= is_finite(dtype, exact_bits(dtype, *ends, steps))
        for tensors, bits in ((low, ends[0]), (high, ends[1])):
            tensors[f"model.layers.{number}.weight"] = tensor(dtype, bits[fits]).clone()
    return make_family(low=low, high=high)


def _exact_tensors(low: Tensors, high: Tensors, steps: int) -> Tensors:
    spelled = {form.torch_dtype: dtype for dtype, form in FORMATS.items()}
    merged = {}
    for name, end in low.items():
        dtype = spelled[end.dtype]
        bits = exact_bits(dtype, bits_of(dtype, end), bits_of(dtype, high[name]), steps)
        merged[name] = tensor(dtype, bits).view(end.shape)
    return merged


def _scattered(folder: Path, tensors: Tensors, files: list[int]) -> None:
    """Rewrites a checkpoint as shards: ``files`` says which file each tensor is in, by turns."""
    for file in folder.glob("model*"):
        file.unlink()
    weight_map = {
        name: f"model-{files[place % len(files)]:05}-of-00009.safetensors" for place, name in enumerate(tensors)
    }
    for shard in set(weight_map.values()):
        save_file({name: tensors[name] for name in tensors if weight_map[name] == shard}, folder / shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def _end_tensors(family: Family) -> tuple[Tensors, Tensors]:
    return merge(family, 0).tensors, merge(family, 1).tensors


def _assert_one_id(family: Family, ends: tuple[Tensors, Tensors], steps: list[int], out: Path) -> None:
    """An alpha has the id of the exact tensors: in memory, hashed by pieces, on disk, and written over another."""
    done: Counter[str] = Counter()
    outs: dict[float | str, Path] = {k / 256: out / str(k) for k in steps}
    reports = merge_to_folders(family, outs, lambda doing, count: done.update({doing: count}))
    size = sum(end.nbytes for end in ends[0].values()) * len(steps)
    assert done == {"merging": size, "hashing": size}
    held, into = Resident(family), {name: end.clone() for name, end in ends[0].items()}
    for k, report in zip(steps, reports, strict=True):
        exact = weights_id(_exact_tensors(*ends, k))
        assert {exact} == {report.weights_id, merge(family, k / 256).weights_id, compute_weights_id(family, k / 256)}
        assert exact == held.set_alpha(k / 256, into).weights_id == weights_id(into)


def test_one_id_for_a_family_of_random_bits(
    make_family: MakeFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = _family_of_random_bits(make_family, seed=3)
    ends = _end_tensors(family)
    _small_pieces(monkeypatch, 17, 1)
    _assert_one_id(family, ends, [77], tmp_path / "whole")
    _scattered(family.low, ends[0], [1, 4, 2])
    _scattered(family.high, ends[1], [3, 1])
    _small_pieces(monkeypatch, 31, 5)
    _assert_one_id(family, ends, [-256, 0, 77, 256, 512], tmp_path / "shards")


def _small_pieces(monkeypatch: pytest.MonkeyPatch, pieces: int, threads: int) -> None:
    monkeypatch.setattr(disk_module, "_PIECE", pieces)
    monkeypatch.setattr(disk_module, "_buffers", type(disk_module._buffers)())
    monkeypatch.setattr(resident_module, "_PIECE", pieces)
    monkeypatch.setattr(resident_module, "_buffers", type(resident_module._buffers)())
    monkeypatch.setattr(threads_module, "thread_count", lambda: threads)


@pytest.mark.slow
def test_one_id_for_any_split_piece_and_number_of_threads(make_family: MakeFamily, tmp_path: Path) -> None:
    family = _family_of_random_bits(make_family, seed=99)
    ends = _end_tensors(family)
    files = st.lists(st.integers(1, 9), min_size=1, max_size=6)

    @settings(deadline=None, max_examples=40)
    @given(
        files, files, st.integers(1, 200), st.integers(1, 9), st.lists(st.integers(-256, 512), min_size=1, max_size=6)
    )
    def hold(low_files: list[int], high_files: list[int], pieces: int, threads: int, steps: list[int]) -> None:
        _scattered(family.low, ends[0], low_files)
        _scattered(family.high, ends[1], high_files)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        with pytest.MonkeyPatch.context() as patch:
            _small_pieces(patch, pieces, threads)
            _assert_one_id(family, ends, sorted(set(steps)), tmp_path / "out")

    hold()


@pytest.mark.slow
def test_256_alphas_of_a_family_of_random_bits_in_one_pass(make_family: MakeFamily, tmp_path: Path) -> None:
    family = _family_of_random_bits(make_family, seed=7, count=300)
    steps = sorted({round(-256 + 768 * place / 255) for place in range(256)})
    assert len(steps) == 256
    _assert_one_id(family, _end_tensors(family), steps, tmp_path / "out")


@pytest.mark.parametrize("name", shipped_families())
def test_a_shipped_family_is_rounded_once(name: str) -> None:
    _assert_family_exact(load_family(name), [77])


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_families())
def test_a_shipped_family_is_rounded_once_on_200_alphas(name: str) -> None:
    _assert_family_exact(load_family(name), [round(-256 + 768 * place / 199) for place in range(200)])


def _assert_family_exact(family: Family, steps: list[int]) -> None:
    ends = _end_tensors(family)
    held, into = Resident(family), {name: end.clone() for name, end in ends[0].items()}
    for k in steps:
        exact = _exact_tensors(*ends, k)
        merged = merge(family, k / 256)
        assert all(torch.equal(merged.tensors[key], exact[key]) for key in exact), k
        assert merged.weights_id == weights_id(exact) == compute_weights_id(family, k / 256)
        assert held.set_alpha(k / 256, into).weights_id == weights_id(into) == merged.weights_id


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_beyond_the_largest_number_is_refused_by_name_and_the_largest_is_not(
    make_family: MakeFamily, dtype: str
) -> None:
    form = FORMATS[dtype]
    largest = np.array([form.infinity - 1], form.kind)
    # At alpha 2 the first is the largest number itself, the second half a unit more, which rounds to infinity.
    low, high = np.array([0], form.kind), largest - np.array([1 << (form.precision - 1)], form.kind)
    ends = {"low": {"a": tensor(dtype, low)}, "high": {"a": tensor(dtype, high)}}
    assert exact_bits(dtype, low, high, 512) == largest
    family = make_family(**ends)
    assert bits_of(dtype, merge(family, 2).tensors["a"]) == largest
    save_file({"a": tensor(dtype, high + np.array([1], form.kind))}, family.high / "model.safetensors")
    with pytest.raises(MergeError, match=f"tensor a overflows {dtype} at alpha 2"):
        merge(family, 2)
