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
from alphadial.agents.types import Agent, Ask, Attempt, AttemptSpec, Completion, Message, Policy, Request, Rollout

__all__ = [
    "Agent",
    "AgentsError",
    "Ask",
    "Attempt",
    "AttemptSpec",
    "BadAnswerError",
    "Completion",
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
