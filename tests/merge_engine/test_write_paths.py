"""Writing into a running model, and the self-test that finds ways which do not: on a model that packs as vLLM does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
import torch

from alphadial.merge_engine import Family, MergeError, merge
from alphadial.merge_engine.live.self_test import Part, check_path, digests
from alphadial.merge_engine.live.write_paths import DirectPath, ReloadPath, find_places, shapes_of
from alphadial.merge_engine.resident import Resident

from .conftest import MakeFamily

Tensors = dict[str, torch.Tensor]
WIDTH = 6


def tensors(seed: int) -> Tensors:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"q": (4, WIDTH), "k": (2, WIDTH), "bias": (4,), "norm": (WIDTH,)}
    return {name: torch.randn(shape, generator=generator).bfloat16() for name, shape in shapes.items()}


class Packed:
    """q and k packed into one, a bias kept as fp32, a norm; and a copy of q and k for a kernel, which reloads renew."""

    def __init__(self) -> None:
        self.qk = torch.zeros(6, WIDTH, dtype=torch.bfloat16)
        self.bias = torch.zeros(4)
        self.norm = torch.zeros(WIDTH, dtype=torch.bfloat16)
        self.places = {"q": self.qk[:4], "k": self.qk[4:], "bias": self.bias, "norm": self.norm}
        self.kernel: torch.Tensor | None = None

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        for name, tensor in weights:
            assert self.places[name].shape == tensor.shape
            self.places[name].copy_(tensor)

    def reload(self, weights: Iterator[tuple[str, torch.Tensor]]) -> None:
        self.load_weights(weights)
        self.pack()

    def pack(self) -> None:
        self.kernel = self.qk.clone()

    def parts(self) -> list[Part]:
        def ask(vectors: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.linear(vectors, self.qk if self.kernel is None else self.kernel)

        return [
            Part(
                "qk",
                {"bias": self.bias} if self.kernel is not None else {"weight": self.qk, "bias": self.bias},
                WIDTH,
                ask,
                torch.bfloat16,
            ),
            Part("norm", {"weight": self.norm}),
        ]


@pytest.fixture
def pair(make_family: MakeFamily) -> Family:
    return make_family(low=tensors(1), high=tensors(2))


@pytest.fixture
def model(pair: Family) -> Packed:
    model = Packed()
    model.load_weights(merge(pair, 0).tensors.items())
    return model


def places(model: Packed, resident: Resident) -> dict[str, torch.Tensor] | None:
    return find_places(shapes_of(resident.tensors(0)), model.load_weights)


def nothing() -> None:
    pass


def test_the_places_of_tensors_are_found_without_writing(pair: Family, model: Packed) -> None:
    before = {name: tensor.clone() for name, tensor in model.places.items()}
    found = places(model, Resident(pair))
    assert found is not None
    for name, place in model.places.items():
        assert (found[name].data_ptr(), found[name].shape) == (place.data_ptr(), place.shape)
        assert torch.equal(place, before[name])


def test_a_tensor_that_goes_elsewhere_or_not_as_it_is_has_no_place(pair: Family, model: Packed) -> None:
    shapes = shapes_of(Resident(pair).tensors(0))

    def twice(weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        for name, tensor in weights:
            model.load_weights([(name, tensor), (name, tensor)])

    def turned(weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        for name, tensor in weights:
            model.places[name].copy_(tensor if name != "q" else tensor.reshape(WIDTH, 4).t())

    def part(weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        for name, tensor in weights:
            model.places[name][:1].copy_(tensor[:1])

    def gone(weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        model.load_weights([(name, tensor[:0]) for name, tensor in weights])

    for load in (twice, turned, part, gone, lambda weights: None):
        assert find_places(shapes, load) is None


@pytest.mark.parametrize("packs", [False, True])
def test_both_paths_write_what_a_merge_has(pair: Family, model: Packed, packs: bool) -> None:
    resident = Resident(pair)
    found = places(model, resident)
    assert found is not None
    path = ReloadPath(resident, model.reload) if packs else DirectPath(resident, found)
    if packs:
        model.pack()
    check_path(path, model.parts(), digests(model.parts()), nothing)
    moved = path.write(1.25)
    merged = merge(pair, 1.25).tensors
    for name, place in model.places.items():
        assert torch.equal(place, merged[name].to(place.dtype))
    if packs:
        assert model.kernel is not None
        assert torch.equal(model.kernel, torch.cat([merged["q"], merged["k"]]))
    read = 2 * sum(tensor.nbytes for tensor in merged.values())
    written = sum(tensor.nbytes for tensor in (merged if packs else model.places).values())
    assert moved == read + written


def test_a_copy_that_is_not_renewed_is_found(pair: Family, model: Packed) -> None:
    model.pack()
    found = places(model, Resident(pair))
    assert found is not None
    with pytest.raises(MergeError, match=r"^qk keeps weights of before when others are written by direct"):
        check_path(DirectPath(Resident(pair), found), model.parts(), digests(model.parts()), nothing)


def test_a_copy_that_is_renewed_after_each_writing_passes(pair: Family, model: Packed) -> None:
    model.pack()
    found = places(model, Resident(pair))
    assert found is not None
    check_path(DirectPath(Resident(pair), found), model.parts(), digests(model.parts()), model.pack)


@pytest.mark.parametrize("row", range(6))
@pytest.mark.parametrize("zero", [False, True])
def test_one_row_of_a_kernel_that_stays_is_found(pair: Family, model: Packed, row: int, zero: bool) -> None:
    if zero:
        model.qk[row] = 0
    model.pack()

    def forgetful(weights: Iterator[tuple[str, torch.Tensor]]) -> None:
        assert model.kernel is not None
        old = model.kernel[row].clone()
        model.reload(weights)
        model.kernel[row] = old

    with pytest.raises(MergeError, match="keeps weights of before"):
        check_path(ReloadPath(Resident(pair), forgetful), model.parts(), digests(model.parts()), nothing)


@pytest.mark.parametrize("name", ["norm", "bias"])
def test_a_parameter_that_stays_is_found(pair: Family, model: Packed, name: str) -> None:
    def forgetful(weights: Iterator[tuple[str, torch.Tensor]]) -> None:
        model.load_weights((key, tensor) for key, tensor in weights if key != name)

    with pytest.raises(MergeError, match=name):
        check_path(ReloadPath(Resident(pair), forgetful), model.parts(), digests(model.parts()), nothing)


def test_what_is_written_to_another_place_is_found(pair: Family, model: Packed) -> None:
    def swapped(weights: Iterator[tuple[str, torch.Tensor]]) -> None:
        model.reload((name, tensor.flip(0) if name == "k" else tensor) for name, tensor in weights)

    model.pack()
    with pytest.raises(MergeError, match="qk asked is not what vLLM made of the low endpoint"):
        check_path(ReloadPath(Resident(pair), swapped), model.parts(), digests(model.parts()), nothing)
