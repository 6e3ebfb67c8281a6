"""Which weights a model's name stands for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from alphadial.agents.errors import PolicyError
from alphadial.agents.runs.config import ModelChoice
from alphadial.merge_engine import Family, Weights, check_alpha, model_name, shipped_weights_id, split_model_name


def build_weights(family: Family, model: str) -> Weights:
    """The tensors and the weights id of ``family@alpha`` or ``family@checkpoint``.

    Raises:
        PolicyError: the name belongs to another family.
        MergeEngineError: no such checkpoint, an alpha out of range or off the grid, or damaged endpoints.
    """
    name, dial = split_model_name(model)
    if name != family.name:
        raise PolicyError(f"model {model!r} is not of family {family.name}")
    # Only here: a server that is believed unseen needs no torch.
    from alphadial.merge_engine import checkpoint, merge

    return checkpoint(family, dial) if isinstance(dial, str) else merge(family, dial)


@lru_cache(maxsize=256)
def expected_weights_id(family: Family, model: str) -> str:
    """The hash of the tensors that ``model`` stands for: as it is written beside a shipped family, else computed.

    Raises:
        PolicyError, MergeEngineError: as ``build_weights``.
    """
    name, dial = split_model_name(model)
    known = shipped_weights_id(family, dial) if name == family.name else None
    return known or build_weights(family, model).weights_id


def choose_models(
    family: Family, alphas: Iterable[float | str], checkpoints: Iterable[str] = (), unverified_weights: bool = False
) -> tuple[ModelChoice, ...]:
    """The models of a run, with the weights that must answer (None for each, when unverified).

    Raises:
        MergeEngineError: as ``build_weights``.
    """
    dials: list[float | str] = [*(check_alpha(alpha, family) for alpha in alphas), *checkpoints]
    names = {model_name(family, dial): dial for dial in dials}
    return tuple(
        ModelChoice(
            name=name,
            alpha=None if isinstance(dial, str) else dial,
            weights_id=None if unverified_weights else expected_weights_id(family, name),
        )
        for name, dial in names.items()
    )
