"""theta(alpha) on the arc from low to high: sin((1 - alpha) W) / sin W * low + sin(alpha W) / sin W * high.

W is the angle between the two tensors, taken as vectors (Shoemake, "Animating rotation with quaternion curves",
SIGGRAPH 1985). Their products are summed in fp64, in an order fixed by the elements' numbers; the two coefficients are
computed in decimals, so that no machine's sine decides about a bit, and taken as the nearest fp64 numbers. Each element
is two products and a sum in fp64, rounded once to the dtype.

Where the cosine of W is beyond 0.9995 in magnitude, as it mostly is between checkpoints of one initialisation, or where
a tensor is all zeros, the arc is the straight line, and the result that of linear, exactly rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal, localcontext
from functools import lru_cache

from alphadial.merge_engine.alpha import GRID
from alphadial.merge_engine.compiled import Bits, merge_bits
from alphadial.merge_engine.compiled_sums import mix, products
from alphadial.merge_engine.types import Settings, TensorKind

_STRAIGHT = 0.9995
"""Magnitude of the cosine beyond which it is the straight line; that of mergekit."""
_DIGITS = 100
"""Precision of the decimals, in digits; the series for the sine of 17 half turns loses 23 of them."""
_ENOUGH = Decimal("1e-60")


def reduce(tensor: TensorKind, inputs: Sequence[Bits], settings: Settings) -> float | None:
    """The cosine of the angle between the two; None where the arc is the straight line. See ``types.MergeMethod``."""
    dot, low, high = products(tensor.dtype, *inputs)
    lengths = math.sqrt(low) * math.sqrt(high) if math.isfinite(low) and math.isfinite(high) else 0.0
    cosine = dot / lengths if lengths else 1.0
    return cosine if abs(cosine) <= _STRAIGHT else None


def merge(
    tensor: TensorKind,
    inputs: Sequence[Bits],
    out: Bits,
    settings: Settings,
    steps: int,
    reduced: float | None,
    first: int,
) -> int:
    """See ``types.MergeMethod``."""
    low, high = inputs
    if reduced is None:
        return merge_bits(tensor.dtype, low, high, out, steps)
    return mix(tensor.dtype, low, high, *coefficients(reduced, steps), out)


@lru_cache(maxsize=4096)
def coefficients(cosine: float, steps: int) -> tuple[float, float]:
    """What the two ends are multiplied by at alpha = steps / 256; ``cosine`` is not 1 or -1."""
    with localcontext(prec=_DIGITS):
        angle = _angle(Decimal(cosine))
        whole, alpha = _sine(angle), Decimal(steps) / GRID
        return float(_sine((1 - alpha) * angle) / whole), float(_sine(alpha * angle) / whole)


def _angle(cosine: Decimal) -> Decimal:
    """The angle whose cosine it is: twice the arc tangent of sqrt((1 - c) / (1 + c)), by its series near 0."""
    tangent, halvings = ((1 - cosine) / (1 + cosine)).sqrt(), 4
    for _ in range(halvings):
        tangent = tangent / (1 + (1 + tangent * tangent).sqrt())
    power, angle, place = tangent, Decimal(0), 1
    while abs(power) > _ENOUGH:
        angle += power / place
        power, place = -power * tangent * tangent, place + 2
    return angle * Decimal(2 ** (halvings + 1))


def _sine(angle: Decimal) -> Decimal:
    term, total, place = angle, Decimal(0), 1
    while abs(term) > _ENOUGH:
        total += term
        term, place = -term * angle * angle / ((place + 1) * (place + 2)), place + 2
    return total
