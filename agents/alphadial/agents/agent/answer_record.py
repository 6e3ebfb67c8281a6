"""What the model has answered in an unfinished attempt, for agents that ask through an endpoint: a file of lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from alphadial.agents.errors import StoreError
from alphadial.agents.types import Completion
from alphadial.envs.checks import Name, Positive, first_fault
from alphadial.envs.errors import ForeignError
from alphadial.envs.foreign import check_folder

ANSWER_FILE = "answers.jsonl"


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """An answer that was given."""

    number: Positive
    """Counts the answers of the attempt, from 1."""
    question: Name
    """Digest of what was asked."""
    completion: Completion


_ANSWER = TypeAdapter(RecordedAnswer)


class AnswerRecord:
    """The answers of one attempt, each in the file before anybody acts on it.

    Args:
        folder: the attempt's own; made with the first answer.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / ANSWER_FILE

    def answers(self) -> list[RecordedAnswer]:
        """All that are recorded. A line that was cut short, since the process was killed in it, is taken away.

        Raises:
            StoreError: the file cannot be read, is damaged or not ours.
        """
        try:
            for folder in (self._folder.parent, self._folder):
                check_folder(folder)
            if not self._file.exists():
                return []
            content = self._file.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                os.truncate(self._file, len(whole))
        except ForeignError as error:
            raise StoreError(str(error)) from error
        except OSError as error:
            raise StoreError(f"{self._file} cannot be read: {error.strerror}") from error
        return list(self._read(whole))

    def append(self, answer: RecordedAnswer) -> None:
        """Adds an answer, which outlives the death of this process from then on.

        Raises:
            StoreError: the file cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab", buffering=0) as file:
                file.write(json.dumps(asdict(answer)).encode() + b"\n")
        except OSError as error:
            raise StoreError(f"{self._file} cannot be written: {error.strerror}") from error

    def _read(self, lines: bytes) -> Iterator[RecordedAnswer]:
        for number, line in enumerate(lines.splitlines(), 1):
            try:
                yield _ANSWER.validate_json(line, strict=True)
            except ValidationError as error:
                raise StoreError(
                    f"{self._file} is damaged or not ours: line {number}: {first_fault(error)}; remove its folder to "
                    "begin the attempt again"
                ) from error
