"""Who solves: policies, the agent, and runs that can be stopped and resumed."""

from alphadial.agents.errors import (
    AgentsError,
    BadAnswerError,
    MissingExtraError,
    OutcomeTableError,
    PolicyError,
    StoreError,
    WrongWeightsError,
)
from alphadial.agents.types import Attempt, AttemptSpec, Completion, Judge, Message, Policy, Request, Rollout

__all__ = [
    "AgentsError",
    "Attempt",
    "AttemptSpec",
    "BadAnswerError",
    "Completion",
    "Judge",
    "Message",
    "MissingExtraError",
    "OutcomeTableError",
    "Policy",
    "PolicyError",
    "Request",
    "Rollout",
    "StoreError",
    "WrongWeightsError",
]
