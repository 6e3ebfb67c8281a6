"""Rules, and reading them."""

from dataclasses import dataclass

from brix.errors import BrixError


@dataclass(frozen=True)
class Rule:
    """What a target needs, and what building it costs."""

    needs: tuple = ()
    cost: int = 1


def parse(text):
    """Target to rule, in the order of the text: lines "TARGET: NEED NEED ... COST"; # begins a comment.

    Raises:
        BrixError: a line is no rule, or a target has two of them.
    """
    rules = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        target, colon, rest = line.partition(":")
        target, words = target.strip(), rest.split()
        if not colon or not target or " " in target:
            raise BrixError(f"line {number}: a rule is TARGET: NEED ... COST")
        if target in rules:
            raise BrixError(f"line {number}: {target} has a rule already")
        cost = int(words.pop()) if words and words[-1].isdigit() else 1
        rules[target] = Rule(tuple(words), cost)
    return rules
