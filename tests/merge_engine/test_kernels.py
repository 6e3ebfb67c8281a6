"""The Triton kernel against the compiled loops of the CPU, bit for bit: on a GPU, or in Triton's interpreter.

`bash .ci/vllm` runs this where triton is installed, with TRITON_INTERPRET=1.
"""

from __future__ import annotations

import itertools
import math
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alphadial.merge_engine import Family, MergeError, Resident, merge, resident
from alphadial.merge_engine.compiled import BIT_TYPES, merge_bits

if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("needs a GPU, or TRITON_INTERPRET=1", allow_module_level=True)

from alphadial.merge_engine.kernels import FusedMerge

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DTYPES = [torch.bfloat16, torch.float16, torch.float32]
BITS = {torch.bfloat16: torch.int16, torch.float16: torch.int16, torch.float32: torch.int32}
NAMES = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}
STEPS = [0, 256, 128, 1, 255, 77, -1, 257, -512, 640, 768, -4096, 4096]
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")


def random_bits(dtype: torch.dtype, count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    bound = torch.iinfo(BITS[dtype]).max
    values = torch.randint(-bound - 1, bound + 1, (count,), generator=generator).to(BITS[dtype]).view(dtype)
    return values.where(values.isfinite(), 0.0)


def random_ends(dtype: torch.dtype, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random bit patterns: a third unrelated, a third a few ulps apart, a third of one exponent; and all specials."""
    low, high = random_bits(dtype, count, seed), random_bits(dtype, count, seed + 1)
    bits, third = BITS[dtype], count // 3
    near = torch.randint(0, 64, (third,), generator=torch.Generator().manual_seed(seed)).to(bits)
    high.view(bits)[:third] = low.view(bits)[:third] ^ near
    mantissa = {torch.bfloat16: 0x7F, torch.float16: 0x3FF, torch.float32: 0x7FFFFF}[dtype]
    rest = slice(third, 2 * third)
    high.view(bits)[rest] = (low.view(bits)[rest] & ~mantissa) | (high.view(bits)[rest] & mantissa)
    high = high.where(high.isfinite(), 0.0)
    info = torch.finfo(dtype)
    values = torch.tensor([0.0, info.smallest_normal, info.max, 1.0, 1 + info.eps, 2.0**-10]).to(dtype)
    least = torch.tensor([1, 3], dtype=bits).view(dtype)
    specials = torch.cat([values, least, -values, -least])
    pairs = list(itertools.product(specials, repeat=2))
    return torch.cat([low, torch.stack([a for a, _ in pairs])]), torch.cat([high, torch.stack([b for _, b in pairs])])


def expected(low: torch.Tensor, high: torch.Tensor, steps: int) -> torch.Tensor:
    merged = torch.empty(low.shape, dtype=low.dtype)
    kind = BIT_TYPES[NAMES[low.dtype]]
    a, b, out = (tensor.view(torch.uint8).numpy().view(kind) for tensor in (low.cpu(), high.cpu(), merged))
    merge_bits(NAMES[low.dtype], a, b, out, steps)
    return merged


def same(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    return torch.equal(ours.cpu().reshape(-1).view(torch.uint8), theirs.reshape(-1).view(torch.uint8))


@pytest.mark.parametrize("size", [4002, 4096], ids=["odd", "aligned"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_random_bits_for_many_alphas_in_one_launch(dtype: torch.dtype, size: int) -> None:
    low, high = (end[-size:].clone().to(DEVICE) for end in random_ends(dtype, size, seed=size))
    outs = [{"w": torch.zeros_like(low)} for _ in STEPS]
    FusedMerge({"w": low}, {"w": high}).into(outs)([{"w": steps} for steps in STEPS])
    for steps, out in zip(STEPS, outs, strict=True):
        assert same(out["w"], expected(low, high, steps)), steps


def test_sums_that_overflow_fp32_and_signs_too_small_to_add() -> None:
    """Large and tiny ends: every pair of exponents, where one end decides no more than on which side of a tie it is."""
    exponents = torch.arange(0, 255, dtype=torch.int32) << 7
    low = torch.cat([exponents.repeat(255), exponents.repeat(255) | 0x7F]).to(torch.int16)
    high = torch.cat([exponents.repeat_interleave(255), exponents.repeat_interleave(255) | 1]).to(torch.int16)
    high = high | torch.tensor([0, -0x8000], dtype=torch.int16).repeat(len(high))[: len(high)]
    ends = {"w": low.view(torch.bfloat16).to(DEVICE)}, {"w": high.view(torch.bfloat16).to(DEVICE)}
    chosen = [128, 255, 257, -512, 4096]
    outs = [{"w": torch.zeros_like(ends[0]["w"])} for _ in chosen]
    FusedMerge(*ends).into(outs)([{"w": steps} for steps in chosen])
    for steps, out in zip(chosen, outs, strict=True):
        assert same(out["w"], expected(ends[0]["w"], ends[1]["w"], steps)), steps


def test_tensors_of_all_sizes_and_kinds_are_rebuilt_in_place_and_nothing_beside_them() -> None:
    sizes = {"one": 1, "seven": 7, "empty": 0, "short": 2040, "block": 2048, "long": 2056, "longer": 4099}
    low, high, rooms, out = {}, {}, {}, {}
    for position, ((label, size), dtype) in enumerate(itertools.product(sizes.items(), DTYPES)):
        name = f"{label}.{dtype}"
        low[name], high[name] = (random_bits(dtype, size, seed).to(DEVICE) for seed in (position, 99 + position))
        rooms[name] = torch.full((size + 16,), 7, dtype=dtype, device=DEVICE)
        # Views into larger tensors, as of packed projections: some aligned, some not.
        start = 8 if position % 2 else 3
        out[name] = rooms[name][start : start + size]
    launch = FusedMerge(low, high).into([out])
    for round_ in range(2):  # addresses stay, so that what was listed once goes on
        steps = {name: (128, -77, 0, 256, 300)[(round_ + position) % 5] for position, name in enumerate(out)}
        launch([steps])
        for name, written in out.items():
            assert same(written, expected(low[name], high[name], steps[name])), name
            untouched = rooms[name].numel() - int((rooms[name] != 7).sum())
            assert untouched >= 16, name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_results_may_go_into_fp32(dtype: torch.dtype) -> None:
    low, high = (end.to(DEVICE) for end in random_ends(dtype, 2304, seed=3))
    out = torch.zeros(low.shape, dtype=torch.float32, device=DEVICE)
    FusedMerge({"w": low}, {"w": high}).into([{"w": out}])([{"w": 300}])
    assert same(out, expected(low, high, 300).float())


@pytest.fixture
def _fused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families go by the kernel, without a GPU too."""
    if DEVICE.type == "cpu":
        monkeypatch.setattr(resident, "_fuses", lambda device, recipe: recipe.method == "linear")
        monkeypatch.setattr(resident, "_placement", lambda device, count: torch.Tensor.clone)


def ends_of_all_dtypes(limit: float) -> tuple[Tensors, Tensors]:
    low, high = {}, {}
    for dtype in DTYPES:
        ends = random_ends(dtype, 2048, seed=11)
        low[f"{dtype}"], high[f"{dtype}"] = (end.where(end.abs() < limit, 0.5) for end in ends)
    count = {"count": torch.arange(3)}
    return low | count, high | count


@pytest.mark.usefixtures("_fused")
def test_a_resident_family_gives_the_ids_and_bits_of_the_cpu(make_family: MakeFamily) -> None:
    family = make_family(*ends_of_all_dtypes(1000), recipe={"low": "low", "high": "high", "alphas": {"*16": "0.5"}})
    held = Resident(family, DEVICE)
    assert all(info.placed for name, info in held._held.items() if name != "count")
    into = {name: torch.full_like(tensor, 7, device=DEVICE) for name, tensor in merge(family, 0).tensors.items()}
    listed = []
    for alpha in (0.5, 1, -0.5, 2, 0, 1.5, 0.5):
        expected = merge(family, alpha)
        assert held.set_alpha(alpha, into).weights_id == expected.weights_id
        assert all(same(into[name], tensor) for name, tensor in expected.tensors.items())
        assert all(same(tensor, expected.tensors[name]) for name, tensor in held.tensors(alpha))
        listed.append(held._launch)
    assert all(launch is listed[0] for launch in listed)
    kinds = {name: torch.float32 if name != "count" else torch.int64 for name in into}
    wide: dict[float | str, Tensors] = {
        alpha: {name: torch.zeros_like(tensor, dtype=kinds[name]) for name, tensor in into.items()}
        for alpha in (0.5, 1.5)
    }
    held.set_alphas(wide)
    for each, tensors in wide.items():
        assert all(same(tensors[name], t.to(kinds[name])) for name, t in merge(family, each).tensors.items())


@pytest.mark.usefixtures("_fused")
def test_what_overflows_on_a_gpu_is_found_before_anything_is_written(make_family: MakeFamily) -> None:
    low = {"a": torch.ones(4, dtype=torch.bfloat16), "b": torch.tensor([3e38], dtype=torch.bfloat16)}
    held = Resident(make_family(low, {"a": low["a"] * 2, "b": -low["b"]}), DEVICE)
    into = {name: torch.full_like(tensor, 7, device=DEVICE) for name, tensor in low.items()}
    with pytest.raises(MergeError, match="tensor b overflows BF16 at alpha 2"):
        held.set_alpha(2, into)
    assert all((tensor == 7).all() for tensor in into.values())
    with pytest.raises(MergeError, match=r"tensor a lies on meta, and the family on"):
        held.set_alpha(0.5, into | {"a": torch.empty(4, dtype=torch.bfloat16, device="meta")})


def test_checkpoints_that_do_not_fit_on_the_device_go_into_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10 << 30, 20 << 30))
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: "pinned")
    tensor = torch.ones(1)
    assert torch.equal(resident._placement(DEVICE, 9 << 30)(tensor).cpu(), tensor)
    assert str(resident._placement(DEVICE, (9 << 30) + 1)(tensor)) == "pinned"


def test_the_benchmark_runs_on_one_small_layer() -> None:
    benchmark = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "gpu_merge.py"))
    assert sum(math.prod(shape) for shape in benchmark["shapes"](28, 1).values()) == 7_615_616_512  # Qwen2.5-7B
    report = benchmark["measure"](layers=1, shrink=256, alphas=3, rows=4, repeats=1)
    assert report["exact"]
    assert all(value > 0 for name, value in report.items() if name.endswith(("_s", "_bandwidth", "_one")))


def test_what_it_is_compiled_to_loads_16_bytes_at_a_time_fuses_nothing_and_keeps_subnormals() -> None:
    """Compiled for an H100, which takes no GPU."""
    program = """
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from alphadial.merge_engine.kernels import _merge_tensors as kernel

tables = {"addresses": "*i64", "steps": "*i32", "counts": "*i64", "owners": "*i32", "firsts": "*i32", "tensors": "i32"}
for dtype, block in ((tl.bfloat16, 2048), (tl.float16, 2048), (tl.float32, 1024)):
    fixed = dict(alphas=8, kind=dtype, out_kind=dtype, aligned=True, large=True, block=block)
    signature = tables | {name: "constexpr" for name in fixed}
    constants = {(kernel.arg_names.index(name),): value for name, value in fixed.items()}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    options = {"num_warps": 4, "enable_fp_fusion": False}
    code = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options).asm["ptx"]
    print(code.count("ld.global.v4.b32"), code.count("st.global.v4.b32"), code.count("fma."), code.count(".ftz"))
"""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["4 2 0 0"] * 3
