"""Records to text."""

from tabread.dialect import Dialect


def write(records, dialect=Dialect()):
    """The text of records; it ends with a line feed unless there are none. Fields are quoted where they must be."""
    return "".join(dialect.delimiter.join(_field(each, dialect) for each in record) + "\n" for record in records)


def _field(field, dialect):
    special = (dialect.delimiter, dialect.quote, "\n", "\r")
    if field and not any(each in field for each in special):
        return field
    return dialect.quote + field.replace(dialect.quote, 2 * dialect.quote) + dialect.quote
