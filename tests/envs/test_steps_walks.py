"""Steps follow what a program walks: counts against known sizes, answers against plain Python, time against counts."""

from __future__ import annotations

import statistics
import time
from copy import deepcopy
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphadial.envs.sandbox.guest.steps import Budget, compile_steps, namespace

WALKS = {
    "a == b": 1, "a != b": 1, "a < b": 1, "a >= b": 1, "not a == b": 1, "0 <= i < 1 and a == b": 1, "a == b == a": 2,
    "t == v": 1, "t <= v": 1, "s == u": 1, "s < u": 1, "[a, 1] == [b, 1]": 1, "(1, t) < (1, v)": 1,
    "c == e": 1, "c <= e": 1, "c >= e": 1, "d == g": 1, "d.keys() == c": 1, "d.items() <= g.items()": 1,
    "a + b": 2, "t + v": 2, "s + u": 2, "a * 3": 3, "3 * s": 3, "a[1:]": 0.9, "s[1:]": 0.9, "a[::2]": 0.5,
    "c | e": 2, "c & e": 1, "c - e": 1, "c ^ e": 1, "d | g": 2, "d.keys() & c": 1, "d.keys() - c": 1,
    "'%s' % s": 1, "'%s' % (a,)": 5, "s % ()": 1, "[x for x in z]": 1, "'%9d' % 5 + s": 1,
    "[*a]": 1, "{**d}": 1, "[*s, *t]": 2, "(lambda **x: 1)(**h)": 1, "a in [1, b]": 1, "t in {v: 1}": 1,
    "t in {v}": 1, "1.5 in z": 1, "i in a": 1, "max(a, b)": 1, "min([a, b])": 1, "sorted([a, b])": 1,
    "sorted([1, 2], key=lambda x: a)": 1, "sum([a, b], [])": 2, "sum([t, v], ())": 2, "set([t, v])": 1,
    "[x for x in zip(*[a] * 9)]": 9, "a[:].pop(0)": 1.9, "a[:].pop(-9)": 1, "divmod(len(list(z)), 7)": 1,
}  # fmt: skip
"""Expression -> how many times ``n`` elements it walks. Pairs of names are equal and not the same."""
CHANGES = {
    "x = a[:]; x += b": 2, "x = a[:]; x *= 2": 1.9, "x = [0]; x[0:0] = a": 1, "x = a[:]; x[1:] = a[1:]": 3.9,
    "x = a[:]; x[0:1] = [1]": 1.9, "y = set(); y |= c": 1, "y = set(c); y -= e": 2, "y = set(c); y &= e": 2,
    "y = set(c); y ^= e": 2, "p = {}; p |= d": 1, "q = [[]]; q[0] += a": 1, "q = [[]]; q[i] += c and a": 1,
    "q = [[]]; q[0 + 0] += a": 1, "r = s; r += u": 2, "o = t; o += v": 2, "x = [1]; x = a + x": 1,
    "x = a[:]; x.pop(0)": 1.9, "q = ['']; q[0] += s": 1, "x = []; x += (y for y in a)": 1,
}  # fmt: skip
"""Statements -> the same."""


class ExhaustedError(Exception):
    pass


def exhausted() -> None:
    raise ExhaustedError


class Program:
    """Some walks in a row, over containers of one size."""

    def __init__(self, walks: list[str]) -> None:
        self.share = sum(WALKS.get(walk) or CHANGES[walk] for walk in walks)
        self.budget = Budget(10_000_000, exhausted)
        self.names = namespace(self.budget)
        body = "".join(f"    {walk}\n" for walk in walks)
        exec(compile_steps(f"def f(a, b, t, v, s, u, c, e, d, g, h, z, i):\n{body}"), self.names)

    def run(self, n: int) -> tuple[int, float]:
        """Its steps, and the seconds of CPU time that it took."""
        a = list(range(n))
        d: dict[int, list[int]] = {x: [] for x in a}
        found: list[Any] = [a, a[:], tuple(a), tuple(a), "x" * n, "".join("x" for _ in a), set(a), set(a)]
        found += [d, {x: [] for x in a}, {f"k{x}": x for x in a}, range(n), 0]
        self.names["_tick"] = self.budget.reset()
        before = time.process_time()
        self.names["f"](*found)
        return self.budget.used, time.process_time() - before


@pytest.mark.parametrize("walk", [*WALKS, *CHANGES])
def test_a_walk_costs_what_it_walks(walk: str) -> None:
    program = Program([walk])
    short, long = program.run(20)[0], program.run(220)[0]
    assert program.share * 200 <= long - short <= 3.5 * program.share * 200


@settings(max_examples=30)
@given(st.lists(st.sampled_from([*WALKS, *CHANGES]), min_size=1, max_size=6))
def test_programs_cost_at_least_what_they_walk(walks: list[str]) -> None:
    program = Program(walks)
    short, long = program.run(20)[0], program.run(120)[0]
    assert long - short >= program.share * 100


VALUES: list[Any] = [0, -3, 2**40, -(2**600), 0.5, True, None, "ab", "%d", [], [1, 2], (1, 2), {1, 2}, {3: 1}, range(3)]


def answer(function: Any, *values: Any) -> Any:
    """What it returns, or the kind of error that it raises."""
    try:
        return function(*values)
    except (ExhaustedError, MemoryError, OverflowError):
        return "too large"
    except (TypeError, ValueError, ZeroDivisionError, IndexError, KeyError) as error:
        return type(error)


def pair(source: str) -> tuple[Any, Any]:
    """Its function ``f`` as it is counted, and as Python runs it."""
    budget = Budget(100_000, exhausted)
    counted, plain = namespace(budget), dict[str, Any]()
    exec(compile_steps(source), counted)
    exec(compile(source, "", "exec"), plain)

    def fresh(*values: Any) -> Any:
        counted["_tick"] = budget.reset()
        return counted["f"](*values)

    return fresh, plain["f"]


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # "is" beside a number
@pytest.mark.parametrize(
    "form",
    ["x {} y", "x {} y[0]", "y[0] {} x", "(x {} y) {} x", "-x {} y", "(lambda z: z)(x) {} y {} 2", "3 {} x {} y {} x"],
)
def test_operators_answer_as_plain_ones(form: str) -> None:
    for op in ("+", "-", "*", "//", "%", "/", "|", "&", "^", ">>", "==", "!=", "<", ">=", "is"):
        source = f"def f(x, y):\n    return {form.replace('{}', op)}\n"
        counted, plain = pair(source)
        for x, y in product(VALUES, VALUES):
            assert repr(answer(counted, x, y)) == repr(answer(plain, x, y)), (source, x, y)


def test_operators_in_place_change_what_plain_ones_change() -> None:
    for op, target in product(("+", "-", "*", "//", "%", "|", "&", "^"), ("x", "w[0]", "w[-1 + 1]")):
        if target != "x" and op == "*":
            continue  # outside the subset
        body = f"    w = [x]\n    {target} {op}= y\n    return [w, x]\n"
        source = f"def f(x, y):\n{body}"
        counted, plain = pair(source)
        for x, y in product(VALUES, VALUES):
            found = [repr(answer(each, deepcopy(x), deepcopy(y))) for each in (counted, plain)]
            assert found[0] == found[1], (source, x, y)


def steps(expression: str, *values: Any) -> int:
    budget = Budget(10_000_000, exhausted)
    names = namespace(budget)
    exec(compile_steps(f"def f(x, y):\n    return {expression}\n"), names)
    names["_tick"] = budget.reset()
    names["f"](*values)
    return budget.used


@pytest.mark.parametrize("expression", ["x + y", "x - y", "(x * y) % 3", "x // y", "x % y", "divmod(x, y)", "x & y"])
def test_large_ints_cost_their_words(expression: str) -> None:
    small, large = steps(expression, 7, 2**10), steps(expression, 2**2000 + 7, 2**1900 + 3)
    assert large - small >= (2000 + 1900) // 64 - 1
    assert steps(expression, 7, 2**25) == small


@pytest.mark.parametrize(
    "line", ["x = x + x", "x += x", "x = x * 2", "x *= 2", "x = x - -x", "x = sum([x, x])", "x = [x][0] + x", "x -= -x"]
)
def test_ints_have_a_bound(line: str) -> None:
    names = namespace(Budget(100_000_000, exhausted))
    exec(compile_steps(f"def f(x):\n    for i in range(4090):\n        {line}\n    return x\n"), names)
    assert names["f"](1) == 2**4090
    with pytest.raises(OverflowError, match="4096"):
        names["f"](2**10)


def test_what_was_built_of_itself_is_counted_in_full() -> None:
    """Pairs of pairs of pairs hold twice as many numbers at each level, and each level is one line."""
    lines = "        a = (a, a)\n        b = (b, b)\n"
    source = f"def f(n, a, b):\n    for i in range(n):\n{lines}    return (a, 1) == (b, 2)\n"
    names = namespace(Budget(20_000, exhausted))
    exec(compile_steps(source), names)
    with pytest.raises(ExhaustedError):
        names["f"](14, (0, 0), (0, 0))


def test_the_text_of_a_program_grows_little() -> None:
    deep = "x"
    for _ in range(12):
        deep = f"len([y + {deep} + z, a[0] - {deep[:9]!r}[0] == y]) % k"
    calls = "f(x + " * 30 + "1" + ")" * 30
    for expression in (deep, calls):
        assert len(compile_steps(f"def f(x):\n    return {expression}\n").co_consts[0].co_code) < 400 * len(expression)


@pytest.mark.slow
def test_a_step_of_a_walk_takes_no_longer_than_one_of_a_loop() -> None:
    """Thirty times as long is far from what a busy machine does, and a tenth of what a walk for nothing would take."""

    def step_s(walk: str) -> float:
        program = Program([walk])
        return statistics.median(seconds / steps for steps, seconds in (program.run(20_000) for _ in range(5)))

    loop = step_s("[x for x in z]")
    slow = {walk: step_s(walk) / loop for walk in (*WALKS, *CHANGES)}
    assert {walk: ratio for walk, ratio in slow.items() if ratio > 30} == {}
