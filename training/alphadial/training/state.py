"""A stage of training on disk: weights, optimiser moments and curve, saved atomically, resumed bit for bit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alphadial.training.errors import TrainingError

STATE_FILE = "state.safetensors"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One step of a stage. Rates are fractions of the step's samples."""

    step: int
    loss: float
    reward: float | None = None
    """Share of samples that pass every test of the coverage; None in SFT."""
    tle: float | None = None
    wa: float | None = None
    seconds: float = 0.0


def read_curve(folder: Path) -> list[CurvePoint]:
    """The curve of a saved stage.

    Raises:
        OSError: nothing was saved there.
    """
    from safetensors import safe_open

    with safe_open(folder / STATE_FILE, "pt") as saved:
        return [CurvePoint(**row) for row in json.loads(saved.metadata()["curve"])]


class Stage:
    """A stage's folder: ``state.safetensors``, with the curve in its metadata.

    ``settings`` names all that determines the stage; a folder made with other settings is refused.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], model: Any, optimiser: Any) -> None:
        self.folder = folder
        self.settings = json.dumps(settings, sort_keys=True)
        self.model = model
        self.optimiser = optimiser
        self.curve: list[CurvePoint] = []
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def _file(self) -> Path:
        return self.folder / STATE_FILE

    def resume(self) -> int:
        """Loads the last saved state, if there is one, and returns the number of steps done.

        Raises:
            TrainingError: the folder belongs to a run with other settings.
        """
        if not self._file.exists():
            return 0
        from safetensors import safe_open

        with safe_open(self._file, "pt") as saved:
            metadata = saved.metadata()
            tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118  (no mapping)
        if metadata["settings"] != self.settings:
            raise TrainingError(
                f"{self.folder} was trained with other settings ({metadata['settings']}): choose another --out"
            )
        for name, parameter in self.model.named_parameters():
            parameter.data.copy_(tensors[f"weight/{name}"])
            moments = {key: tensors[f"{key}/{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
            self.optimiser.state[parameter] = moments
        self.curve = read_curve(self.folder)
        return len(self.curve)

    def save(self) -> None:
        """Replaces the saved state by the present one."""
        from safetensors.torch import save_file

        tensors = {}
        for name, parameter in self.model.named_parameters():
            tensors[f"weight/{name}"] = parameter.data
            for key, moment in self.optimiser.state[parameter].items():
                tensors[f"{key}/{name}"] = moment
        curve = json.dumps([asdict(point) for point in self.curve])
        temporary = self._file.with_suffix(".partial")
        save_file(tensors, temporary, {"settings": self.settings, "curve": curve})
        temporary.replace(self._file)
