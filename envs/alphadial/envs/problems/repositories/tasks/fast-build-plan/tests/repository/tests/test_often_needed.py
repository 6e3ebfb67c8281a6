from brix import Rule, cost, longest, parse, plan


class Counting:
    """A mapping that counts how often each target is looked up."""

    def __init__(self, rules):
        self.rules = rules
        self.asked = {}

    def get(self, target, default=None):
        self.asked[target] = self.asked.get(target, 0) + 1
        return self.rules.get(target, default)


def ladder(length):
    """Rules where every target needs the two before it."""
    return parse("t0:\nt1: t0\n" + "".join(f"t{at}: t{at - 1} t{at - 2}\n" for at in range(2, length)))


def test_each_rule_is_looked_up_once():
    rules = Counting(ladder(10))
    assert plan(["t9", "t3"], rules) == [f"t{at}" for at in range(10)]
    assert set(rules.asked.values()) == {1}
    assert len(rules.asked) == 10


def test_sources_are_looked_up_once():
    rules = Counting(parse("a: x y\nb: x y\nc: a b x"))
    assert plan(["c"], rules) == ["x", "y", "a", "b", "c"]
    assert max(rules.asked.values()) == 1


def test_a_long_chain():
    rules = {f"t{at}": Rule((f"t{at - 1}",)) for at in range(1, 5_000)}
    assert plan(["t4999"], rules)[:2] == ["t0", "t1"]
    assert cost(["t4999"], rules) == 4_999
    assert longest("t4999", rules)[0] == 4_999
