"""What the command line prints of a text."""

from tabread.dialect import Dialect
from tabread.errors import TableError
from tabread.reader import read
from tabread.table import Table
from tabread.writer import write


def records(text, dialect="comma"):
    """The records, or the message of what is wrong with the text."""
    try:
        return read(text, Dialect.named(dialect))
    except TableError as error:
        return str(error)


def rewritten(text, old, new):
    """The text in another dialect."""
    return write(read(text, Dialect.named(old)), Dialect.named(new))


def widths(text):
    """The name of every column to the length of its longest field."""
    table = Table.from_text(text)
    return {name: max((len(field) for field in table.column(name)), default=0) for name in table.header}
