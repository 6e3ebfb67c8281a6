"""What a template asks of two elements, or of the sum of a contiguous part.

A relation says the same thing twice. A slow program tests its ``condition`` on whatever it meets; a fast one keeps
what it has passed in a dict under ``key``, and finds all that it fits with by one look-up of ``look``. So a fast
program needs no inner loop. Tests hold the two against each other by execution.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation and the range that its ``k`` is drawn from."""

    condition: str
    """Expression in ``{later}`` and ``{earlier}``, two elements; of sums in ``s``, the sum of a part."""
    look: str
    """Expression in ``x``, the later element; of sums in ``s``, the sum of all elements up to a place."""
    key: str
    """Expression in ``x``, the earlier element; of sums in ``s``, where it is 0 for ``s = 0``, the empty sum."""
    k_range: tuple[int, int]
    words: str
    """The condition in plain words, to follow "such that"; of sums to follow "contiguous part of a"."""


PAIR_RELATIONS = {
    "thirds": Relation(
        "({later} + k) // 3 == ({earlier} + k) // 3", "(x + k) // 3", "(x + k) // 3", (2, 9),
        "{later} plus k and {earlier} plus k, each divided by 3 and rounded down, are the same",
    ),
    "mod": Relation(
        "{later} % k == {earlier} % k", "x % k", "x % k", (2, 9),
        "{later} and {earlier} leave the same remainder modulo k",
    ),
    "div": Relation(
        "{later} // k == {earlier} // k", "x // k", "x // k", (2, 6),
        "{later} and {earlier} divided by k, rounded down, are the same",
    ),
    "sum": Relation("{later} + {earlier} == k", "k - x", "x", (4, 14), "the sum of {later} and {earlier} is k"),
    "summod": Relation(
        "({later} + {earlier}) % k == 0", "-x % k", "x % k", (2, 9),
        "the sum of {later} and {earlier} is a multiple of k",
    ),
    "up": Relation("{later} - {earlier} == k", "x - k", "x", (1, 5), "{later} is {earlier} plus k"),
    "down": Relation("{earlier} - {later} == k", "x + k", "x", (1, 5), "{later} is {earlier} minus k"),
    "xor": Relation("{later} ^ {earlier} == k", "x ^ k", "x", (1, 7), "the bitwise xor of {later} and {earlier} is k"),
    "upmod": Relation(
        "({later} - {earlier}) % k == 1", "(x - 1) % k", "x % k", (2, 7), "{later} minus {earlier} is 1 modulo k"
    ),
    "doublemod": Relation(
        "{later} % k == {earlier} * 2 % k", "x % k", "x * 2 % k", (3, 9),
        "{later} and twice {earlier} leave the same remainder modulo k",
    ),
    "sumdouble": Relation(
        "({later} + {earlier} * 2) % k == 0", "-x % k", "x * 2 % k", (3, 9),
        "{later} plus twice {earlier} is a multiple of k",
    ),
    "restsum": Relation(
        "{later} % k + {earlier} % k == k - 1", "k - 1 - x % k", "x % k", (2, 7),
        "the remainders of {later} and {earlier} modulo k have the sum k - 1",
    ),
    "parity": Relation(
        "({later} + {earlier} + k) % 2 == 0", "(x + k) % 2", "x % 2", (2, 9),
        "the sum of {later}, {earlier} and k is even",
    ),
    "halfmod": Relation(
        "{later} // 2 == {earlier} % k", "x // 2", "x % k", (3, 8),
        "half of {later}, rounded down, is {earlier} modulo k",
    ),
    "squaremod": Relation(
        "{later} % k == {earlier} * {earlier} % k", "x % k", "x * x % k", (3, 9),
        "{later} and the square of {earlier} leave the same remainder modulo k",
    ),
    "nextdiv": Relation(
        "{later} // k == {earlier} // k + 1", "x // k - 1", "x // k", (2, 5),
        "{later} divided by k, rounded down, is one more than {earlier} divided by k, rounded down",
    ),
    "twicesum": Relation(
        "{later} + {earlier} * 2 == k", "k - x", "x * 2", (6, 20), "{later} plus twice {earlier} is k"
    ),
    "doublesum": Relation(
        "({later} * 2 + {earlier}) % k == 0", "-x * 2 % k", "x % k", (3, 8),
        "twice {later} plus {earlier} is a multiple of k",
    ),
    "third": Relation(
        "{later} // 3 == {earlier} % k", "x // 3", "x % k", (3, 6),
        "a third of {later}, rounded down, is {earlier} modulo k",
    ),
    "halfsum": Relation(
        "{later} // 2 + {earlier} // 2 == k", "k - x // 2", "x // 2", (2, 8),
        "the halves of {later} and {earlier}, each rounded down, have the sum k",
    ),
    "flip": Relation(
        "{later} ^ 1 == {earlier}", "x ^ 1", "x", (2, 9), "{later} and {earlier} differ in the lowest bit alone"
    ),
    "three": Relation(
        "({later} + {earlier} + k) % 3 == 0", "-(x + k) % 3", "x % 3", (2, 9),
        "the sum of {later}, {earlier} and k is a multiple of 3",
    ),
    "updouble": Relation(
        "({later} - {earlier} * 2) % k == 1", "(x - 1) % k", "x * 2 % k", (3, 8),
        "{later} minus twice {earlier} is 1 modulo k",
    ),
    "divsum": Relation(
        "{later} // k + {earlier} // k == 2", "2 - x // k", "x // k", (2, 5),
        "{later} and {earlier}, each divided by k and rounded down, have the sum 2",
    ),
    "modhalf": Relation(
        "{later} % k == {earlier} // 2", "x % k", "x // 2", (3, 8),
        "{later} modulo k is half of {earlier}, rounded down",
    ),
}  # fmt: skip
"""Relations of two elements, for pairs and for chains."""

SUM_RELATIONS = {
    "sumzero": Relation("s % k == 0", "s % k", "s % k", (2, 9), "whose sum is a multiple of k"),
    "sumone": Relation("s % k == 1", "(s - 1) % k", "s % k", (2, 7), "whose sum is 1 modulo k"),
    "sumtwo": Relation("s % k == 2", "(s - 2) % k", "s % k", (3, 8), "whose sum is 2 modulo k"),
    "sumrest": Relation("s % k == k - 1", "(s + 1) % k", "s % k", (2, 7), "whose sum is k - 1 modulo k"),
    "sumk": Relation("s == k", "s - k", "s", (4, 18), "whose sum is k"),
    "sumtwice": Relation("s == k * 2", "s - k * 2", "s", (2, 9), "whose sum is twice k"),
    "sumeven": Relation("(s + k) % 2 == 0", "(s + k) % 2", "s % 2", (2, 9), "whose sum plus k is even"),
    "sumthree": Relation("(s + k) % 3 == 0", "(s + k) % 3", "s % 3", (2, 9), "whose sum plus k is a multiple of 3"),
}
"""Relations of the sum of a contiguous part with ``k``."""
