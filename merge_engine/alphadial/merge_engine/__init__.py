"""theta(alpha): two checkpoints of a family in, exactly rounded weights and their id out.

Families and alphas need no torch. What does (``merge``, ``checkpoint``, ``merge_to_folder``, ``weights_id``,
``weights_id_of_folder``) is loaded when first asked for, and raises MissingExtraError where torch is missing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alphadial.merge_engine.alpha import check_alpha, format_alpha, model_name, parse_alpha, split_model_name
from alphadial.merge_engine.data_only import check_data_only
from alphadial.merge_engine.errors import (
    AlphaError,
    CheckpointError,
    FamilyError,
    MergeEngineError,
    MergeError,
    MissingExtraError,
    OutputError,
)
from alphadial.merge_engine.registry import FamilyFile, RecipeFile, load_family, save_family, shipped_families
from alphadial.merge_engine.shipped_ids import shipped_weights_id
from alphadial.merge_engine.types import Family, MergeMethod, MergeReport, Recipe, Weights
from alphadial.merge_engine.weights_ids import family_digest, find_weights_id, keep_weights_id

if TYPE_CHECKING:
    from alphadial.merge_engine.engine import check_endpoints, checkpoint, merge, merge_to_folder
    from alphadial.merge_engine.hashing import weights_id, weights_id_of_folder

__all__ = [
    "AlphaError",
    "CheckpointError",
    "Family",
    "FamilyError",
    "FamilyFile",
    "MergeEngineError",
    "MergeError",
    "MergeMethod",
    "MergeReport",
    "MissingExtraError",
    "OutputError",
    "Recipe",
    "RecipeFile",
    "Weights",
    "check_alpha",
    "check_data_only",
    "check_endpoints",
    "checkpoint",
    "family_digest",
    "find_weights_id",
    "format_alpha",
    "keep_weights_id",
    "load_family",
    "merge",
    "merge_to_folder",
    "model_name",
    "parse_alpha",
    "save_family",
    "shipped_families",
    "shipped_weights_id",
    "split_model_name",
    "weights_id",
    "weights_id_of_folder",
]

_NEEDS_TORCH = {
    "check_endpoints": "engine",
    "checkpoint": "engine",
    "merge": "engine",
    "merge_to_folder": "engine",
    "weights_id": "hashing",
    "weights_id_of_folder": "hashing",
}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_NEEDS_TORCH[name]}")
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        raise MissingExtraError(f"{name} needs {error.name}: pip install 'alphadial[merge]'") from error
    return getattr(module, name)
