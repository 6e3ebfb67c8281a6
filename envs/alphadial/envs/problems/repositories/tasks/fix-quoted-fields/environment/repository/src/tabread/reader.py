"""Text to records."""

from tabread.dialect import Dialect
from tabread.errors import TableError


def read(text, dialect=Dialect()):
    """The records of a text, each a list of fields. Lines may end with \\n or \\r\\n; empty ones are no records.

    Raises:
        TableError: a quote is not closed, or something follows a closed one.
    """
    records = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line:
            records.append(_fields(line, dialect, number))
    return records


def _fields(line, dialect, number):
    fields = []
    at = 0
    while True:
        if line[at : at + 1] == dialect.quote:
            end = line.find(dialect.quote, at + 1)
            if end < 0:
                raise TableError(number, "a quote is not closed")
            fields.append(line[at + 1 : end])
            at = end + 1
            if at < len(line) and line[at] != dialect.delimiter:
                raise TableError(number, f"{line[at]!r} follows a closed quote")
        else:
            end = line.find(dialect.delimiter, at)
            end = len(line) if end < 0 else end
            fields.append(line[at:end])
            at = end
        if at >= len(line):
            return fields
        at += 1
