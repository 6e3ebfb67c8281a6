"""Finds the tests that decide in a Harbor task, and their levels: as ``[metadata.alphadial]`` says, or by rule."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alphadial.envs.files import File
from alphadial.envs.problems.formats.fields import Row, mapping, number, parse, required, sequence, text, text_of
from alphadial.envs.problems.formats.file_trees import below
from alphadial.envs.problems.formats.harbor_settings import Settings
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.repository import REWARD, Performance, VerifierKind
from alphadial.envs.types import Test

_NODE = re.compile(r"([^:/\\\0\n][^:\\\0\n]*\.py)(::[^\0\n]+)?")
_CALL = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_SCRIPTS = (VerifierKind.SCRIPT, VerifierKind.SHARED_SCRIPT)


@dataclass(frozen=True, slots=True)
class Tests:
    """What decides whether a task is solved."""

    kind: VerifierKind
    tests: tuple[Test, ...]
    """The tests that decide; their levels may have gaps."""
    files: Mapping[str, File]
    """The files that are laid over the code base before the tests run, by relative path; none for a script."""


def read_tests(settings: Settings, hidden: dict[str, File], tree: Mapping[str, File] | None) -> Tests:
    """The tests of a task.

    Args:
        settings: what task.toml says.
        hidden: the folder ``tests``.
        tree: the code base, where it is known.

    Raises:
        FormatError: they are stated in a wrong way, or name files that are nowhere.
    """
    ours = settings.ours
    nodes = {key: _nodes(ours, key) for key in ("fail_to_pass", "pass_to_pass")}
    public = set(_nodes(ours, "public"))
    calls = _calls(settings, hidden)
    kind = _kind(settings, bool(calls or any(nodes.values())))
    if kind in _SCRIPTS:
        if calls or any(nodes.values()):
            raise FormatError(f"verifier = {str(kind)!r} decides alone: state no tests or calls beside it")
        return Tests(kind, tuple(Test(level, "", "", name=name) for level, name in enumerate(_rewards(ours), 1)), {})
    if "rewards" in ours:
        raise FormatError("rewards are of a script: state them with verifier = 'script'")
    files = _test_tree(ours, hidden)
    known = [node for stated in nodes.values() for node in stated]
    if len(set(known)) < len(known):
        twice = next(node for node in known if known.count(node) > 1)
        raise FormatError(f"the test {twice[:200]!r} is stated twice")
    if stray := sorted(public - set(known)):
        raise FormatError(f"public: {stray[0][:200]!r} is in neither fail_to_pass nor pass_to_pass")
    for node in known:
        where = node.partition("::")[0]
        if where not in files and tree is not None and where not in tree:
            raise FormatError(f"the test {node[:200]!r} is in a file that is neither in the code base nor below tests/")
    tests = [
        Test(level, "", "", public=node in public, name=node)
        for level, stated in enumerate(nodes.values(), 1)
        for node in stated
    ]
    return Tests(kind, (*tests, *calls), files)


def read_performance(settings: Settings, hidden: dict[str, File], gold: str) -> Performance | None:
    """The highest level, where there is one.

    Raises:
        FormatError: it is stated in a wrong way, or there is no gold patch to compare with.
    """
    if "performance" not in settings.ours:
        return None
    stated = mapping(settings.ours["performance"], "[metadata.alphadial.performance]")
    if unknown := sorted(stated.keys() - {"command", "files", "ratio", "pairs"}):
        raise FormatError(f"unknown key {unknown[0][:40]!r} in [metadata.alphadial.performance]")
    if not gold:
        raise FormatError("[metadata.alphadial.performance] needs a gold patch to compare with: solution/gold.patch")
    command = tuple(
        text(word, "each of performance.command") for word in sequence(required(stated, "command"), "command")
    )
    if not command:
        raise FormatError("performance.command is empty")
    folder = text_of(stated, "files", "")
    files = below(hidden, folder or "performance")
    if folder and not files:
        raise FormatError(f"performance.files: there is no folder tests/{folder[:100]}")
    pairs = stated.get("pairs", 7)
    if not isinstance(pairs, int) or not 1 <= pairs <= 50:
        raise FormatError("performance.pairs must be a whole number from 1 to 50")
    return Performance(
        command, files, number(stated.get("ratio", 2.0), "performance.ratio", above=1.0, most=1e3), pairs
    )


def _kind(settings: Settings, tests_stated: bool) -> VerifierKind:
    stated = text(settings.ours.get("verifier", ""), "verifier")
    scripted = VerifierKind.SCRIPT if settings.separate else VerifierKind.SHARED_SCRIPT
    if not stated:
        return VerifierKind.TESTS if tests_stated else scripted
    if stated not in list(VerifierKind):
        raise FormatError(f"verifier must be {', '.join(map(repr, map(str, VerifierKind)))}, not {stated[:40]!r}")
    return VerifierKind(stated)


def _rewards(ours: Row) -> list[str]:
    found = [text(name, "each of rewards") for name in sequence(ours.get("rewards", [REWARD]), "rewards")]
    if not found or len(set(found)) < len(found):
        raise FormatError("rewards must name numbers of reward.json, one for each level, each once")
    return found


def _nodes(ours: Row, key: str) -> list[str]:
    found = [text(node, f"each of {key}") for node in sequence(ours.get(key, []), key)]
    for node in found:
        named = _NODE.fullmatch(node)
        if named is None or ".." in named[1].split("/"):
            raise FormatError(f"{key}: {node[:200]!r} is no test such as 'tests/test_core.py::test_order'")
    return found


def _test_tree(ours: Row, hidden: dict[str, File]) -> dict[str, File]:
    stated = text(ours.get("test_tree", ""), "test_tree")
    found = below(hidden, stated or "repository")
    if stated and not found:
        raise FormatError(f"test_tree: there is no folder tests/{stated[:100]}")
    return found


def _calls(settings: Settings, hidden: Mapping[str, File]) -> list[Test]:
    stated = text(settings.ours.get("calls", ""), "calls")
    name = stated or "calls.json"
    file = hidden.get(name)
    if file is None or file.link:
        if stated:
            raise FormatError(f"calls: there is no file tests/{stated[:100]}")
        return []
    path = settings.path.parent / "tests" / name
    try:
        values = sequence(parse(file.data.decode(), "the file"), "the file")
        return [_call(value, place) for place, value in enumerate(values)]
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 at byte {error.start}", path=path) from None
    except FormatError as error:
        raise FormatError(str(error), path=path) from None


def _call(value: Any, place: int) -> Test:
    what = f"call {place}"
    row = mapping(value, what)
    if unknown := sorted(row.keys() - {"call", "arguments", "value", "level", "name"}):
        raise FormatError(f"{what}: unknown key {unknown[0][:40]!r}")
    called = text_of(row, "call")
    if not _CALL.fullmatch(called):
        raise FormatError(f"{what}: {called[:100]!r} is no function such as 'package.module:function'")
    arguments = sequence(required(row, "arguments"), f"arguments of {what}")
    if "value" not in row:
        raise FormatError(f"{what} has no value")
    level = row.get("level", 1)
    if type(level) is not int or level not in (1, 2):
        raise FormatError(f"{what}: level must be 1 or 2")
    name = text_of(row, "name", f"call {place + 1}: {called}")
    return Test(level, json.dumps([called, arguments]), json.dumps(row["value"]), name=name)
