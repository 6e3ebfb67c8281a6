"""The curves of a training folder, as far as they were saved."""

from __future__ import annotations

from pathlib import Path

from alphadial.training.state import STATE_FILE, CurvePoint, read_curve
from alphadial.training.train import STATES


def saved_curves(out: Path) -> dict[str, list[CurvePoint]]:
    """The curves that a training folder holds, stage by stage, in order of training; {} where there is none.

    Raises:
        TrainingError: what was saved there cannot be read.
    """
    files = sorted(out.glob(f"{STATES}/*/{STATE_FILE}"), key=lambda file: file.stat().st_mtime_ns)
    return {file.parent.name: read_curve(file.parent) for file in files}
