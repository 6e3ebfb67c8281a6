"""Weights ids of shipped families, as text beside them: so that nobody needs torch to tell what a shipped table is of.

An id counts only for the very bytes that it was computed from: the file holds their hashes too. Of other families
nothing is believed, and every model that answers computes its own id anyway.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from alphadial.merge_engine.alpha import model_name
from alphadial.merge_engine.file_digests import file_digest
from alphadial.merge_engine.registry import is_shipped
from alphadial.merge_engine.types import Family

IDS_FILE = "weights_ids.json"


class ShippedIds(BaseModel):
    """The contents of ``weights_ids.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: dict[str, str]
    """Every safetensors file of the family, relative to its folder, to its SHA-256."""
    ids: dict[str, str]
    """Name of a model ("tiny@0.5", "tiny@init") to its weights id."""


def shipped_weights_id(family: Family, dial: float | str) -> str | None:
    """The weights id of an alpha or a checkpoint; None where none is written down for these bytes."""
    if not is_shipped(family) or not (family.path / IDS_FILE).is_file():
        return None
    return _believed(family.path).get(model_name(family, dial))


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every safetensors file below a family's folder."""
    return {file.relative_to(folder).as_posix(): file_digest(file) for file in sorted(folder.rglob("*.safetensors"))}


def _believed(folder: Path) -> dict[str, str]:
    written = ShippedIds.model_validate_json((folder / IDS_FILE).read_bytes())
    return written.ids if written.files == hashes(folder) else {}
