"""YAML of problem packages, with the line of every key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from .types import FormatError

LARGEST = 1024 * 1024
"""Bytes."""
_MOST_NODES = 100_000
"""Counted where aliases lead too: a few lines of them can stand for billions of values."""


@dataclass(frozen=True, slots=True)
class Yaml:
    """A mapping read from a file."""

    path: Path
    values: dict[str, Any]
    lines: dict[str, int]
    """Line of each key; those of mappings within have dotted names, as in "limits.memory"."""

    def error(self, key: str, message: str) -> FormatError:
        """An error at a key's line."""
        return FormatError(message, path=self.path, line=self.lines.get(key))


def parse_yaml(text: str, path: Path) -> Yaml:
    """The mapping in a YAML file; an empty file is an empty one.

    Raises:
        FormatError: it is not YAML, not a mapping with text keys, or says something twice.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[str, int] = {}
        if node is not None:
            _walk(node, "", lines, [0], path)
        values = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise FormatError(f"not YAML: {problem}", path=path, line=None if mark is None else mark.line + 1) from None
    except RecursionError:
        raise FormatError("not YAML that can be read: it nests too deeply", path=path) from None
    except ValueError as error:
        raise FormatError(f"not YAML: {error}", path=path) from None
    finally:
        loader.dispose()
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise FormatError("must hold keys and values", path=path, line=1)
    return Yaml(path, values, lines)


def _walk(node: Any, prefix: str, lines: dict[str, int], count: list[int], path: Path) -> None:
    count[0] += 1
    if count[0] > _MOST_NODES:
        raise FormatError(f"more than {_MOST_NODES:,} values", path=path)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _walk(item, f"{prefix}[]", lines, count, path)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise FormatError("a key must be a text", path=path, line=line)
            if key.value in seen:
                raise FormatError(f"key {key.value!r} stands twice", path=path, line=line)
            seen.add(key.value)
            name = f"{prefix}.{key.value}" if prefix else key.value
            lines[name] = line
            _walk(value, name, lines, count, path)
