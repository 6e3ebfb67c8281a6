"""What has to be built again."""

from brix.planning import plan


def stale(changed, targets, rules):
    """The part of a plan that is out of date after some files changed: those files and whatever needs them, in order."""
    dirty = []
    for each in plan(targets, rules):
        needs = rules[each].needs if each in rules else ()
        if each in changed or any(need in dirty for need in needs):
            dirty.append(each)
    return dirty
