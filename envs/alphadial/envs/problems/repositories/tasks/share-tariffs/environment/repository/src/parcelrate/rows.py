"""Orders as plain dictionaries."""

from parcelrate import freight, letters, parcels
from parcelrate.errors import CannotSend
from parcelrate.invoice import total
from parcelrate.orders import Order


def order_of(row):
    """The order in a dictionary with a zone, grams, and perhaps size_mm, insured and express."""
    return Order(
        row["zone"],
        row["grams"],
        tuple(row.get("size_mm", (0, 0, 0))),
        row.get("insured", 0),
        row.get("express", False),
    )


def prices(rows):
    """The price of each row, by its kind, or why it cannot be sent."""
    modules = {"letter": letters, "parcel": parcels, "freight": freight}
    return [_told(modules[row["kind"]].price, order_of(row)) for row in rows]


def invoice(rows):
    """What all rows cost together, or why one of them cannot be sent."""
    return _told(total, [(row["kind"], order_of(row)) for row in rows])


def _told(price, what):
    try:
        return price(what)
    except CannotSend as error:
        return str(error)
