"""Parcels."""

from parcelrate.errors import TooHeavy

BANDS = {
    "home": [(2000, 549), (5000, 699), (10000, 1049), (31500, 1949)],
    "europe": [(2000, 1249), (5000, 1599), (10000, 2099), (31500, 3249)],
    "world": [(2000, 1649), (5000, 2999), (10000, 4549), (31500, 8299)],
}


def price(order):
    """The price of a parcel: by its weight, or by its volume where that says more. Unknown zones are the world.

    Raises:
        CannotSend: it is too heavy.
    """
    length, width, height = order.size_mm
    grams = max(order.grams, length * width * height // 5000)
    bands = BANDS.get(order.zone) or BANDS["world"]
    cents = None
    for limit, band in bands:
        if grams < limit:
            cents = band
            break
    if cents is None:
        raise TooHeavy("parcel", bands[-1][0])
    if order.express:
        cents = cents * 3 // 2
    if order.insured:
        cents += max(100, -(-order.insured // 100))
    return cents
