"""Errors of using the command line."""


class CliError(Exception):
    """An argument that cannot be used, or a file that cannot be read or written. The message says what to do."""
