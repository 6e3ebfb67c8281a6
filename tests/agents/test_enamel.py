"""The ENAMEL benchmark's protocol, on a problem of our own."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from alphadial.envs.problems.formats import enamel_guest as helpers
from alphadial.envs.sandbox import Sandbox, open_sandbox

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROW = {
    "task_id": "Own/0",
    "prompt": 'def count(n: int):\n    """ Counts to n. """\n',
    "input_generator": "def generate_input(size, lid, cid):\n    return size + random.randint(0, size // 10),\n",
    "input_levels": "10 20000 40000 80000",
    "reference_solution": "    i = 0\n    for _ in range(n):\n        i += 1\n    return i\n",
    "checker": "def __check(input, answer, output):\n    return type(output) == type(answer) and output == answer\n",
    "entry_point": "count",
}
HEAD = "def count(n):\n"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


enamel, guest = loaded("enamel"), loaded("enamel_guest")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as opened:
        yield opened


@pytest.fixture(scope="module")
def problem(sandbox: Sandbox) -> Any:
    return enamel.prepared(sandbox, 0, ROW)


def test_tests_are_drawn_from_the_seeds_of_the_protocol(problem: Any) -> None:
    random.seed(enamel.SEED ^ 0 ^ (8 + 4 + 1))  # the second test of the third level
    assert guest.unpacked(problem.inputs[13]) == (40_000 + random.randint(0, 4_000),)
    assert [len(problem.inputs), len(problem.answers), len(problem.references)] == [20, 20, 4]
    assert problem.limit_s == 2 * max(problem.references[1:])


def test_a_program_as_fast_as_the_reference_scores_one(sandbox: Sandbox, problem: Any) -> None:
    found = enamel.scored(sandbox, problem, ROW["prompt"] + ROW["reference_solution"])
    assert found["pass"]
    assert 0.3 < found["eff"] < 1.6  # a busy machine times two runs differently


def test_a_faster_program_scores_more(sandbox: Sandbox, problem: Any) -> None:
    # In no time: 2R / (2R - r) with r near R / 4, R / 2 and R, so 8/7, 4/3 and 2, weighted 3, 3 and 4.
    found = enamel.scored(sandbox, problem, HEAD + "    return n\n")
    assert found["eff"] == pytest.approx((3 * 8 / 7 + 3 * 4 / 3 + 4 * 2) / 10, abs=0.35)


def rarely(*case: object) -> Any:
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("body", "passes", "finished"),
    [
        # too slow above level 0
        ("    for _ in range(300):\n        for _ in range(n): pass\n    return n\n", True, 1),
        # does not get through level 2
        ("    if n > 35_000: raise OverflowError\n    return n\n", True, 2),
        # wrong in the last level
        ("    return n if n < 60_000 else 0\n", False, 4),
        # any other exception is a wrong answer
        ("    if n > 60_000: raise ValueError\n    return n\n", False, 3),
        # too slow already in level 0
        rarely("    while True: pass\n", False, 0),
        # of another type, and not plain data
        rarely("    return float(n)\n", False, 4),
        rarely("    return lambda: n\n", False, 4),
        # leaves without an answer
        rarely("    import os\n    if n > 60_000: os._exit(0)\n    return n\n", False, 3),
        rarely("    import os\n    if n > 60_000: os.kill(os.getpid(), 11)\n    return n\n", False, 3),
        rarely("    return\n  n\n", False, 0),
    ],
)
def test_programs_that_fail(sandbox: Sandbox, problem: Any, body: str, passes: bool, finished: int) -> None:
    found = enamel.scored(sandbox, problem, HEAD + body)
    assert found["pass"] is passes
    assert [time_s is not None for time_s in found["s"]] == [level < finished for level in range(4)]
    assert (found["eff"] > 0) == (passes and finished > 1)


def test_a_program_may_not_change_the_input_for_the_next_call(sandbox: Sandbox) -> None:
    row = ROW | {
        "prompt": "def count(a):\n    pass\n",
        "input_generator": "def generate_input(size, lid, cid):\n    return list(range(size)),\n",
        "reference_solution": "    i = 0\n    while a:\n        a.pop()\n        i += 1\n    return i\n",
        "input_levels": "10 100 200 400",
    }
    problem = enamel.prepared(sandbox, 0, row)
    assert [guest.unpacked(answer) for answer in problem.answers] == [10] * 8 + [100] * 4 + [200] * 4 + [400] * 4


def test_a_generator_that_fails_names_its_problem(sandbox: Sandbox) -> None:
    with pytest.raises(enamel.BenchmarkError, match=r"Own/0: the generator failed: NameError"):
        enamel.prepared(sandbox, 0, ROW | {"input_generator": "def generate_input(size, lid, cid):\n    return x\n"})


def test_packing_keeps_types_and_big_numbers() -> None:
    for value in ([1, (2.5, "x"), {3}], {(1, 2): [None, True]}, 10**3000, float("inf"), ()):
        back = guest.unpacked(guest.packed(value))
        assert back == value
        assert type(back) is type(value)
    assert guest.unpacked(guest.packed(object())) != guest.unpacked(guest.packed(object()))


def test_is_prime_is_a_sieve() -> None:
    sieve = set(range(2, 3000))
    for number in range(2, 60):
        sieve -= set(range(2 * number, 3000, number))
    assert {number for number in range(3000) if helpers.is_prime(number)} == sieve
    assert helpers.is_prime(2**61 - 1)
    assert not helpers.is_prime((2**31 - 1) ** 2)
    assert not helpers.is_prime(3215031751)  # a strong pseudoprime to the bases 2, 3, 5 and 7


def test_helpers_of_generators() -> None:
    random.seed(1)
    groups = helpers.rand_parens(31, sep=None)
    assert sum(map(len, groups)) == 32
    assert all(balanced(group) and not any(balanced(group[:end]) for end in range(1, len(group))) for group in groups)
    assert balanced("".join(helpers.rand_parens(20, par="<>")).replace("<", "(").replace(">", ")"))
    broken = helpers.rand_parens(20, valid=False)
    assert not balanced(broken)
    assert broken.count("(") == broken.count(")")
    assert all(50 <= helpers.rand_probably_prime(100) <= 100 for _ in range(50))
    assert all(100 <= helpers.rand_probably_prime(100, 120) <= 200 for _ in range(50))
    assert [helpers.rand_primality(100, 0, number) for number in range(4)] == [30031, 561, 2, 125]
    assert helpers.is_prime(helpers.rand_primality(10_000, 1, 0))
    square, product = helpers.rand_primality(10_000, 1, 1), helpers.rand_primality(10_000, 1, 2)
    assert helpers.is_prime(round(square**0.5))
    assert round(square**0.5) ** 2 == square
    assert not helpers.is_prime(product)


def balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += 1 if character == "(" else -1
        if depth < 0:
            return False
    return depth == 0
