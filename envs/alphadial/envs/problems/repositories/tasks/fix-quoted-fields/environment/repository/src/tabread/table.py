"""Records with a header."""

from tabread.dialect import Dialect
from tabread.errors import TableError
from tabread.reader import read


class Table:
    """A header and rows that are as long as it."""

    def __init__(self, header, rows):
        self.header = list(header)
        self.rows = [list(row) for row in rows]

    @classmethod
    def from_text(cls, text, dialect=Dialect()):
        """The table of a text whose first record is the header.

        Raises:
            TableError: there is no header, or a record has more or fewer fields than it; its number stands for a line.
        """
        records = read(text, dialect)
        if not records:
            raise TableError(1, "there is no header")
        header, *rows = records
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise TableError(number, f"record {number} has {len(row)} fields in place of {len(header)}")
        return cls(header, rows)

    def column(self, name):
        """The fields below a name.

        Raises:
            KeyError: there is no such column.
        """
        if name not in self.header:
            raise KeyError(name)
        at = self.header.index(name)
        return [row[at] for row in self.rows]

    def where(self, name, value):
        """The rows with a value in a column, as dictionaries."""
        return [dict(zip(self.header, row)) for row, each in zip(self.rows, self.column(name)) if each == value]
