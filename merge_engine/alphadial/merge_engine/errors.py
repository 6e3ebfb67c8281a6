"""Errors of making theta(alpha). Every message is one line that says what is wrong with what, by name."""

MERGE_NEEDS = ("llvmlite", "numba", "safetensors", "torch")
"""What the extra ``merge`` installs, and what comes with it."""
SERVE_NEEDS = ("prometheus_client", "starlette", "uvicorn")
"""What the extra ``serve`` adds to it."""


class MergeEngineError(Exception):
    """Base of every error raised by ``alphadial.merge_engine``."""


class MissingExtraError(MergeEngineError):
    """Something that merging needs is not installed; the message names the command that mends it."""


class FamilyError(MergeEngineError):
    """An unknown family, a ``family.json`` that does not hold, or a model name that names no family and dial."""


class AlphaError(MergeEngineError):
    """An alpha that is no number, lies off the grid k/256, or beyond the family's range."""


class CheckpointError(MergeEngineError):
    """A checkpoint that cannot be read, holds NaN or infinities, or does not fit the other endpoint."""


class MergeError(MergeEngineError):
    """Endpoints that are sound, but whose merge is not: it overflows, or cannot be computed exactly here."""


class OutputError(MergeEngineError):
    """An output folder that cannot be written, or that holds something else."""


class EngineError(MergeEngineError):
    """An engine that does not answer, or not with the weights that were asked for."""


class NoEngineError(EngineError):
    """There is no engine to ask."""


class SlowAnswerError(MergeEngineError):
    """An answer that was not whole when its time was up."""


class ServingError(MergeEngineError):
    """A gateway, or an engine of its own, that cannot be started as it was asked for."""
