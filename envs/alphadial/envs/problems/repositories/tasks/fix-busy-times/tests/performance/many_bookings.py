"""Twenty thousand bookings of weeks in one room, asked for free times; prints what they were."""

import random
import sys

sys.path.append("src")
from slotbook import Booking, Calendar

draw = random.Random(20260302)
calendar = Calendar()
for _ in range(20_000):
    start = draw.randrange(800_000_000)
    calendar.add(Booking("Red", start, start + draw.randrange(50_000, 150_000)))
free = calendar.free("Red", 100_000_000, 700_000_000)
print(len(calendar.busy("Red")), len(free), free[:3], free[-3:], sum(end - start for start, end in free))
print(calendar.first_free("Red", 120_000, 100_000_000, 700_000_000))
