"""The weights that a model's name stands for, as an id: computed once per content of the checkpoints and kept on disk.

Nothing here loads torch, except where an id is asked for that nobody has computed yet on this machine. What is kept
lies in the user's cache folder, one small file each, and may be deleted at any time.
"""

from __future__ import annotations

import re
from pathlib import Path

from alphadial.merge_engine.alpha import format_alpha
from alphadial.merge_engine.errors import MERGE_NEEDS, CheckpointError, FamilyError, MissingExtraError
from alphadial.merge_engine.file_digests import file_digest, hashed, keep, kept
from alphadial.merge_engine.recipes import numbers_of
from alphadial.merge_engine.shipped_ids import shipped_weights_id
from alphadial.merge_engine.types import Family

_ID = re.compile(r"w1-[0-9a-f]{32}")


def family_digest(family: Family) -> str:
    """What a family's weights are made from: the bytes of its checkpoints, and its recipe. Two families with one digest
    have the same weights at every alpha.

    Raises:
        CheckpointError: a file cannot be read, or a checkpoint has no weights.
    """
    recipe = family.recipe
    made_from = {name: _checkpoint_digest(folder) for name, folder in sorted(family.checkpoints.items())}
    return f"f1-{hashed([recipe.method, recipe.low, *recipe.others, made_from, *numbers_of(recipe)])[:32]}"


def find_weights_id(family: Family, dial: float | str) -> str:
    """The weights id of an alpha or a checkpoint of a family. Merges only where it is not known on this machine.

    Raises:
        FamilyError: there is no such checkpoint.
        MissingExtraError: it has to be computed, and what that takes is not installed.
        MergeEngineError: the weights cannot be made.
    """
    key = _key(family, dial)
    if known := kept(key, _ID):
        return known
    found = shipped_weights_id(family, dial)
    if found is None:
        try:
            from alphadial.merge_engine.disk import compute_weights_id
        except ModuleNotFoundError as error:
            if error.name not in MERGE_NEEDS:
                raise
            raise MissingExtraError(
                f"the weights id of {family.name} needs {error.name}: pip install 'alphadial[merge]'"
            ) from error
        found = compute_weights_id(family, dial)
    keep(key, found)
    return found


def keep_weights_id(family: Family, dial: float | str, weights_id: str) -> None:
    """Notes an id that was computed from the tensors themselves, for ``find_weights_id``."""
    keep(_key(family, dial), weights_id)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint.

    Raises:
        CheckpointError: there are none.
    """
    whole = folder / "model.safetensors"
    files = [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))
    if not files:
        raise CheckpointError(f"{folder} holds neither model.safetensors nor shards of it: save the model there")
    return files


def _checkpoint_digest(folder: Path) -> str:
    return hashed({file.name: file_digest(file) for file in weight_files(folder)})


def _key(family: Family, dial: float | str) -> str:
    if isinstance(dial, str):
        if dial not in family.checkpoints:
            choices = ", ".join(family.checkpoints)
            raise FamilyError(f"family {family.name} has no checkpoint {dial!r}: choose one of {choices}")
        return hashed(["checkpoint", _checkpoint_digest(family.checkpoints[dial])])
    inputs, recipe = [_checkpoint_digest(folder) for folder in family.inputs], family.recipe
    return hashed(["merged", recipe.method, *inputs, format_alpha(dial), *numbers_of(recipe)])
