"""What may go wrong."""


class KeepsakeError(Exception):
    """Base of all errors."""


class NotANumber(KeepsakeError):
    """A value to which something is to be added is no whole number."""


class BadCommand(KeepsakeError):
    """A line of a script is no command."""
