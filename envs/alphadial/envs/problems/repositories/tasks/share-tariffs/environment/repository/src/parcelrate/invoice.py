"""Many orders together."""

from parcelrate import freight, letters, parcels

_KINDS = {"letter": letters.price, "parcel": parcels.price, "freight": freight.price}


def total(orders):
    """What pairs of kind and order cost together; from 100 euros on 3 % less, rounded to the customer's favour.

    Raises:
        CannotSend: one of them cannot be sent.
        KeyError: there is no such kind.
    """
    cents = sum(_KINDS[kind](order) for kind, order in orders)
    return cents * 97 // 100 if cents >= 10_000 else cents
