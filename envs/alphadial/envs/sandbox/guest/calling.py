"""Calls functions of a repository and reports what they return, to be compared outside. ``/grade`` holds it.

``main`` reads one line of JSON from stdin. What the functions print goes nowhere; the report has a descriptor of its
own.
"""

from __future__ import annotations

import sys
from functools import reduce
from importlib import import_module
from typing import Any

from .reporting import Report, begin
from .values import decode, encode


def main() -> None:
    """Makes every call, in order."""
    told, report = begin()
    report.say({"ready": True})
    sys.path.extend(told["import_from"])
    for number, (target, arguments) in enumerate(told["calls"]):
        _call(report, number, target, arguments)
    report.end()


def _call(report: Report, number: int, target: str, arguments: list[Any]) -> None:
    module, _, path = target.partition(":")
    try:
        function: Any = reduce(getattr, path.split("."), import_module(module))
        found = {"value": encode(function(*decode(arguments)))}
    except BaseException as error:  # whatever a candidate raises is an answer
        found = {"raised": [kind.__name__ for kind in type(error).__mro__]}
    try:
        report.say({"call": number, **found})
    except RecursionError:
        report.say({"call": number, "raised": ["RecursionError"]})
