"""Errors of training."""


class TrainingError(Exception):
    """Base of every error raised by ``alphadial.training``: a folder of another run, or a stage that cannot go on."""
