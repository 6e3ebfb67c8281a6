import pytest
from brix import BrixError, Rule, parse


def test_rules():
    assert parse("a: b c 5 # first\n\nb:\n") == {"a": Rule(("b", "c"), 5), "b": Rule((), 1)}


@pytest.mark.parametrize("text", ["a b: c", "a", ": b"])
def test_no_rules(text):
    with pytest.raises(BrixError, match="line 1: a rule is"):
        parse(text)


def test_two_rules():
    with pytest.raises(BrixError, match="line 2: a has a rule already"):
        parse("a: b\na: c")
