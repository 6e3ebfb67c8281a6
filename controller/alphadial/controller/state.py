"""Controllers on disk: versioned JSON, whole or not at all, every field checked on the way in."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from alphadial.controller.errors import ControllerError, StateError
from alphadial.controller.registry import CONTROLLERS
from alphadial.controller.types import Controller


def save_state(controller: Controller, path: Path) -> None:
    """Writes what ``controller.state()`` tells; an interrupted write leaves the file as it was.

    Raises:
        ControllerError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    text = json.dumps(controller.state(), allow_nan=False, separators=(",", ":"))
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise ControllerError(f"cannot write {path}: {error.strerror}") from error


def load_state(path: Path, controller: type[Controller] | None = None) -> Controller:
    """The controller that was saved.

    Args:
        path: the file.
        controller: its class, for one that does not come with alphadial; a file never chooses code to import.

    Raises:
        StateError: the file cannot be read, or a field is missing, unknown, of the wrong type or out of range.
    """
    if path.exists() and not path.is_file():
        raise StateError(f"{path} is no regular file")
    try:
        state = json.loads(path.read_bytes())
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path}: not JSON ({error})") from error
    name = state.get("controller") if isinstance(state, dict) else None
    if controller is None:
        if not isinstance(name, str) or name not in CONTROLLERS:
            choices = ", ".join(CONTROLLERS)
            raise StateError(f"{path}: field 'controller': expected one of {choices}, not {name!r}")
        controller = CONTROLLERS[name]
    try:
        return controller.from_state(state)
    except StateError as error:
        raise StateError(f"{path}: {error}") from error
