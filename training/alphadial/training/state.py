"""A stage of training on disk: weights, optimiser moments and curve, saved atomically, resumed bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alphadial.envs.checks import Count, Number, Seconds, first_fault
from alphadial.envs.errors import ForeignError
from alphadial.envs.foreign import check_folder
from alphadial.training.errors import TrainingError

STATE_FILE = "state.safetensors"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One step of a stage. Rates are fractions of the step's samples."""

    step: Count
    loss: Number
    reward: Number | None = None
    """Share of samples that pass every test of the coverage; None in SFT."""
    tle: Number | None = None
    wa: Number | None = None
    seconds: Seconds = 0.0


_CURVE = TypeAdapter(list[CurvePoint])


def read_curve(folder: Path) -> list[CurvePoint]:
    """The curve of a saved stage.

    Raises:
        TrainingError: what was saved there cannot be read.
        OSError: nothing was saved there.
    """
    with _opened(folder) as saved:
        return _curve(saved)


@contextmanager
def _opened(folder: Path) -> Iterator[Any]:
    """A stage's file, which may come from anywhere, checked as far as its header goes."""
    from safetensors import SafetensorError, safe_open

    file = folder / STATE_FILE
    try:
        check_folder(folder)
        with safe_open(file, "pt") as saved:
            yield saved
    except ForeignError as error:
        raise TrainingError(f"{error}; or choose another --out") from error
    except ValidationError as error:
        raise TrainingError(f"{file} is damaged: curve: {first_fault(error)}: choose another --out") from error
    except (SafetensorError, ValueError) as error:
        raise TrainingError(f"{file} is damaged: {error}: choose another --out") from error


def _curve(saved: Any) -> list[CurvePoint]:
    return _CURVE.validate_json(_metadata(saved, "curve"))


def _metadata(saved: Any, name: str) -> str:
    """Raises ValueError where the file lacks it."""
    found = (saved.metadata() or {}).get(name)
    if found is None:
        raise ValueError(f"its metadata has no {name}")
    return str(found)


def _tensor(saved: Any, name: str, like: Any | None) -> Any:
    """One tensor, of the shape of ``like``, or without one a single number.

    Raises ValueError where the file has no such tensor.
    """
    shape = [] if like is None else list(like.shape)
    if name not in saved.keys() or saved.get_slice(name).get_shape() != shape:  # noqa: SIM118  (no mapping)
        raise ValueError(f"it has no tensor {name} of shape {shape}")
    return saved.get_tensor(name)


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
            TrainingError: the folder belongs to a run with other settings, or what was saved there cannot be read.
        """
        if not self._file.exists():
            return 0
        with _opened(self.folder) as saved:
            settings = _metadata(saved, "settings")
            if settings != self.settings:
                raise TrainingError(
                    f"{self.folder} was trained with other settings ({settings[:1000]}): choose another --out"
                )
            for name, parameter in self.model.named_parameters():
                parameter.data.copy_(_tensor(saved, f"weight/{name}", parameter))
                moments = {key: _tensor(saved, f"{key}/{name}", parameter) for key in ("exp_avg", "exp_avg_sq")}
                self.optimiser.state[parameter] = {"step": _tensor(saved, f"step/{name}", None), **moments}
            self.curve = _curve(saved)
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
