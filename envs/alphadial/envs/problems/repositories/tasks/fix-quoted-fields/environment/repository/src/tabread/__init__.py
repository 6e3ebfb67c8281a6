"""Tables as text."""

from tabread.dialect import Dialect
from tabread.errors import TableError
from tabread.reader import read
from tabread.table import Table
from tabread.writer import write

__all__ = ["Dialect", "Table", "TableError", "read", "write"]
