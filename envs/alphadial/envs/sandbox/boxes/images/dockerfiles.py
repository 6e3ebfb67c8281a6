"""Dockerfiles as data: what their instructions say, and which images they begin from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ....errors import ImageError

_CONTINUED = re.compile(r"\\[ \t]*$")
_HERE_DOCUMENT = re.compile(r"(?:^|\s)<<-?[\"']?\w+[\"']?\s*$")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")
_WORDS = {"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"}
_WORDS |= {"ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: ``COPY --chown=0 a b`` has the word COPY, the flag chown, and the text ``a b``."""

    word: str
    text: str
    flags: Mapping[str, str]


def parse_dockerfile(data: bytes) -> list[Instruction]:
    """Reads a Dockerfile.

    Raises:
        ImageError: it is no text, has no FROM, or holds something that is no instruction.
    """
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        raise ImageError("the Dockerfile of the image is not UTF-8 text") from None
    found: list[Instruction] = []
    pending = ""
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):  # between the lines of one instruction too
            continue
        if _CONTINUED.search(line):
            pending += _CONTINUED.sub("", line)
            continue
        found.append(_instruction(pending + line))
        pending = ""
    if pending.strip():
        found.append(_instruction(pending))
    if not any(each.word == "FROM" for each in found):
        raise ImageError("the Dockerfile of the image has no FROM: it must begin from an image")
    return found


def _instruction(line: str) -> Instruction:
    word, *rest = line.split(None, 1)
    if word.upper() not in _WORDS:
        raise ImageError(f"the Dockerfile of the image cannot be read: {line.strip()[:100]!r} is no instruction")
    flags = {}
    text = rest[0].strip() if rest else ""
    if word.upper() in ("RUN", "COPY") and _HERE_DOCUMENT.search(text):
        raise ImageError(f"the Dockerfile of the image has a here-document, which only BuildKit reads: {text[:100]!r}")
    while match := re.match(r"--([\w.-]+)(?:=(\S*))?\s*", text):
        flags[match[1]] = match[2] or ""
        text = text[match.end() :]
    return Instruction(word.upper(), text, flags)


def substituted(text: str, values: Mapping[str, str]) -> str:
    """The text with ``$NAME``, ``${NAME}`` and ``${NAME:-DEFAULT}`` replaced; what has no value becomes nothing."""
    return _VARIABLE.sub(lambda match: values.get(match[1] or match[3]) or match[2] or "", text)


def bases(instructions: list[Instruction], arguments: Mapping[str, str]) -> list[str]:
    """The images that must be there before it can be built: neither its own stages nor ``scratch``.

    Args:
        instructions: of the whole Dockerfile.
        arguments: values of its ARG, in place of their defaults.
    """
    values = dict(arguments)
    stages, found = {"scratch"}, list[str]()
    for each in instructions:
        if each.word == "ARG" and not found:
            name, _, default = each.text.partition("=")
            values.setdefault(name.strip(), default.strip().strip("\"'"))
        names = substituted(each.text, values).split() if each.word == "FROM" else [each.flags.get("from", "0")]
        if names and names[0].lower() not in stages and not names[0].isdigit() and names[0] not in found:
            found.append(names[0])
        stages |= {name.lower() for name in names[1:]}
    return found
