"""From text to text."""

from brix.costs import cost, longest
from brix.errors import BrixError
from brix.planning import plan
from brix.rules import parse
from brix.stale import stale


def planned(text, targets):
    """The plan for some targets, or the message of what is wrong."""
    return _told(lambda: plan(targets, parse(text)))


def costs(text, targets):
    """What the targets cost together, and the dearest way to each of them; or the message of what is wrong."""

    def told():
        rules = parse(text)
        ways = [longest(target, rules) for target in targets]
        return [f"all: {cost(targets, rules)}", *(f"{total}: {' '.join(way)}" for total, way in ways)]

    return _told(told)


def outdated(text, changed, targets):
    """What has to be built again, or the message of what is wrong."""
    return _told(lambda: stale(changed, targets, parse(text)))


def _told(make):
    try:
        return make()
    except BrixError as error:
        return str(error)
