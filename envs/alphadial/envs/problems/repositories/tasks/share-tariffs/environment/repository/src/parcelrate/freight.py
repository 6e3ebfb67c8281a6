"""Pallets and more."""

from parcelrate.errors import CannotSend, UnknownZone

BANDS = {
    "home": [(50_000, 4900), (150_000, 8900), (500_000, 15900)],
    "europe": [(50_000, 9900), (150_000, 17900), (500_000, 33900)],
}
MORE = 100_000
MORE_CENTS = {"home": 2500, "europe": 5250}


def price(order):
    """The price of freight: what is heavier than the last band costs more for every 100 kg that are begun.

    Raises:
        CannotSend: it is express, or goes to a zone that is not known.
    """
    if order.zone not in BANDS:
        raise UnknownZone("freight", order.zone)
    if order.express:
        raise CannotSend("freight is never express")
    cents = None
    for limit, band in BANDS[order.zone]:
        if order.grams <= limit:
            cents = band
            break
    if cents is None:
        limit, band = BANDS[order.zone][-1]
        cents = band + -(-(order.grams - limit) // MORE) * MORE_CENTS[order.zone]
    if order.grams >= 1_000_000:
        cents = (cents * 9 + 5) // 10
    if order.insured:
        cents += round(order.insured * 2 / 100)
    return cents
