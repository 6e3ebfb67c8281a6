"""Errors of solving: ours, never the candidate program's."""

from alphadial.envs.errors import StoreError as StoreError


class AgentsError(Exception):
    """Base of every error raised by ``alphadial.agents``."""


class PolicyError(AgentsError):
    """A policy cannot answer: there is no such model, no server, or no policy any more."""


class BadAnswerError(PolicyError):
    """One answer is unusable or was refused: that attempt fails, and the message is its cause."""


class WrongWeightsError(PolicyError):
    """An answer came from other weights than were asked for, or from a server that does not say which."""


class OutcomeTableError(AgentsError):
    """An outcome table that does not fit: other weights, temperature, split or shape."""


class MissingExtraError(AgentsError):
    """An optional library is not installed; the message names the command that mends it."""


class OptionError(AgentsError):
    """An option of a run that cannot be used; the message says what to do."""
