"""theta(alpha): two checkpoints of a family in, exactly rounded weights and their id out.

Families and alphas need neither numpy nor torch. Merging to disk needs numba and safetensors, ``merge``, ``checkpoint``
and ``weights_id`` torch as well, ``serve`` the extra of that name: they are loaded when first asked for, and raise
MissingExtraError where these lack.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alphadial.merge_engine.alpha import check_alpha, format_alpha, model_name, parse_alpha, split_model_name
from alphadial.merge_engine.data_only import check_data_only
from alphadial.merge_engine.errors import (
    MERGE_NEEDS,
    SERVE_NEEDS,
    AlphaError,
    CheckpointError,
    EngineError,
    FamilyError,
    MergeEngineError,
    MergeError,
    MissingExtraError,
    OutputError,
    ServingError,
)
from alphadial.merge_engine.live.blend_ids import blend_weights_id, is_blend_id
from alphadial.merge_engine.registry import (
    FamilyFile,
    RecipeFile,
    family_of_folders,
    load_family,
    pair_of_folders,
    read_recipe,
    save_family,
    shipped_families,
)
from alphadial.merge_engine.shipped_ids import shipped_weights_id
from alphadial.merge_engine.types import Family, MergeMethod, MergePlan, MergeReport, Recipe, ServingMode, Weights
from alphadial.merge_engine.weights_ids import family_digest, find_weights_id, keep_weights_id

if TYPE_CHECKING:
    from alphadial.merge_engine.disk import compute_weights_id, merge_to_folder, merge_to_folders, plan_merge
    from alphadial.merge_engine.engine import checkpoint, merge, weights_id
    from alphadial.merge_engine.hashing import weights_id_of_folder
    from alphadial.merge_engine.inputs import check_endpoints
    from alphadial.merge_engine.live.serving import ServeOptions, serve
    from alphadial.merge_engine.mergekit import read_mergekit
    from alphadial.merge_engine.resident import Rebuilt, Resident

__all__ = [
    "AlphaError",
    "CheckpointError",
    "EngineError",
    "Family",
    "FamilyError",
    "FamilyFile",
    "MergeEngineError",
    "MergeError",
    "MergeMethod",
    "MergePlan",
    "MergeReport",
    "MissingExtraError",
    "OutputError",
    "Rebuilt",
    "Recipe",
    "RecipeFile",
    "Resident",
    "ServeOptions",
    "ServingError",
    "ServingMode",
    "Weights",
    "blend_weights_id",
    "check_alpha",
    "check_data_only",
    "check_endpoints",
    "checkpoint",
    "compute_weights_id",
    "family_digest",
    "family_of_folders",
    "find_weights_id",
    "format_alpha",
    "is_blend_id",
    "keep_weights_id",
    "load_family",
    "merge",
    "merge_to_folder",
    "merge_to_folders",
    "model_name",
    "pair_of_folders",
    "parse_alpha",
    "plan_merge",
    "read_mergekit",
    "read_recipe",
    "save_family",
    "serve",
    "shipped_families",
    "shipped_weights_id",
    "split_model_name",
    "weights_id",
    "weights_id_of_folder",
]

_LAZY = {
    "Rebuilt": "resident",
    "Resident": "resident",
    "ServeOptions": "live.serving",
    "check_endpoints": "inputs",
    "checkpoint": "engine",
    "compute_weights_id": "disk",
    "merge": "engine",
    "merge_to_folder": "disk",
    "merge_to_folders": "disk",
    "plan_merge": "disk",
    "serve": "live.serving",
    "read_mergekit": "mergekit",
    "weights_id": "engine",
    "weights_id_of_folder": "hashing",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_LAZY[name]}")
    except ModuleNotFoundError as error:
        extra = "merge" if error.name in MERGE_NEEDS else "serve" if error.name in SERVE_NEEDS else None
        if extra is None:
            raise
        raise MissingExtraError(f"{name} needs {error.name}: pip install 'alphadial[{extra}]'") from error
    return getattr(module, name)
