import pytest
from brix import Cycle, parse, plan

RULES = parse("app: lib docs 5\nlib: core 3\ndocs: 1\ncore: 2\n")


def test_needs_come_first():
    assert plan(["app"], RULES) == ["core", "lib", "docs", "app"]


def test_several_targets():
    assert plan(["docs", "app", "docs"], RULES) == ["docs", "core", "lib", "app"]


def test_sources_are_part_of_the_plan():
    assert plan(["a"], parse("a: b.c a.h")) == ["b.c", "a.h", "a"]


def test_cycles():
    with pytest.raises(Cycle) as caught:
        plan(["a"], parse("a: b\nb: c\nc: b"))
    assert caught.value.path == ["b", "c", "b"]
