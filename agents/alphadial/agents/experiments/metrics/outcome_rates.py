"""How attempts end, and what a solution costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from alphadial.agents.experiments.metrics.intervals import ClusterBootstrap, Estimate, rates


class FailureRates(NamedTuple):
    """Shares of the measurable attempts; the three values add up to 1."""

    solve: Estimate
    correctness_failure: Estimate
    optimisation_failure: Estimate


def failure_rates(
    bootstrap: ClusterBootstrap, solved: npt.ArrayLike, correctness: npt.ArrayLike, optimisation: npt.ArrayLike
) -> FailureRates:
    """The rate of each end, as a mean over problems.

    Args:
        bootstrap: over the templates of the problems.
        solved: attempts of each problem (P,) that solved it.
        correctness: alike, those with a correctness failure.
        optimisation: alike, those with an optimisation failure. Unmeasurable attempts are in none of the three.
    """
    kinds = [np.asarray(counts, dtype=np.float64) for counts in (solved, correctness, optimisation)]
    measurable = kinds[0] + kinds[1] + kinds[2]
    return FailureRates(*(bootstrap.mean(rates(counts, measurable)) for counts in kinds))


def cost_of_pass(
    bootstrap: ClusterBootstrap, costs: npt.ArrayLike, solved: npt.ArrayLike, attempts: npt.ArrayLike
) -> Estimate:
    """The expected cost of one solution: mean cost of an attempt over solve rate, both as means over problems.

    Source: Erol et al. 2025, "Cost-of-Pass: An Economic Framework for Evaluating Language Models" (arXiv 2504.13359),
    whose ratio is per problem. The mean of those is infinite as soon as one problem is never solved; here the ratio is
    that of the means: of problems that come as these did, one pays so much per solution.

    Args:
        bootstrap: over the templates of the problems.
        costs: of all attempts on each problem together (P,), not negative, in any unit.
        solved: attempts of each problem (P,) that solved it.
        attempts: attempts of each problem (P,) that were paid for; a problem without any is left out.

    Returns:
        In the unit of ``costs``; infinite where nothing was solved.
    """
    return bootstrap.ratio(rates(costs, attempts), rates(solved, attempts))
