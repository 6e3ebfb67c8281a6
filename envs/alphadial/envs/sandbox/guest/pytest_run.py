"""Runs copies of a repository's tests by pytest and reports what each test and each assertion in it did.

``/grade`` holds it. It knows neither which copy is as its author wrote it, nor what any assertion should say.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

from . import assertions
from .reporting import Report, begin, cpu_s

_ASSERTION = "AssertionError"
_LONGEST = 4_000
"""Characters of what pytest says of a failure."""


def main() -> None:
    """Runs the tests that it is told to."""
    told, report = begin()
    try:
        import pytest
    except ImportError:
        report.say({"lacks": "pytest"})
        report.end()
    report.say({"ready": True})
    sys.modules[told["assertions"]] = assertions
    sys.path.extend(told["import_from"])
    sys.argv[:] = ["pytest"]
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    if told["isolated"]:
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    pytest.main(_arguments(told), plugins=[Watch(report, told["wanted"], told["text"])])
    report.end()


def _arguments(told: dict[str, Any]) -> list[str]:
    arguments = ["-q", "-s", "--maxfail=0", "--continue-on-collection-errors", "--rootdir", told["root"]]
    if told["isolated"]:
        arguments += ["-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null"]
    elif find_spec("xdist") is not None:
        arguments += ["-n", "0"]  # whatever the project says: what is noted stays in this process
    if not told["text"]:
        arguments += ["--assert=plain"]
    return [*arguments, *told["files"]]


class Watch:
    """A plugin of pytest's: picks the tests, in order of level, and reports each.

    Args:
        report: where to.
        wanted: ids of tests, or what they begin with, to their level.
        text: whether to tell what pytest says of failures.
    """

    def __init__(self, report: Report, wanted: dict[str, int], text: bool) -> None:
        self._report = report
        self._wanted = wanted
        self._text = text
        self._found: dict[str, str] = {}
        self._began = 0.0
        self._errors: dict[str, tuple[str, str]] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Leaves the tests that are wanted."""
        levels = {item.nodeid: self._level(item.nodeid) for item in items}
        items[:] = sorted(
            (item for item in items if levels[item.nodeid] is not None), key=lambda item: levels[item.nodeid] or 0
        )

    def pytest_collection_finish(self, session: Any) -> None:
        """Tells which are left."""
        self._report.say({"collected": [item.nodeid for item in session.items]})

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        """Notes what a test, or the module that it is in, raised."""
        error = call.excinfo.value
        error = error.__cause__ or error if call.when == "collect" else error
        name = _ASSERTION if isinstance(error, AssertionError) or _is_fail(error) else type(error).__name__
        text = report.longreprtext[-_LONGEST:] if self._text else ""
        self._errors[node.nodeid] = (name, text)
        if call.when == "collect":
            self._report.say({"broken": node.nodeid, "error": name, "text": text})

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Begins a test."""
        assertions.seen.clear()
        self._found[nodeid] = "passed"
        self._began = cpu_s()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Ends a test, with its last phase."""
        outcome = "xfail" if "wasxfail" in vars(report) else report.outcome
        if self._found[report.nodeid] == "passed":
            self._found[report.nodeid] = outcome
        if report.when == "teardown":
            error, text = self._errors.get(report.nodeid, ("", ""))
            self._report.say(
                {
                    "test": report.nodeid,
                    "outcome": self._found[report.nodeid],
                    "error": error,
                    "text": text,
                    "seen": assertions.seen,
                    "cpu_s": cpu_s() - self._began,
                }
            )

    def _level(self, nodeid: str) -> int | None:
        """The lowest level that wants it: by its id, without its parameters, and without what it is in."""
        name = nodeid
        levels = [self._wanted.get(name), self._wanted.get(name.partition("[")[0])]
        name = name.partition("[")[0]
        while "::" in name:
            name = name.rpartition("::")[0]
            levels.append(self._wanted.get(name))
        return min((level for level in levels if level is not None), default=None)


def _is_fail(error: BaseException) -> bool:
    return type(error).__name__ == "Failed" and type(error).__module__.startswith(("_pytest", "builtins"))
