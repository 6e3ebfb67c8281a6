"""Writes ``weights_ids.json`` beside the shipped families, after their weights have changed. No measurement.

python -m benchmarks.shipped_ids
"""

from __future__ import annotations

from alphadial.agents.runs.options import DEFAULT_ALPHAS
from alphadial.merge_engine import Family, checkpoint, load_family, merge, model_name, shipped_families
from alphadial.merge_engine.shipped_ids import IDS_FILE, ShippedIds, hashes


def computed(family: Family) -> ShippedIds:
    """What the file of a family must hold."""
    alphas = {model_name(family, alpha): merge(family, alpha).weights_id for alpha in DEFAULT_ALPHAS}
    named = {model_name(family, name): checkpoint(family, name).weights_id for name in family.checkpoints}
    return ShippedIds(files=hashes(family.path), ids=alphas | named)


if __name__ == "__main__":
    for name in shipped_families():
        family = load_family(name)
        (family.path / IDS_FILE).write_text(computed(family).model_dump_json(indent=1) + "\n", "utf-8")
