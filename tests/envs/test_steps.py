from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphadial.envs.sandbox.guest.steps import MAX_SOURCE_CHARS, Budget, compile_steps, namespace
from alphadial.envs.sandbox.guest.subset import DisallowedError


class ExhaustedError(Exception):
    pass


def exhausted() -> None:
    raise ExhaustedError


def run(source: str, *arguments: Any, limit: int = 10_000) -> tuple[Any, int]:
    """The answer of ``f`` and the steps that the call took."""
    budget = Budget(limit, exhausted)
    globals_ = namespace(budget)
    exec(compile_steps(source), globals_)
    globals_["_tick"] = budget.reset()
    return globals_["f"](*arguments), budget.used


def steps(expression: str, a: Any) -> int:
    return run(f"def f(a):\n    return {expression}\n", a)[1] - 1  # without the call of f itself


def test_loops_calls_and_comprehensions_tick_exactly() -> None:
    source = "def g(x):\n    return x\ndef f(n):\n    t = 0\n    for i in range(n):\n        t += g(i)\n    while n:\n        n -= 1\n    return t\n"  # noqa: E501
    assert run(source, 5) == (10, 1 + 1 + 5 * (1 + 2) + 5)  # f, range, loop and call and body of g, while
    assert steps("[x for x in a]", [1, 2, 3]) == 3
    assert steps("[x for x in a for y in a]", [1, 2, 3]) == 3 + 9
    assert steps("(lambda x: x)(1)", []) == 2


@pytest.mark.parametrize(
    "expression",
    ["sum(a)", "max(a)", "min(a)", "sorted(a)", "list(a)", "tuple(a)", "set(a)", "all(a)", "a[0:len(a)]", "-1 in a",
     "-1 not in a", "any(a)", "max(*a)", "[*a]", "{*a}", "[0] * len(a)", "len(a) * [0]", "[p for p in zip(a, a)]",
     "[p for p in enumerate(a)]", "dict(zip(a, a))", "a[:]", "sum(x for x in a)", "0 in a[:1] or 0 in list(a)"],
)  # fmt: skip
def test_built_ins_that_walk_are_charged_for_the_walk(expression: str) -> None:
    short, long = list(range(1, 101)), list(range(1, 1101))
    assert steps(expression, long) - steps(expression, short) in (1000, 2000)


def test_constant_time_operations_are_not_charged() -> None:
    for expression in ("a[5]", "len(a)", "a.append(1)", "5 in {1: 2}", "a[-1] + a[0]"):
        assert steps(expression, list(range(1000))) == steps(expression, list(range(10)))


def test_exhaustion_comes_at_the_limit_exactly() -> None:
    source = "def f(n):\n    for i in range(n):\n        pass\n    return n\n"
    used = run(source, 50)[1]
    assert run(source, 50, limit=used) == (50, used)
    with pytest.raises(ExhaustedError):
        run(source, 50, limit=used - 1)


@pytest.mark.parametrize(
    "expression",
    ["[0] * (9999 * 9999)", "sum(range(9999 * 9999))", "list(range(99999999))",
     "max(*range(99999999))", "[x for x in range(99999999)]", "sorted(range(99999999))", "99999999 * 'x'"],
)  # fmt: skip
def test_great_walks_end_before_they_begin(expression: str) -> None:
    with pytest.raises(ExhaustedError):
        run(f"def f():\n    return {expression}\n", limit=1000)


@pytest.mark.parametrize(
    "source",
    [
        "import os", "from os import path", "x = ().__class__", "x = [].sort()", "x = ''.format()", "x = f'{1}'",
        "def f():\n    try:\n        pass\n    except:\n        pass", "class A: pass", "with a: pass", "del x",
        "raise x", "_tick = 1", "def f(_x): pass", "def _f(): pass", "x = __builtins__", "f(_x=1)", "x = a.append",
        "x = 2 ** 9", "x = 1 << 9", "def f():\n    yield 1", "async def f(): pass", "def f():\n    global x",
        "if (x := 1): pass", "@f\ndef g(): pass", "a.x = 1", "a[0] *= 2", "x, *y = a", "x = b'1'", "x = ...", "x = 1j",
        "x = True and b''", "x = 1 in a in b", "assert x", "match x:\n    case 1: pass", "x = a @ b",
        "a[0:1] += [2]", "for a[0:1] in b: pass", "a[0:1], b = c", "x = 9" + "0" * 1300, "x = [1 for a[:] in b]",
    ],
)  # fmt: skip
def test_outside_the_subset(source: str) -> None:
    with pytest.raises(DisallowedError, match="line"):
        compile_steps(source)


def test_what_cannot_be_compiled() -> None:
    for source in ("x = " + "(" * 300 + ")" * 300, "f = " + "-" * 5000 + "1", "\0", "def f(:"):
        with pytest.raises(SyntaxError):
            compile_steps(source)
    with pytest.raises(DisallowedError, match="longer than"):
        compile_steps("#" * (MAX_SOURCE_CHARS + 1))


def test_no_name_leads_out() -> None:
    for name in ("open", "eval", "exec", "type", "getattr", "print", "object", "vars", "str", "map", "pow", "iter"):
        with pytest.raises(NameError):
            run(f"def f():\n    return {name}\n")


def test_products_are_bounded() -> None:
    with pytest.raises(OverflowError):
        run("def f(x):\n    for i in range(50):\n        x = x * x\n    return x\n", 3)
    with pytest.raises(OverflowError):
        run("def f(x):\n    for i in range(50):\n        x *= x\n    return x\n", 3)


@given(st.lists(st.integers(-50, 50), max_size=30), st.integers(-5, 5))
def test_instrumented_programs_answer_as_plain_ones(a: list[int], k: int) -> None:
    source = """
def f(a, k):
    best = 0
    seen = {}
    for i in range(len(a)):
        if a[i] in seen or k not in a[i:] and not a[i] == k:
            best = max(best, i - seen.get(a[i], 0))
        seen[a[i]] = i
    s = sorted(a, key=lambda x: (x % 7, -x))
    t = [x * k for x in s if 0 <= x < 40] + [k] * len(seen)
    t[0:1] = [best]
    u = {x: y for x, y in zip(s, t)}
    n = 0
    while n < len(t) and t[n] != k:
        n += 1
        if n == 9:
            continue
        if n > 20:
            break
    k *= 3
    return [t, n, k, sum(u.values()), [*reversed(t)], min(t, default=None), divmod(best, 7), any(x > 3 for x in t)]
"""
    plain: dict[str, Any] = {}
    exec(source, plain)
    assert run(source, a, k, limit=1_000_000)[0] == plain["f"](a, k)
