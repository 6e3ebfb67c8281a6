"""Families by name or folder, and the ``family.json`` that makes one self-contained. Importing this loads no torch."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    model_serializer,
    model_validator,
)

from alphadial.merge_engine.alpha import ALPHA_LIMIT, CHECKPOINT_NAME, parse_alpha
from alphadial.merge_engine.errors import AlphaError, FamilyError, OutputError
from alphadial.merge_engine.recipes import complete
from alphadial.merge_engine.types import Family, Recipe

FAMILY_FILE = "family.json"
_SHIPPED = Path(__file__).parent / "families"


def _alpha(value: float) -> float:
    try:
        return parse_alpha(value)
    except AlphaError as error:
        raise ValueError(str(error)) from error


_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
_CheckpointName = Annotated[str, StringConstraints(pattern=f"^{CHECKPOINT_NAME.pattern}$")]
_Alpha = Annotated[float, AfterValidator(_alpha)]


class RecipeFile(BaseModel):
    """The field ``recipe`` of ``family.json``; see ``types.Recipe``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = "linear"
    low: _CheckpointName = "low"
    high: _CheckpointName | None = None
    """Left out, it is "high" where the method takes one."""
    models: dict[_CheckpointName, str] = {}
    parameters: dict[str, str] = {}
    alphas: dict[Annotated[str, Field(min_length=1)], str] = {}

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if value}

    def completed(self, checkpoints: Collection[str]) -> Recipe:
        """The recipe of a family that has these checkpoints.

        Raises:
            FamilyError: as ``recipes.complete``.
        """
        written = Recipe(self.method, self.low, self.high, self.models, self.parameters, self.alphas)
        return complete(written, checkpoints)


class LooseRecipeFile(RecipeFile):
    """A recipe in a file of its own."""

    checkpoints: dict[_CheckpointName, Annotated[str, Field(min_length=1)]] = {}
    """Folder of each checkpoint, relative to the file's folder, or absolute; none where they are a family's."""


class FamilyFile(BaseModel):
    """The contents of ``family.json``; see ``types.Family`` for the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    name: _Name
    checkpoints: dict[_CheckpointName, Annotated[str, Field(min_length=1)]]
    """Folder of each checkpoint, relative to the family's folder, or absolute."""
    recipe: RecipeFile = RecipeFile()
    alpha_range: tuple[_Alpha, _Alpha]
    prompt: str
    parser: str
    problem_set: str
    temperature: Annotated[float, Field(ge=0)]
    max_tokens: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _holds_together(self) -> FamilyFile:
        try:
            self.recipe.completed(self.checkpoints)
        except FamilyError as error:
            raise ValueError(f"recipe.{error}") from error
        if self.alpha_range[0] >= self.alpha_range[1]:
            raise ValueError("alpha_range: the first alpha must be below the second")
        return self


def pair_of_folders(low: Path, high: Path) -> Family:
    """The family of two checkpoints that have no ``family.json``: it can be merged, and not asked.

    Args:
        low: the Hugging Face folder at alpha 0.
        high: that at alpha 1.

    Raises:
        FamilyError: one is no folder.
    """
    for folder in (low, high):
        if not folder.is_dir():
            raise FamilyError(f"{folder} is no folder: name the two folders of a pair, or one FAMILY")
    return family_of_folders(f"{low.name}+{high.name}", {"low": low, "high": high}, Recipe())


def family_of_folders(name: str, checkpoints: Mapping[str, Path], recipe: Recipe) -> Family:
    """The family of checkpoints that have no ``family.json``: it can be merged, and not asked.

    Args:
        name: of the family.
        checkpoints: Hugging Face folders by name.
        recipe: how they are merged; what it leaves out is at its default.

    Raises:
        FamilyError: the recipe does not hold.
    """
    return Family(
        name=name,
        path=next(iter(checkpoints.values())).parent,
        checkpoints=checkpoints,
        recipe=complete(recipe, checkpoints),
        alpha_min=-ALPHA_LIMIT,
        alpha_max=ALPHA_LIMIT,
        prompt="",
        parser="",
        problem_set="",
        temperature=0.0,
        max_tokens=1,
    )


def read_recipe(file: Path, family: Family | None = None) -> Family:
    """What a recipe in a file of its own makes of the checkpoints that it names, or of a family's.

    Args:
        file: the fields of a family's ``recipe``, and ``checkpoints`` where there is no family.
        family: whose checkpoints are merged, within its range of alpha.

    Raises:
        FamilyError: the file cannot be read or does not hold, or both or neither have checkpoints.
    """
    contents = _parsed(LooseRecipeFile, file)
    if family is not None and contents.checkpoints:
        raise FamilyError(f"{file}: checkpoints: {family.name} has its own: leave these out, or the family")
    checkpoints = _folders(file, contents.checkpoints) if family is None else family.checkpoints
    if not checkpoints:
        raise FamilyError(f"{file}: checkpoints: name the folder of each, or a family that has them")
    try:
        recipe = contents.completed(checkpoints)
    except FamilyError as error:
        raise FamilyError(f"{file}: {error}") from error
    if family is None:
        return family_of_folders(file.stem, checkpoints, recipe)
    return replace(family, name=f"{family.name}+{file.stem}", recipe=recipe)


def shipped_families() -> list[str]:
    """Names of the families that come with alphadial."""
    return sorted(file.parent.name for file in _SHIPPED.glob(f"*/{FAMILY_FILE}"))


def is_shipped(family: Family) -> bool:
    """Whether it is one of the families that come with alphadial, and neither someone else's nor of another recipe."""
    return family.path.parent == _SHIPPED and family == _load(family.path)


def load_family(name_or_folder: str | Path) -> Family:
    """A family that comes with alphadial, by name, or any folder with a ``family.json``.

    A bare name that is shipped means the shipped family even where a folder of that name lies at hand: write ``./name``
    for the folder.

    Raises:
        FamilyError: unknown (the message lists the choices), or a ``family.json`` that does not hold (file and field).
    """
    if isinstance(name_or_folder, str) and name_or_folder in shipped_families():
        return _load(_SHIPPED / name_or_folder)
    folder = Path(name_or_folder)
    if (folder / FAMILY_FILE).is_file():
        return _load(folder)
    if folder.is_dir():
        raise FamilyError(f"{folder} holds no {FAMILY_FILE}, so it is not a family")
    choices = " or ".join([*shipped_families(), f"a folder with a {FAMILY_FILE}"])
    raise FamilyError(f"unknown family {str(name_or_folder)!r}: choose {choices}")


def save_family(folder: Path, contents: FamilyFile) -> Path:
    """Writes ``family.json`` into an existing folder, whole or not at all, and returns its path.

    Raises:
        OutputError: the folder cannot be written.
    """
    file = folder / FAMILY_FILE
    draft = folder / f".{FAMILY_FILE}.{os.getpid()}.tmp"
    try:
        draft.write_text(contents.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise OutputError(f"cannot write {file}: {error.strerror}") from error
    return file


def _load(folder: Path) -> Family:
    contents = _parsed(FamilyFile, folder / FAMILY_FILE)
    checkpoints = _folders(folder / FAMILY_FILE, contents.checkpoints)
    alpha_min, alpha_max = contents.alpha_range
    return Family(
        name=contents.name,
        path=folder,
        checkpoints=checkpoints,
        recipe=contents.recipe.completed(checkpoints),
        alpha_min=alpha_min,
        alpha_max=alpha_max,
        prompt=contents.prompt,
        parser=contents.parser,
        problem_set=contents.problem_set,
        temperature=contents.temperature,
        max_tokens=contents.max_tokens,
    )


_Contents = TypeVar("_Contents", bound=BaseModel)


def _parsed(model: type[_Contents], file: Path) -> _Contents:
    try:
        return model.model_validate_json(file.read_bytes())
    except OSError as error:
        raise FamilyError(f"cannot read {file}: {error.strerror}") from error
    except ValidationError as error:
        raise FamilyError(f"{file}: {_first_fault(error)}") from error


def _folders(file: Path, checkpoints: Mapping[str, str]) -> dict[str, Path]:
    folders = {name: file.parent / path for name, path in checkpoints.items()}
    for name, path in folders.items():
        if not path.is_dir():
            raise FamilyError(f"{file}: checkpoints.{name}: no folder {path}")
    return folders


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    what = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
