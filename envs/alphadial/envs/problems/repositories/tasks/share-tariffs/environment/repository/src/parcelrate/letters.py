"""Letters."""

from parcelrate.errors import CannotSend, TooHeavy, UnknownZone

BANDS = {
    "home": [(20, 85), (50, 100), (500, 160), (1000, 275)],
    "europe": [(20, 110), (50, 170), (500, 370), (1000, 700)],
    "world": [(20, 110), (50, 170), (500, 700), (1000, 1300)],
}


def price(order):
    """The price of a letter.

    Raises:
        CannotSend: it is too heavy, weighs nothing, is insured, or goes to a zone that is not known.
    """
    if order.grams <= 0:
        raise CannotSend("a letter weighs something")
    if order.insured:
        raise CannotSend("a letter is not insured")
    if order.zone not in BANDS:
        raise UnknownZone("letter", order.zone)
    cents = None
    for limit, band in BANDS[order.zone]:
        if order.grams <= limit:
            cents = band
            break
    if cents is None:
        raise TooHeavy("letter", BANDS[order.zone][-1][0])
    if order.express:
        cents += 250
    return cents
