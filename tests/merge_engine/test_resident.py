"""Endpoints in memory: any alpha, written over tensors that stay where they are, with the bits of every other way."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alphadial.merge_engine import (
    AlphaError,
    CheckpointError,
    Family,
    MergeError,
    Resident,
    compute_weights_id,
    merge,
    resident,
)
from alphadial.merge_engine.threads import thread_count

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
ALPHAS = (-1, -0.25, 0, 1 / 256, 0.5, 77 / 256, 1, 1.5, 2)
DTYPES = [torch.bfloat16, torch.float16, torch.float32]


def like(tensors: Tensors, dtype: torch.dtype | None = None) -> Tensors:
    return {name: torch.full_like(tensor, 7, dtype=dtype or tensor.dtype) for name, tensor in tensors.items()}


def as_bytes(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.reshape(-1).view(torch.uint8)


def same(ours: Tensors, theirs: Tensors) -> bool:
    """By their bits, so that zeros of other signs differ."""
    return ours.keys() == theirs.keys() and all(
        tensor.shape == theirs[name].shape and torch.equal(as_bytes(tensor), as_bytes(theirs[name]))
        for name, tensor in ours.items()
    )


def random_bits(seed: int, count: int, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    kind = torch.int32 if dtype == torch.float32 else torch.int16
    bound = torch.iinfo(kind).max
    values = torch.randint(-bound - 1, bound + 1, (count,), generator=generator).to(kind).view(dtype)
    # Large numbers would overflow beyond [0, 1].
    return values.where(values.abs() < 1000, 0.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_order_of_alphas_leaves_the_bits_and_the_id_of_a_merge(dtype: torch.dtype, make_family: MakeFamily) -> None:
    low, high = ({"odd": random_bits(seed, 1001, dtype), "one": random_bits(seed, 1, dtype)[0]} for seed in (1, 2))
    family = make_family(low | {"count": torch.arange(3)}, high | {"count": torch.arange(3)})
    held, into = Resident(family), like(merge(family, 0).tensors)
    places = {name: tensor.data_ptr() for name, tensor in into.items()}
    order = [*ALPHAS, *ALPHAS]
    random.Random(0).shuffle(order)
    for alpha in order:
        expected, rebuilt = merge(family, alpha), held.set_alpha(alpha, into)
        assert same(into, expected.tensors)
        assert rebuilt.weights_id == expected.weights_id == held.check(alpha) == compute_weights_id(family, alpha)
        assert rebuilt.bytes_moved == 3 * sum(tensor.nbytes for tensor in into.values())
        assert rebuilt.seconds > 0
    assert {name: tensor.data_ptr() for name, tensor in into.items()} == places


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_model_that_computes_in_fp32_gets_the_same_numbers(dtype: torch.dtype, make_family: MakeFamily) -> None:
    low, high = ({"w": random_bits(seed, 999, dtype)} for seed in (1, 2))
    family = make_family(low, high)
    into = like(low, torch.float32)
    assert Resident(family).set_alpha(1.5, into).weights_id == merge(family, 1.5).weights_id
    assert same(into, {"w": merge(family, 1.5).tensors["w"].float()})


def test_several_alphas_in_one_pass(make_family: MakeFamily, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident, "_PIECE", 16)
    family = make_family()
    held = Resident(family)
    intos: dict[float | str, Tensors] = {alpha: like(merge(family, 0).tensors) for alpha in ALPHAS}
    rebuilt = held.set_alphas(intos)
    for alpha, report in zip(ALPHAS, rebuilt, strict=True):
        assert same(intos[alpha], merge(family, alpha).tensors)
        assert report.weights_id == merge(family, alpha).weights_id


def test_a_stream_of_tensors_is_the_callers_to_keep(family: Family) -> None:
    held = Resident(family)
    kept = dict(held.tensors(0.5))
    list(held.tensors(1))
    assert same(kept, merge(family, 0.5).tensors)
    assert {name: tensor.shape for name, tensor in kept.items()} == held.shapes


def test_views_into_packed_parameters_are_written_and_nothing_beside_them(family: Family) -> None:
    expected = merge(family, 1.25).tensors
    into, packed = like(expected), torch.full((24, 8), 7, dtype=torch.bfloat16)
    name = "model.layers.0.self_attn.q_proj.weight"
    Resident(family).set_alpha(1.25, into | {name: packed[8:16]})
    assert torch.equal(packed[8:16], expected[name])
    assert (packed[:8] == 7).all()
    assert (packed[16:] == 7).all()


def test_whatever_can_be_wrong_is_found_before_anything_is_written(make_family: MakeFamily) -> None:
    low = {"a": torch.ones(4, dtype=torch.bfloat16), "b": torch.tensor([3e38], dtype=torch.bfloat16)}
    family = make_family(low, {"a": low["a"] * 2, "b": -low["b"]})
    held, into = Resident(family), like(low)
    with pytest.raises(AlphaError, match="nearest"):
        held.set_alpha(0.3, into)
    with pytest.raises(AlphaError, match="beyond the range"):
        held.set_alpha(2.5, into)
    with pytest.raises(MergeError, match="tensor b overflows BF16 at alpha 2"):
        held.set_alpha(2, into)
    with pytest.raises(MergeError, match="overflows"):
        held.set_alphas({0.5: into, -1: like(low)})
    assert all((tensor == 7).all() for tensor in into.values())
    assert held.set_alpha(1, into).weights_id == merge(family, 1).weights_id


def test_tensors_that_cannot_take_the_result_are_named(family: Family) -> None:
    held, into = Resident(family), like(merge(family, 0).tensors)
    name = "model.norm.weight"
    for wrong, words in (
        (torch.zeros(9, dtype=torch.bfloat16), r"has shape \[8\], and is to go into \[9\]"),
        (torch.zeros(8, dtype=torch.float16), "is BF16, and is to go into torch.float16: that would round"),
        (torch.zeros(16, dtype=torch.bfloat16)[::2], "not contiguous"),
    ):
        with pytest.raises(MergeError, match=f"{name}.*{words}"):
            held.set_alpha(0.5, into | {name: wrong})
    with pytest.raises(MergeError, match=r"no tensor model\.norm\.weight to write to"):
        held.set_alpha(0.5, {key: tensor for key, tensor in into.items() if key != name})
    with pytest.raises(MergeError, match=r"tensor lm_head\.weight is none of family pico"):
        held.set_alpha(0.5, into | {"lm_head.weight": torch.zeros(1)})
    with pytest.raises(MergeError, match="another dtype for one alpha than for the other"):
        held.set_alphas({0.5: into, 1: into | {name: torch.zeros(8)}})
    assert all((tensor == 7).all() for tensor in into.values())


def test_endpoints_that_cannot_be_merged_are_refused_at_once(make_family: MakeFamily) -> None:
    low = {"w": torch.ones(3), "count": torch.arange(3)}
    family = make_family(low, low | {"w": torch.tensor([1.0, float("nan"), 1.0])})
    with pytest.raises(CheckpointError, match=r"high.*tensor w holds NaN"):
        Resident(family)
    shutil.rmtree(family.path)
    with pytest.raises(MergeError, match="tensor count holds integers"):
        Resident(make_family(low, low | {"count": torch.arange(1, 4)}))


def test_what_becomes_of_the_files_no_longer_matters(family: Family) -> None:
    held, expected = Resident(family), merge(family, 0.5)
    for end in (family.low, family.high):
        file = end / "model.safetensors"
        file.write_bytes(b"\0" * file.stat().st_size)
    assert held.check(0.5) == expected.weights_id
    assert same(dict(held.tensors(0.5)), expected.tensors)


def test_shards_have_the_id_of_one_file(family: Family, shard: Callable[[Path, Tensors], Path]) -> None:
    whole = Resident(family).check(0.5)
    shard(family.high, merge(family, 1).tensors)
    shard(family.low, merge(family, 0).tensors)
    assert json.loads((family.low / "model.safetensors.index.json").read_text())["weight_map"]
    assert Resident(family).check(0.5) == whole


def test_threads_of_a_forked_child_may_use_torch_at_once() -> None:
    together = threading.Barrier(min(2, thread_count()))

    def writes(_: int) -> None:
        together.wait(30)
        torch.empty(1 << 16).copy_(torch.zeros(1 << 16, dtype=torch.bfloat16))

    torch.set_num_threads(torch.get_num_threads())  # the pool that children make anew
    ended = []
    for _ in range(15):
        child = os.fork()
        if child == 0:
            try:
                resident._side_by_side(writes, [0, 1])
            except BaseException:
                os._exit(1)
            os._exit(0)
        ended.append(os.waitpid(child, 0)[1])
    assert ended == [0] * 15
