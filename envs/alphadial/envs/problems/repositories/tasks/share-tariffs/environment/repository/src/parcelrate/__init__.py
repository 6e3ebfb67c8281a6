"""What it costs to send something."""

from parcelrate import freight, letters, parcels
from parcelrate.errors import CannotSend, TooHeavy, UnknownZone
from parcelrate.invoice import total
from parcelrate.orders import Order

__all__ = ["CannotSend", "Order", "TooHeavy", "UnknownZone", "freight", "letters", "parcels", "total"]
