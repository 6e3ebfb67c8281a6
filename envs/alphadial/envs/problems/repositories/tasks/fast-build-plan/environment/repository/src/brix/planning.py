"""The order in which targets are built."""

from brix.errors import Cycle


def plan(targets, rules):
    """Everything that the targets need, and they themselves, each once: what is needed comes before what needs it.

    What a target needs is planned in the order in which its rule lists it, before the target itself.

    Args:
        targets: their names, in order.
        rules: a mapping of target to rule; what has none is a source file.

    Raises:
        Cycle: targets need each other. Of several cycles it tells the one that is met first, in the order of planning.
    """
    order = []
    for target in targets:
        order += _with_needs(target, rules, [])
    return list(dict.fromkeys(order))


def _with_needs(target, rules, path):
    """A target after all that it needs, some of it more than once; ``path``: what led to it."""
    if target in path:
        raise Cycle([*path[path.index(target) :], target])
    rule = rules.get(target)
    found = []
    for need in rule.needs if rule else ():
        found += _with_needs(need, rules, [*path, target])
    return [*found, target]
