"""Copies of tests in which assertions are as they are and inverted, and what they note."""

from __future__ import annotations

import ast
import importlib
import math
import re
import sys
from collections import Counter, OrderedDict, namedtuple
from collections.abc import Iterator
from fractions import Fraction
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from alphadial.envs.judging.repositories.altering import altered
from alphadial.envs.judging.repositories.twins import Twin, twins
from alphadial.envs.judging.repositories.unittest_methods import as_assertion
from alphadial.envs.sandbox.guest import assertions


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "_noted", assertions)
    assertions.seen.clear()
    yield
    assertions.seen.clear()


def ran(twin: Twin, test: str, **names: Any) -> dict[int, list[int]]:
    """What the assertions noted of one run of a test."""
    assertions.seen.clear()
    module = ModuleType("copied")
    module.__dict__.update(names)
    exec(compile(twin.text, twin.path, "exec"), module.__dict__)
    found: Any = module
    for part in test.split("::"):
        found = getattr(found, part)
        found = found() if isinstance(found, type) else found
    found()
    return dict(assertions.seen)


def right(twin: Twin, test: str, **names: Any) -> bool:
    """Whether a run of a test is that of a right program, by the host's rule."""
    seen = ran(twin, test, **names)
    assert seen.keys() <= twin.held.keys()
    holds = all(counts[not twin.held[number]] == 0 for number, counts in seen.items())
    return holds and twin.due[test] <= seen.keys()


def both(text: str, *, strict: bool = True) -> tuple[Twin, Twin]:
    return twins("tests/test_x.py", dedent(text), "_noted", strict=strict)


TESTS = """
    def test_plain():
        assert f(2) == 4, "a message"

    def test_parts():
        assert f(2) == 4 and f(3) != 5
        assert not f(0)
        assert f(3) > 5 or f(3) is None

    def test_named():
        expected = [1, 2]
        assert list(map(g, [0, 1])) == expected

    def test_raises():
        with pytest.raises(ValueError) as caught:
            h()
        assert "no" in str(caught.value)

    class TestThose:
        def test_within(self):
            for n in range(3):
                assert f(n) == n * 2

    def test_early():
        if f(1):
            return
        assert f(1)

    def test_none():
        f(1)
"""


def no() -> None:
    raise ValueError("no")


HONEST = {"f": lambda n: n * 2, "g": lambda n: n + 1, "h": no, "pytest": pytest}
NAMES = ("plain", "parts", "named", "raises", "early", "none")
IDS = [*(f"test_{name}" for name in NAMES), "TestThose::test_within"]


@pytest.mark.parametrize("test", IDS)
def test_a_right_program_passes_both_copies(test: str) -> None:
    for twin in both(TESTS):
        assert right(twin, test, **HONEST)


@pytest.mark.parametrize("test", [each for each in IDS if each not in ("test_early", "test_none")])
def test_a_wrong_program_fails(test: str) -> None:
    wrong = {"f": lambda n: n - 7, "g": lambda n: n, "h": lambda: None, "pytest": Swallowing}
    assert not all(right(twin, test, **wrong) for twin in both(TESTS))


class Swallowing:
    """Stands for a pytest whose ``raises`` never complains."""

    value = "no"

    @classmethod
    def raises(cls, *_: Any) -> Swallowing:
        return cls()

    def __enter__(self) -> Swallowing:
        return self

    def __exit__(self, *_: Any) -> bool:
        return True


def test_every_assertion_is_as_it_is_in_one_copy_and_inverted_in_the_other() -> None:
    one, other = both(TESTS)
    assert len(one.held) == len(other.held)
    assert [not held for held in one.held.values()] == list(other.held.values())
    drawn = {tuple(both(TESTS)[0].held.values()) for _ in range(8)}
    assert len(drawn) > 4


def test_nothing_tells_the_copies_apart() -> None:
    one, other = both(TESTS)
    assert one.path != other.path
    assert one.path.startswith("tests/test_")
    assert one.held.keys().isdisjoint(other.held)
    literals = re.compile(r"\[\('\w+', \d+\)\]")
    texts = [twin.text for twin in both("def test_one():\n    assert f(2) == [('ale', 45)]\n")]
    shapes = [ast.literal_eval(found) for text in texts for found in literals.findall(text)]
    assert [("ale", 45)] in shapes
    ((name, number),) = next(shape for shape in shapes if shape != [("ale", 45)])
    assert (len(name), type(number)) == (3, int)


def test_a_value_from_a_frame_holds_where_it_must_not() -> None:
    def peek(_: int) -> Any:
        frame = sys._getframe(1)
        found = (*frame.f_locals.values(), *frame.f_code.co_consts)
        return next(value for value in found if isinstance(value, int) and value in range(890, 920))

    text = "def test_it():\n    expected = 900\n    assert f(1) == expected\n"
    assert not all(right(twin, "test_it", f=peek) for twin in both(text))
    assert all(right(twin, "test_it", f=lambda _: 900) for twin in both(text))


ROWS = """
    import pytest

    @pytest.mark.parametrize("n", [1, 2])
    @pytest.mark.parametrize(("a", "expected"), [([1, 2], "b c"), (3, "q")])
    def test_rows(a, expected, n):
        assert f(a, n) == expected

    @pytest.mark.parametrize("n", [7, "b"])
    def test_alone(n):
        assert f() == n

    @pytest.mark.parametrize("n", [7, "b\u00fc"])
    def test_not_plain(n):
        assert f() == n

    @pytest.mark.parametrize("n", [7, 8])
    def test_read_twice(n):
        assert f(n) == n
"""


def test_expected_values_in_rows_are_altered_and_their_ids_say_nothing() -> None:
    copies = both(ROWS)
    for twin in copies:
        assert twin.renamed == {"test_rows", "test_alone"}
        assert sorted(twin.rows.values()) == ["3-q", "7", "a0-b c", "b"]
        assert "3-q" not in twin.text
        assert "[7, 'b\u00fc']" in twin.text
        assert "[7, 8])" in twin.text
    assert sum("'b c')" in twin.text for twin in copies) == 1
    assert sum("[7, 'b'], ids=" in twin.text for twin in copies) == 1


def test_future_imports_and_docstrings_stay_first() -> None:
    for twin in both('"""Words."""\nfrom __future__ import annotations\n\ndef test_it():\n    assert f(1) == 2\n'):
        assert right(twin, "test_it", **HONEST)


def test_assertions_outside_of_functions_stay() -> None:
    one, _ = both("assert 1 == 1\n")
    assert one.text.endswith("assert 1 == 1")
    assert not one.held


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        both("def test_it(:\n")


@pytest.mark.parametrize(
    ("call", "condition"),
    [
        ("self.assertEqual(a, b)", "a == b"),
        ("self.assertDictEqual(a, b, 'm')", "a == b"),
        ("self.assertNotEqual(a, b)", "a != b"),
        ("self.assertIn(a, b)", "a in b"),
        ("self.assertTrue(a)", "a"),
        ("self.assertFalse(a)", "not a"),
        ("self.assertIsNone(a)", "a is None"),
        ("self.assertIsInstance(a, int)", "isinstance(a, int)"),
        ("self.assertGreaterEqual(a, b)", "a >= b"),
        ("self.assertAlmostEqual(a, b)", None),
        ("self.assertEqual(first=a, second=b)", None),
        ("print(a)", None),
    ],
)
def test_methods_of_unittest_as_conditions(call: str, condition: str | None) -> None:
    found = as_assertion(ast.parse(call, mode="eval").body)
    assert (None if found is None else ast.unparse(found)) == condition


def test_unittest_styles_are_noted() -> None:
    text = """
        import unittest

        class TestIt(unittest.TestCase):
            def test_it(self):
                self.assertEqual(f(1), 2)
                with self.assertRaises(ValueError):
                    h()
                self.assertAlmostEqual(1.0, 1.0)
    """
    for twin in both(text):
        case = "TestIt::test_it"
        assert len(twin.due[case]) == 3
        module = ModuleType("copied")
        module.__dict__.update(HONEST)
        assertions.seen.clear()
        exec(compile(twin.text, twin.path, "exec"), module.__dict__)
        module.__dict__["TestIt"]("test_it").debug()
        assert twin.due[case] <= assertions.seen.keys()


@pytest.mark.parametrize(
    "value",
    [
        0, 7, -3, True, 2.5, "", "word", "a b", b"", b"x1", [], [1, "a"], (), ("b", 2), {}, {"a": [1]}, {1, 2}, [[]],
        {"k": None},
    ],
)  # fmt: skip
def test_altered_literals_have_the_type_and_not_the_value(value: Any) -> None:
    for _ in range(20):
        other = altered(ast.parse(repr(value), mode="eval").body)
        assert other is not None
        found = ast.literal_eval(other)
        assert type(found) is type(value)
        assert found != value


@pytest.mark.parametrize("text", ["None", "f(1)", "x", "[x]", "1e999"])
def test_what_has_no_like_is_not_altered(text: str) -> None:
    assert altered(ast.parse(text, mode="eval").body) is None


class Anything:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True


class Liar(list[int]):
    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return True

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[int]:
        return iter((1, 2, 3))


class Money:
    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __eq__(self, other: object) -> bool:
        return self.amount == (other.amount if isinstance(other, Money) else other)

    def __hash__(self) -> int:
        return self.amount


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1), (1, 1.0), ("a", "a"), ([1, (2,)], [1, (2,)]), ({"a": [1]}, {"a": [1]}), ({1, 2}, {2, 1}),
        (Counter("aab"), {"a": 2, "b": 1}), (OrderedDict(a=1), {"a": 1}), (Point(1, 2), (1, 2)), (Money(1), Money(1)),
        (Fraction(1, 2), 0.5), ({"a": 1}.keys(), {"a"}), (None, None), (True, True),
        (Counter(a=1, b=0), Counter("a")), (OrderedDict(a=1, b=2), OrderedDict(a=1, b=2)),
    ],
)  # fmt: skip
def test_equal_values(left: Any, right: Any) -> None:
    for equal in (assertions.strictly_equal, assertions.loosely_equal):
        assert equal(left, right)
        assert equal(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Anything(), 1), (Anything(), [1]), (Liar(), [1, 2, 3]), ([Anything()], [1]), ({"a": Anything()}, {"a": 1}),
        (1, True), ((1,), [1]), (math.nan, math.nan), ("1", 1), ([1], [1, 2]), ({"a": 1}, {"b": 1}), (Anything(), None),
        (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)), (Counter(a=1), Counter(a=2)), (Counter(a=1, b=0), {"a": 1}),
    ],
)  # fmt: skip
def test_unequal_values(left: Any, right: Any) -> None:
    for equal in (assertions.strictly_equal, assertions.loosely_equal):
        for _ in range(10):
            assert not equal(left, right)
            assert not equal(right, left)


def test_a_projects_own_equality_counts_where_it_is_no_equality_with_everything() -> None:
    assert assertions.loosely_equal(Money(3), 3)
    assert assertions.loosely_equal([Money(3)], [3])
    assert not assertions.loosely_equal(Money(3), 4)
    assert not assertions.strictly_equal(Money(3), 3)


def test_patterns_of_the_tests_match_values_and_no_liars() -> None:
    approx = pytest.approx
    text = "def test_it():\n    assert f(1) == approx(2.0, abs=0.1)\n    assert [f(1)] == [ANY]\n"
    from unittest.mock import ANY

    for twin in both(text):
        assert right(twin, "test_it", f=lambda _: 2.05, approx=approx, ANY=ANY)
    assert not all(right(twin, "test_it", f=lambda _: 2.5, approx=approx, ANY=ANY) for twin in both(text))
    assert not all(right(twin, "test_it", f=lambda _: Anything(), approx=approx, ANY=ANY) for twin in both(text))


def test_an_assertion_in_an_endless_loop_ends_it() -> None:
    def wait() -> None:
        while True:
            assertions.check(1, False)

    with pytest.raises(AssertionError):
        wait()


def test_the_guest_can_be_imported_alone() -> None:
    for name in ("assertions", "calling", "pytest_run", "reporting"):
        importlib.import_module(f"alphadial.envs.sandbox.guest.{name}")
