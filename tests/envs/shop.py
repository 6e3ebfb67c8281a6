"""A small repository as a problem: what is right, partly right and slow, and the hidden tests that tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from textwrap import dedent
from typing import Any

from alphadial.envs.files import File
from alphadial.envs.patches import diff
from alphadial.envs.repository import PERFORMANCE, ImageSource, Performance, Repository, Verifier, VerifierKind
from alphadial.envs.types import MIB, Interface, Limits, Problem, Test

CORE = "src/shop/core.py"
BUGGY = """
def totals(lines):
    found = {}
    for line in lines:
        name, amount = line.split()
        found[name] = int(amount)
    return sorted(found.items())


def best(lines):
    return totals(lines)[0]
"""
GOLD = """
def totals(lines):
    found = {}
    for line in lines:
        name, amount = line.split()
        found[name] = found.get(name, 0) + int(amount)
    return sorted(found.items())


def best(lines):
    if not lines:
        raise ValueError("no lines")
    return max(totals(lines), key=lambda item: item[1])
"""
PARTIAL = GOLD.replace("max(totals(lines), key=lambda item: item[1])", "totals(lines)[-1]")
SLOW = GOLD.replace(
    "    return sorted(found.items())",
    "    for line in lines:\n        for other in lines[:400]:\n            line == other\n"
    "    return sorted(found.items())",
)
"""It does the work of the right one, and much besides."""
PUBLIC_TEST = """
from shop.core import totals


def test_one_line():
    assert totals(["tea 3"]) == [("tea", 3)]
"""
SUMS = """
from shop.core import totals


def test_sums():
    assert totals(["tea 3", "cake 2", "tea 4"]) == [("cake", 2), ("tea", 7)]


def test_many():
    expected = [("a", 45)]
    assert totals([f"a {n}" for n in range(10)]) == expected
"""
BEST = """
import unittest

import pytest

from shop.core import best


class Best(unittest.TestCase):
    def test_most(self):
        self.assertEqual(best(["tea 3", "ale 9", "cake 2", "tea 4"]), ("ale", 9))
        self.assertTrue(best(["tea 3"]))

    def test_empty(self):
        with self.assertRaises(ValueError):
            best([])


@pytest.mark.parametrize(("lines", "name"), [(["a 1", "b 2"], "b"), (["a 3", "b 2"], "a")])
def test_names(lines, name):
    assert best(lines)[0] == name
    with pytest.raises(ValueError, match="lines"):
        best([])
"""
BENCH = """
from shop.core import totals

print(totals([f"n{n % 97} {n}" for n in range(120_000)])[:2])
"""
NODES = (
    Test(1, "", "", name="tests/test_sums.py::test_sums"),
    Test(1, "", "", name="tests/test_sums.py::test_many"),
    Test(2, "", "", public=True, name="tests/test_shop.py::test_one_line"),
    Test(2, "", "", name="tests/test_best.py::Best"),
    Test(2, "", "", name="tests/test_best.py::test_names[lines0-b]"),
    Test(2, "", "", name="tests/test_best.py::test_names[lines1-a]"),
)
CALL = Test(1, json.dumps(["shop.core:totals", [["tea 3", "tea 1"]]]), json.dumps([["tea", 4]]), name="a call")
TIMED = Test(3, "", "", name=PERFORMANCE)


def texts(files: Mapping[str, str]) -> dict[str, File]:
    return {path: File(dedent(text).lstrip().encode()) for path, text in files.items()}


TREE = texts(
    {
        "README.md": "# shop\n",
        "src/shop/__init__.py": "",
        CORE: BUGGY,
        "tests/test_shop.py": PUBLIC_TEST,
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--strict-markers -x'\nmarkers = ['quick']\n",
    }
)
HIDDEN = texts({"tests/test_sums.py": SUMS, "tests/test_best.py": BEST})


def patch(files: Mapping[str, str], gone: tuple[str, ...] = ()) -> str:
    """The patch that writes these files."""
    after = {**TREE, **texts(files)}
    return diff(TREE, {path: file for path, file in after.items() if path not in gone})


def shop(*tests: Test, kind: VerifierKind = VerifierKind.TESTS, performance: bool = True, **more: Any) -> Problem:
    """The problem; without tests with all of them."""
    repository = Repository(
        image=ImageSource("repository"),
        verifier=Verifier(kind, HIDDEN, timeout_s=20.0),
        tree=TREE,
        gold=patch({CORE: GOLD}),
        performance=Performance(("python3", "-c", "import sys; sys.path.append('src'); " + BENCH))
        if performance
        else None,
    )
    return Problem(
        "shop",
        tests=tests or (*NODES[:2], CALL, *NODES[2:], *((TIMED,) if performance else ())),
        interface=Interface.REPOSITORY,
        limits=Limits(20.0, 50.0, 1024 * MIB, 16 * MIB, 128 * MIB, 128),
        time_limit_s=20.0,
        repository=replace(repository, **more),
    )
