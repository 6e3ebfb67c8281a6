"""The folder of a comparison: one process at a time, and only the results of the same options in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from alphadial.agents.errors import StoreError
from alphadial.agents.experiments.compare.compare_file import COMPARE_FILE
from alphadial.agents.runs.session import RUNS
from alphadial.envs.folders import LOCK_FILE, lock_folder, write_atomically

TABLES = "tables"
"""Holds a run folder for each table that is made."""
_DRAWN = ("compare.png", "ensembles.png", "report.html")
"""Files that are made from the results, and may lie beside them."""


@dataclass(frozen=True, slots=True)
class FinishedComparison:
    """What a comparison came to."""

    summary: dict[str, Any]
    """The values that ``comparing.compare`` gives; also in the folder, as compare.json."""
    folder: Path


def default_folder(family: str, decides: Mapping[str, Any]) -> Path:
    """``runs/compare-FAMILY-SPLIT-ID``: the same options find their folder again, others get their own."""
    digest = blake2b(json.dumps(decides).encode(), digest_size=4).hexdigest()
    return RUNS / f"compare-{family}-{decides['split']}-{digest}"


def refuse_another(folder: Path, decides: Mapping[str, Any]) -> None:
    """Leaves the results of other options alone.

    Raises:
        StoreError: the folder holds such, or results that cannot be read.
    """
    file = folder / COMPARE_FILE
    if not file.exists():
        return
    try:
        result = json.loads(file.read_text("utf-8"))
        rows = result["rows"]
        made = {name: result.get(name) for name in decides if name not in ("attempts", "controllers")}
        made["orders"] = result["orders"]  # which every comparison has
        made["attempts"] = list(dict.fromkeys(row["k"] for row in rows))
        made["controllers"] = list(dict.fromkeys(row["controller"] for row in rows))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{file} cannot be read: delete it, or choose another --out") from error
    mixed = "mix_temperatures"  # said only where it is so
    made[mixed], wanted = bool(result.get(mixed)), {mixed: False, **decides}
    differs = [f"{name}: {made[name]} / {wanted[name]}" for name in wanted if made[name] != wanted[name]]
    if differs:
        said = "; ".join(differs)
        raise StoreError(
            f"{folder} holds a comparison of other options (there / here: {said:.300}): choose another --out"
        )


def write_results(folder: Path, summary: Mapping[str, Any]) -> FinishedComparison:
    """Writes the results of a comparison into its folder, whole or not at all.

    Raises:
        StoreError: they cannot be written.
    """
    file = folder / COMPARE_FILE
    try:
        write_atomically(file, json.dumps(summary, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror}; choose another --out") from error
    return FinishedComparison(dict(summary), folder)


@contextmanager
def open_results(folder: Path) -> Iterator[None]:
    """The folder of the results, for this process alone.

    Raises:
        StoreError: in use, holding something else, or unwritable.
    """
    known = {LOCK_FILE, TABLES, COMPARE_FILE, *_DRAWN}
    try:
        strangers = {entry.name for entry in folder.iterdir()} - known if folder.is_dir() else set()
        if any(not name.startswith(".") for name in strangers):
            raise StoreError(f"{folder} holds something else than a comparison: choose another --out")
        lock = lock_folder(folder)
    except OSError as error:
        raise StoreError(f"cannot use {folder}: {error.strerror}; choose another --out") from error
    with closing(lock):
        yield
