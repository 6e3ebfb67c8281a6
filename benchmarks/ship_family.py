"""Makes a training folder the shipped family, and writes ``weights_ids.json`` beside it. No measurement.

    python -m benchmarks.ship_family FOLDER

copies init, low, mid and high over those that ship, without the controls and the states of training; the model card
stays. Without FOLDER it only writes the ids anew.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from alphadial.agents.runs.options import DEFAULT_ALPHAS
from alphadial.merge_engine import Family, FamilyFile, checkpoint, load_family, merge, model_name, save_family
from alphadial.merge_engine.shipped_ids import IDS_FILE, ShippedIds, hashes

SHIPPED = ("init", "low", "mid", "high")
MOST_BYTES = 16_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="of alphadial train")
    options = parser.parse_args()
    target = load_family("tiny").path
    if options.folder is not None:
        install(load_family(Path(options.folder)), target)
    (target / IDS_FILE).write_text(computed(load_family(target)).model_dump_json(indent=1) + "\n", "utf-8")
    print(f"{target}: {size(target):,} bytes")


def install(family: Family, target: Path) -> None:
    """Replaces the checkpoints in ``target`` by those of a family, and its ``family.json``."""
    total = sum(size(family.checkpoints[name]) for name in SHIPPED)
    if total > MOST_BYTES:
        raise SystemExit(f"{family.path} has {total:,} bytes, and {MOST_BYTES:,} may ship")
    for name in SHIPPED:
        shutil.rmtree(target / name, ignore_errors=True)
        shutil.copytree(family.checkpoints[name], target / name)
    save_family(
        target,
        FamilyFile(
            name=family.name,
            checkpoints={name: name for name in SHIPPED},
            alpha_range=(family.alpha_min, family.alpha_max),
            prompt=family.prompt,
            parser=family.parser,
            problem_set=family.problem_set,
            temperature=family.temperature,
            max_tokens=family.max_tokens,
        ),
    )


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def computed(family: Family) -> ShippedIds:
    """What the file of a family must hold."""
    alphas = {model_name(family, alpha): merge(family, alpha).weights_id for alpha in DEFAULT_ALPHAS}
    named = {model_name(family, name): checkpoint(family, name).weights_id for name in family.checkpoints}
    return ShippedIds(files=hashes(family.path), ids=alphas | named)


if __name__ == "__main__":
    main()
