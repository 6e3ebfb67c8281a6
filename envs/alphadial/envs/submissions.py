"""What is handed in to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .languages import PYTHON, find_language

PATCH = "patch"
"""The language of what is handed in to a repository: one file, as ``git diff`` writes it."""
_PATCH_FILE = "model.patch"


@dataclass(frozen=True, slots=True)
class Submission:
    """A program that is handed in: source files in one language.

    Raises:
        ValueError: ``main`` is none of the files.
    """

    language: str
    """Its name in ``alphadial.envs.languages``, or ``PATCH``."""
    files: Mapping[str, str]
    """Relative path to text, as ``raw.as_text`` gives it."""
    main: str
    """Path of the file that starts the program, or that has the function which the tests call."""

    def __post_init__(self) -> None:
        if self.main not in self.files:
            raise ValueError(f"the main file {self.main!r} is none of the files of the submission")

    @classmethod
    def of(cls, source: str, language: str = PYTHON) -> Submission:
        """A submission of one file, which gets the name that its language asks for.

        Raises:
            ProblemError: the judge does not know the language.
        """
        main = find_language(language).file_of(source)
        return cls(language, {main: source}, main)

    @classmethod
    def patch(cls, text: str) -> Submission:
        """A patch to a repository, as ``alphadial.envs.patches.diff`` makes it."""
        return cls(PATCH, {_PATCH_FILE: text}, _PATCH_FILE)

    @property
    def source(self) -> str:
        """The text of the main file."""
        return self.files[self.main]

    @property
    def ordered_files(self) -> dict[str, str]:
        """All files, the main one first."""
        return {self.main: self.source, **self.files}
