"""Metrics from counts and scores per problem, and their intervals.

A metric is a value per problem (P,), its estimate ``ClusterBootstrap(templates).mean(values)``: the mean over problems,
so a problem counts the same however many of its attempts could be measured; one without any (NaN) is left out.
Intervals are percentile intervals of a cluster bootstrap: templates are drawn with replacement, each with all its
problems (Cameron, Gelbach and Miller 2008, "Bootstrap-based improvements for inference with clustered errors",
section II).
"""

from __future__ import annotations

from alphadial.agents.experiments.metrics.efficiency import eff_at_k, efficiency, hodges_lehmann, level_score
from alphadial.agents.experiments.metrics.intervals import RESAMPLES, ClusterBootstrap, Estimate, Floats, rates
from alphadial.agents.experiments.metrics.outcome_rates import FailureRates, cost_of_pass, failure_rates
from alphadial.agents.experiments.metrics.sampling import pass_at_k, pass_n_at_k

__all__ = [
    "RESAMPLES",
    "ClusterBootstrap",
    "Estimate",
    "FailureRates",
    "Floats",
    "cost_of_pass",
    "eff_at_k",
    "efficiency",
    "failure_rates",
    "hodges_lehmann",
    "level_score",
    "pass_at_k",
    "pass_n_at_k",
    "rates",
]
