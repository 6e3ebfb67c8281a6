"""A tariff of thousands of bands, asked often; prints the sums of what it said."""

import random
import sys

sys.path.append("src")
from parcelrate import Order, Tariff, quote_many

draw = random.Random(20260302)
bands = {zone: [(10 * at, at + 7) for at in range(1, 2_001)] for zone in ("near", "far")}
near = Tariff("crate", bands, fallback="near")
far = Tariff("crate", bands, includes_limit=False, beyond={"far": (100, 9)})
weights = [draw.randrange(20_000) for _ in range(40_000)]
print(sum(near.base("moon", grams) for grams in weights), sum(far.base("far", grams) for grams in weights))
print(sum(quote_many(("parcel", Order("home", grams, express=True)) for grams in weights[:10_000])))
