import pytest
from brix import Cycle, Rule, cost, longest, parse, plan, stale


def ladder(length):
    rules = {f"t{at}": Rule((f"t{at - 1}", f"t{at - 2}"), at) for at in range(2, length)}
    return {"t0": Rule((), 7), "t1": Rule(("t0",), 1), **rules}


def test_a_ladder():
    rules = ladder(18)
    assert plan(["t17"], rules) == [f"t{at}" for at in range(18)]
    assert cost(["t17"], rules) == 7 + sum(range(18))
    assert longest("t17", rules) == (7 + sum(range(18)), [f"t{at}" for at in range(18)])
    assert stale({"t15"}, ["t17"], rules) == ["t15", "t16", "t17"]


def test_a_long_cycle():
    rules = {f"t{at}": Rule((f"t{at - 1}",)) for at in range(1, 3_000)}
    rules["t0"] = Rule(("t2998",))
    with pytest.raises(Cycle) as caught:
        plan(["t2999"], rules)
    assert caught.value.path == ["t2998", *(f"t{at}" for at in range(2997, -1, -1)), "t2998"]


def test_a_target_that_needs_itself():
    with pytest.raises(Cycle, match="cycle: b -> b"):
        plan(["a"], parse("a: c b\nb: b\nc: d"))


def test_the_cycle_that_is_met_first():
    with pytest.raises(Cycle) as caught:
        plan(["z", "a"], parse("z: y\na: b c\nb: d\nd: e\ne: d\nc: a"))
    assert caught.value.path == ["d", "e", "d"]


def test_what_is_planned_already_is_no_cycle():
    assert plan(["a"], parse("a: b c\nb: d\nc: d b")) == ["d", "b", "c", "a"]


def test_a_need_that_a_later_one_shares():
    assert plan(["a"], parse("a: b c\nb: c")) == ["c", "b", "a"]


def test_a_need_that_is_listed_twice():
    assert plan(["a"], parse("a: b b c\nc: b")) == ["b", "c", "a"]


def test_targets_without_a_rule():
    assert plan(["x", "a", "x"], parse("a: x")) == ["x", "a"]
    assert cost(["x"], {}) == 0
    assert longest("x", {}) == (0, ["x"])


def test_nothing_to_plan():
    assert plan([], parse("a: b")) == []


def test_of_two_dear_ways_the_one_that_is_listed_first():
    rules = parse("a: b c 1\nb: 2\nc: 2")
    assert longest("a", rules) == (3, ["b", "a"])


def test_changes_that_are_given_as_a_list():
    rules = parse("a: b c\nb: d\nc: e")
    assert stale(["e", "x"], ["a"], rules) == ["e", "c", "a"]


def test_rules_are_not_changed():
    rules = parse("a: b\nb: c")
    before = dict(rules)
    plan(["a"], rules)
    assert rules == before
