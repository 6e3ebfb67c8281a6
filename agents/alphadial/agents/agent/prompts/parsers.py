"""Answer parsers: the text of an answer in, the program in it out."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnswerParser:
    """Takes group 1 of the last match of ``pattern``; the whole text without a pattern."""

    pattern: re.Pattern[str] | None = None

    def parse(self, text: str) -> str:
        """The program, or "" where the answer holds none."""
        if self.pattern is None:
            return text
        found = self.pattern.findall(text)
        return str(found[-1]) if found else ""


PARSERS: dict[str, AnswerParser] = {
    "program": AnswerParser(),
    "fenced": AnswerParser(re.compile(r"^[ \t]*```(?:python|py)?[ \t]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)),
}
