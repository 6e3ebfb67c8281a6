"""A text of many records and one of a few huge fields; prints what was read."""

import hashlib
import random
import sys

sys.path.append("src")
from tabread import read

draw = random.Random(20260302)


def field(length):
    inner = "".join(draw.choices('abcdefgh ,\n"', k=length))
    return '"' + inner.replace('"', '""') + '"'


many = "".join(f"{number},{field(20)},plain text\r\n" for number in range(6_000))
huge = "".join(f"{field(60_000)}\n" for _ in range(3))
for text in (many, huge):
    records = read(text)
    print(len(records), hashlib.sha256(repr(records).encode()).hexdigest())
