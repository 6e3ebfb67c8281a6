"""The chance that a number of attempts holds a solution, estimated from more attempts than that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alphadial.agents.experiments.metrics.intervals import Floats


def pass_at_k(solved: npt.ArrayLike, attempts: npt.ArrayLike, k: int) -> Floats:
    """The chance that k attempts hold a solution, without bias: 1 - C(n-c, k) / C(n, k) for c solved of n.

    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code" (arXiv 2107.03374), section 2.1.

    Args:
        solved: c, of any shape.
        attempts: n, of the same shape.
        k: at least 1.

    Returns:
        The same shape; NaN where n < k, or c or n is NaN.

    Raises:
        ValueError: k is below 1, or not 0 <= solved <= attempts.
    """
    c, n = np.broadcast_arrays(np.asarray(solved, dtype=np.float64), np.asarray(attempts, dtype=np.float64))
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if ((c < 0) | (c > n)).any():
        raise ValueError("counts must fulfil 0 <= solved <= attempts")
    steps = np.arange(k)
    rest = np.maximum(n[..., None], k) - steps  # kept above 0 where the result is NaN anyway
    missed = np.prod(np.clip(n[..., None] - c[..., None] - steps, 0, None) / rest, axis=-1)
    return np.where(n >= k, 1.0 - missed, np.nan)


def pass_n_at_k(solved: npt.ArrayLike, passed_public: npt.ArrayLike, attempts: npt.ArrayLike, n: int, k: int) -> Floats:
    """The chance that n submissions hold a solution, chosen by the public tests among k attempts; without bias.

    Of k attempts those that pass the public tests are submitted, n of them at random where there are more. Where all k
    may be submitted (n = k) this is pass@k. Every turn is a generation: trajectories of three turns are compared with
    single answers at a third of their k (Zheng et al. 2024, "What Makes Large Language Models Reason in (Multi-Turn)
    Code Generation?", arXiv 2410.08105). The mean over all draws of k attempts is taken exactly: j of them pass the
    public tests with hypergeometric chance, and m = min(n, j) of f passing ones miss all c solutions with chance
    C(f-c, m) / C(f, m).

    Args:
        solved: c, attempts that pass every test, the public ones included; of any shape.
        passed_public: f, attempts that pass the public tests; of the same shape.
        attempts: of the same shape.
        n: at least 1, at most k.
        k: at least 1.

    Returns:
        The same shape; NaN where there are fewer than k attempts.

    Raises:
        ValueError: n or k is out of range, or not solved <= passed_public <= attempts.
    """
    if not 1 <= n <= k:
        raise ValueError(f"n must be at least 1 and at most k = {k}, not {n}")
    c, f, total = np.broadcast_arrays(*(np.asarray(counts, np.int64) for counts in (solved, passed_public, attempts)))
    if not ((c >= 0) & (c <= f) & (f <= total)).all():
        raise ValueError("counts must fulfil 0 <= solved <= passed_public <= attempts")
    logs = log_factorials(int(max(total.max(initial=0), k)))
    c, f, total = c[..., None], f[..., None], total[..., None]
    shown = np.arange(k + 1)  # j
    chance = np.exp(
        log_choose(logs, f, shown) + log_choose(logs, total - f, k - shown) - log_choose(logs, np.maximum(total, k), k)
    )
    submitted = np.minimum(np.minimum(n, shown), f)  # m; no j above f has a chance
    missed = np.exp(log_choose(logs, f - c, submitted) - log_choose(logs, f, submitted))
    return np.where(total[..., 0] >= k, (chance * (1.0 - missed)).sum(axis=-1), np.nan)


def log_factorials(largest: int) -> Floats:
    """Ln 0!, ln 1!, ..., ln largest!; shape (largest + 1,)."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1)))])


def log_choose(logs: Floats, n: npt.ArrayLike, k: npt.ArrayLike) -> Floats:
    """Ln C(n, k), elementwise; minus infinity where k is not in 0..n.

    Args:
        logs: from ``log_factorials``, up to the largest n at least.
        n: not negative.
        k: any integers; the shapes broadcast.
    """
    above, below = np.broadcast_arrays(np.asarray(n), np.asarray(k))
    possible = (below >= 0) & (below <= above)
    inside = np.where(possible, below, 0)
    return np.where(possible, logs[above] - logs[inside] - logs[above - inside], -np.inf)
