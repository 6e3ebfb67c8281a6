"""theta(alpha) = low + alpha * (w_1 model_1 + w_2 model_2 + ... - low), where the weights are divided by their sum.

Model soups: Wortsman et al., ICML 2022, https://arxiv.org/abs/2203.05482. Rewarded soups: Rame et al., NeurIPS 2023,
https://arxiv.org/abs/2306.04488. With weights that sum to 1 this is task arithmetic, in other words; it is computed so.
"""

from __future__ import annotations

from alphadial.merge_engine.methods.task_arithmetic import merge

__all__ = ["merge"]
