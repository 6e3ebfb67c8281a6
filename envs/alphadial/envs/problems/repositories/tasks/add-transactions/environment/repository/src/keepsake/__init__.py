"""A store of names and values in memory."""

from keepsake.errors import KeepsakeError, NotANumber
from keepsake.store import Store

__all__ = ["KeepsakeError", "NotANumber", "Store"]
