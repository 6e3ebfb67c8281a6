"""What plans cost."""

from brix.planning import plan


def cost(targets, rules):
    """What it costs to build some targets and all that they need, one after the other."""
    return sum(rules[target].cost for target in plan(targets, rules) if target in rules)


def longest(target, rules):
    """The dearest way from a source to a target: its cost and its targets, the source first.

    Where two ways cost the same, it goes through what is listed first.
    """
    best = {}
    for each in plan([target], rules):
        rule = rules.get(each)
        way = max((best[need] for need in rule.needs), key=lambda way: way[0], default=(0, ())) if rule else (0, ())
        best[each] = (way[0] + (rule.cost if rule else 0), (*way[1], each))
    total, way = best[target]
    return total, list(way)
