"""Errors of choosing."""


class ControllerError(Exception):
    """Base of every error raised by ``alphadial.controller``; also an unknown name, or a misuse."""


class StateError(ControllerError):
    """A saved state that cannot be used; the message names the field."""
