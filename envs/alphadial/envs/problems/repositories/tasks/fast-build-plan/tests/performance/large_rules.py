"""A wide plan and a long one; prints what became of them."""

import hashlib
import random
import sys

sys.path.append("src")
from brix import Rule, cost, longest, plan, stale

draw = random.Random(20260302)
wide = {}
for number in range(8_000):
    needs = {f"t{draw.randrange(number)}" for _ in range(3)} if number else set()
    wide[f"t{number}"] = Rule(tuple(sorted(needs)), draw.randrange(1, 9))
long = {f"t{number}": Rule((f"t{number - 1}", f"t{number // 2}"), 1) for number in range(1, 4_000)}
everything = [f"t{number}" for number in range(7_999, -1, -1)]
for rules, targets in ((wide, everything), (long, ["t3999"])):
    order, (dearest, way) = plan(targets, rules), longest(targets[0], rules)
    dirty = stale({"t17"}, targets, rules)
    print(len(order), hashlib.sha256(" ".join(order).encode()).hexdigest(), cost(targets, rules))
    print(dearest, len(way), len(dirty), hashlib.sha256(" ".join([*way, *dirty]).encode()).hexdigest())
