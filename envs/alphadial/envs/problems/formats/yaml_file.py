"""YAML of problem packages, with the line of every key."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from alphadial.envs.problems.formats.lines import describe
from alphadial.envs.problems.formats.packages import FormatError, LoadError

LARGEST = 1024 * 1024
"""Bytes."""
_MOST_NODES = 100_000
"""Counted where aliases lead too: a few lines of them can stand for billions of values."""
_LONGEST_NAME = 200
"""Characters of a dotted name whose line is kept: each holds the names around it, so that longer ones would add up."""
_LONGEST_VALUE = 1000
"""Characters of a value that is no text: neither reading nor showing a long integer takes linear time."""
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What PyYAML raises on values that are not what their tags say, as a KeyError on "!!bool maybe"."""


@dataclass(frozen=True, slots=True)
class Yaml:
    """A mapping read from a file."""

    path: Path
    values: dict[str, Any]
    lines: dict[str, int]
    """Line of each key; those of mappings within have dotted names, as in "limits.memory"."""
    warnings: tuple[LoadError, ...] = ()
    """Of keys that stand twice and that nobody reads."""

    def error(self, key: str, message: str) -> FormatError:
        """An error at a key's line."""
        return FormatError(message, path=self.path, line=self.lines.get(key))

    def unread(self, key: str) -> LoadError:
        """A warning that nobody reads a key."""
        return LoadError(self.path, self.lines.get(key), f"unknown key {key[:40]!r}, which is not used", harmless=True)


@contextmanager
def at(yaml: Yaml, key: str) -> Iterator[None]:
    """Gives errors within the place of a key."""
    try:
        yield
    except FormatError as error:
        if error.path is not None:
            raise
        raise yaml.error(key, str(error)) from None


def parse_yaml(text: str, path: Path, read: Collection[str] | None = None) -> Yaml:
    """The mapping in a YAML file; an empty file is an empty one.

    Args:
        text: of the file.
        path: of the file.
        read: keys that somebody reads, with all in them; None: every key.

    Raises:
        FormatError: it is not YAML, not a mapping with text keys, or says something twice that is read.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        walk = _Walk(loader, path, read)
        if node is not None:
            walk.visit(node, "")
        values = {} if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise FormatError(f"not YAML: {_problem(error)}", path=path, line=_line(error, text)) from None
    except RecursionError:
        raise FormatError("not YAML that can be read: it nests too deeply", path=path) from None
    except _UNREADABLE as error:
        raise FormatError(f"not YAML that can be read: {describe(error)}", path=path) from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise FormatError("must hold keys and values", path=path, line=1)
    return Yaml(path, values, walk.lines, tuple(walk.warnings))


class _Walk:
    """Looks at every node before values are made of them."""

    def __init__(self, loader: Any, path: Path, read: Collection[str] | None) -> None:
        self.lines: dict[str, int] = {}
        self.warnings: list[LoadError] = []
        self._read = read
        self._loader = loader
        self._path = path
        self._count = 0

    def visit(self, node: Any, name: str) -> None:
        self._count += 1
        if self._count > _MOST_NODES:
            raise FormatError(f"more than {_MOST_NODES:,} values", path=self._path)
        if isinstance(node, yaml.ScalarNode):
            self._check(node)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.visit(item, f"{name}[]"[: _LONGEST_NAME + 1])
        else:
            self._visit_keys(node, name)

    def _visit_keys(self, node: Any, outer: str) -> None:
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(key, "a key must be a text")
            if key.value in seen:
                self._twice(key, f"{outer}.{key.value}" if outer else key.value)
            seen.add(key.value)
            self._check(key)
            name = f"{outer}.{key.value}" if outer else key.value
            if len(name) <= _LONGEST_NAME:
                self.lines[name] = key.start_mark.line + 1
            self.visit(value, name[: _LONGEST_NAME + 1])

    def _twice(self, key: Any, name: str) -> None:
        message = f"key {key.value[:40]!r} stands twice"
        if self._read is None or name.partition(".")[0].removesuffix("[]") in self._read:
            raise self._error(key, message)
        line = key.start_mark.line + 1
        self.warnings.append(LoadError(self._path, line, f"{message}, and is not used", harmless=True))

    def _check(self, node: Any) -> None:
        if node.tag in (_TEXT, _MERGE):
            return
        if len(node.value) > _LONGEST_VALUE:
            raise self._error(node, f"a value that is no text, of more than {_LONGEST_VALUE:,} characters")
        try:
            self._loader.construct_object(node)
        except _UNREADABLE:
            kind = node.tag.rpartition(":")[2]
            raise self._error(node, f"not YAML: {node.value[:40]!r} is no {kind}") from None

    def _error(self, node: Any, message: str) -> FormatError:
        return FormatError(message, path=self._path, line=node.start_mark.line + 1)


def _problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {error.character:#04x} is not allowed"
    return (getattr(error, "problem", None) or describe(error))[:_LONGEST_NAME]


def _line(error: yaml.YAMLError, text: str) -> int | None:
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1
    mark = getattr(error, "problem_mark", None)
    return None if mark is None else mark.line + 1
