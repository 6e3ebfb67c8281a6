"""Who solves: policies, agents, and runs that can be stopped and resumed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from alphadial.agents.agent.checkpoint_store import CheckpointStore
    from alphadial.agents.agent.openhands_process import check_openhands
    from alphadial.agents.experiments.compare.compare_folder import FinishedComparison
    from alphadial.agents.experiments.compare.compare_run import CompareOptions, compare_controllers
    from alphadial.agents.experiments.compare.datasets import ReplayDataset, join_tables
    from alphadial.agents.experiments.compare.outcomes_run import OutcomesOptions, compare_outcomes
    from alphadial.agents.experiments.ensembles import EnsembleRow, SolveCounts, ensemble_rows, solve_counts
    from alphadial.agents.experiments.foreign_tables import load_outcome_csv
    from alphadial.agents.experiments.frontier_run import FinishedFrontier, FrontierOptions, sample_frontier
    from alphadial.agents.experiments.opened_problems import Opened, opened_problems
    from alphadial.agents.experiments.outcomes import OutcomeTable, load_outcomes
    from alphadial.agents.experiments.paired_runs import RunPair, pair_runs
    from alphadial.agents.experiments.run_description import describe
    from alphadial.agents.policies import ScriptedPolicy, open_policy
    from alphadial.agents.runs.arms import ArmSet, read_arms
    from alphadial.agents.runs.attempt_loop import AttemptDeps
    from alphadial.agents.runs.config import ModelChoice, RunConfig, plan
    from alphadial.agents.runs.controller_run import FinishedRun, RunOptions, attempt_problems
    from alphadial.agents.runs.exporting import export_attempts, load_attempts
    from alphadial.agents.runs.fit_tables import TableReading
    from alphadial.agents.runs.prices import Prices, read_prices
    from alphadial.agents.runs.public_failures import PublicFailures, public_failure, public_failures
    from alphadial.agents.runs.reading_runs import StoredRun, attempts_like, find_attempt, read_results
    from alphadial.agents.runs.run_totals import Totals, totals
    from alphadial.agents.runs.runner import Progress, rollout, run_attempts
    from alphadial.agents.runs.session import RuntimeConfig, Session, open_session
    from alphadial.agents.weight_env import Live, Replay, WeightEnv

__all__ = [
    "Agent",
    "AgentsError",
    "ArmSet",
    "Ask",
    "Attempt",
    "AttemptDeps",
    "AttemptSpec",
    "BadAnswerError",
    "CheckpointStore",
    "CompareOptions",
    "Completion",
    "EnsembleRow",
    "FinishedComparison",
    "FinishedFrontier",
    "FinishedRun",
    "FrontierOptions",
    "Live",
    "Message",
    "MissingExtraError",
    "ModelChoice",
    "Opened",
    "OutcomeTable",
    "OutcomeTableError",
    "OutcomesOptions",
    "Policy",
    "PolicyError",
    "Prices",
    "Progress",
    "PublicFailures",
    "Replay",
    "ReplayDataset",
    "Request",
    "Rollout",
    "RunConfig",
    "RunOptions",
    "RunPair",
    "RuntimeConfig",
    "ScriptedPolicy",
    "Session",
    "SolveCounts",
    "StoreError",
    "StoredRun",
    "TableReading",
    "Totals",
    "WeightEnv",
    "WrongWeightsError",
    "attempt_problems",
    "attempts_like",
    "check_openhands",
    "compare_controllers",
    "compare_outcomes",
    "describe",
    "ensemble_rows",
    "export_attempts",
    "find_attempt",
    "join_tables",
    "load_attempts",
    "load_outcome_csv",
    "load_outcomes",
    "open_policy",
    "open_session",
    "opened_problems",
    "pair_runs",
    "plan",
    "public_failure",
    "public_failures",
    "read_arms",
    "read_prices",
    "read_results",
    "rollout",
    "run_attempts",
    "sample_frontier",
    "solve_counts",
    "totals",
]

_LAZY = {
    "ScriptedPolicy": "policies",
    "open_policy": "policies",
    "ArmSet": "runs.arms",
    "read_arms": "runs.arms",
    "AttemptDeps": "runs.attempt_loop",
    "CheckpointStore": "agent.checkpoint_store",
    "check_openhands": "agent.openhands_process",
    "TableReading": "runs.fit_tables",
    "Prices": "runs.prices",
    "read_prices": "runs.prices",
    "ModelChoice": "runs.config",
    "RunConfig": "runs.config",
    "plan": "runs.config",
    "export_attempts": "runs.exporting",
    "load_attempts": "runs.exporting",
    "PublicFailures": "runs.public_failures",
    "public_failure": "runs.public_failures",
    "public_failures": "runs.public_failures",
    "Totals": "runs.run_totals",
    "totals": "runs.run_totals",
    "Progress": "runs.runner",
    "rollout": "runs.runner",
    "run_attempts": "runs.runner",
    "FinishedRun": "runs.controller_run",
    "RunOptions": "runs.controller_run",
    "attempt_problems": "runs.controller_run",
    "RuntimeConfig": "runs.session",
    "Session": "runs.session",
    "open_session": "runs.session",
    "StoredRun": "runs.reading_runs",
    "attempts_like": "runs.reading_runs",
    "find_attempt": "runs.reading_runs",
    "read_results": "runs.reading_runs",
    "FinishedFrontier": "experiments.frontier_run",
    "FrontierOptions": "experiments.frontier_run",
    "sample_frontier": "experiments.frontier_run",
    "CompareOptions": "experiments.compare.compare_run",
    "FinishedComparison": "experiments.compare.compare_folder",
    "compare_controllers": "experiments.compare.compare_run",
    "OutcomesOptions": "experiments.compare.outcomes_run",
    "compare_outcomes": "experiments.compare.outcomes_run",
    "ReplayDataset": "experiments.compare.datasets",
    "join_tables": "experiments.compare.datasets",
    "load_outcome_csv": "experiments.foreign_tables",
    "EnsembleRow": "experiments.ensembles",
    "SolveCounts": "experiments.ensembles",
    "ensemble_rows": "experiments.ensembles",
    "solve_counts": "experiments.ensembles",
    "Opened": "experiments.opened_problems",
    "opened_problems": "experiments.opened_problems",
    "OutcomeTable": "experiments.outcomes",
    "load_outcomes": "experiments.outcomes",
    "describe": "experiments.run_description",
    "RunPair": "experiments.paired_runs",
    "pair_runs": "experiments.paired_runs",
    "Live": "weight_env",
    "Replay": "weight_env",
    "WeightEnv": "weight_env",
}
"""Name to the module that holds it: loaded when first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
