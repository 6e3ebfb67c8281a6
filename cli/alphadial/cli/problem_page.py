"""One problem, as whoever attempts it may see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alphadial.cli.output import cell
from alphadial.cli.problem_list import limit_words
from alphadial.cli.visible import visible
from alphadial.envs.problems.formats import Package
from alphadial.envs.problems.overview import shown
from alphadial.envs.raw import readable
from alphadial.envs.tools.text import example_text, shorten
from alphadial.envs.types import MIB, Interface, Problem

_MAX_CHARS = 2_000
"""Characters of the input or output of a public test."""


def statement_panel(problem: Problem) -> Panel:
    """What the problem asks, in words for people."""
    rules = (("Input", problem.input_rules), ("Output", problem.output_rules))
    parts = [problem.statement.strip(), *(f"{title}: {rule.strip()}" for title, rule in rules if rule.strip())]
    said = _text("\n\n".join(part for part in parts if part) or "(it has no statement)")
    return Panel(said, title=cell(problem.id), title_align="left")


def problem_page(package: Package) -> Iterator[RenderableType]:
    """The statement, facts and public tests of a problem."""
    problem = package.problem
    yield statement_panel(problem)
    facts = Table(box=None, pad_edge=False, show_header=False)
    for name, value in _facts(shown(package), problem).items():
        if value:
            facts.add_row(cell(name, "bold"), cell(value))
    yield facts
    for language, code in problem.starter.items():
        yield Panel(_text(code.rstrip()), title=cell(f"begins with, in {language}"), title_align="left")
    yield from _public(problem)


def _facts(values: dict[str, Any], problem: Problem) -> dict[str, str]:
    levels = values["tests_by_level"]
    count = f"{values['tests']}, {values['public_tests']} of them public" if levels else ""
    by_level = ", ".join(f"level {level} has {many}" for level, many in levels.items()) if len(levels) > 1 else ""
    coverages = ", ".join(f"{name} up to level {level}" for name, level in values["coverages"].items())
    return {
        "split": values["split"],
        "template": values["template"] if values["template"] != values["id"] else "",
        "group": values["group"],
        "compact prompt": values["prompt"],
        "judged by": _judged_by(problem),
        "tests": count or "made when it is first judged or attempted",
        "levels": by_level,
        "coverages": coverages,
        **(_repository(values["repository"]) if values["repository"] else {}),
        "limit": f"{limit_words(values['steps'], values['limit_s'])} {'for all' if values['repository'] else 'a test'}",
        "memory": f"{values['memory_bytes'] // MIB} MiB",
        "languages": ", ".join(values["languages"]),
        "files": ", ".join(values["files"]),
        "programs": f"{values['programs']} with labels" if values["programs"] else "",
        **{
            name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in values["features"].items()
        },
    }


def _judged_by(problem: Problem) -> str:
    if problem.repository is not None:
        return f"what a patch makes of a code base: {problem.repository.verifier.kind}"
    if problem.interface is Interface.CALL:
        return f"calls the Python function {problem.entry}"
    return "what a program prints for what it reads"


def _repository(values: dict[str, Any]) -> dict[str, str]:
    """Facts of a code base."""
    files = "in the image" if values["files"] is None else f"{values['files']:,} files"
    ratio = values["performance_ratio"]
    return {
        "code base": f"{files}, at {values['workdir']}",
        "image": values["image"],
        "changes that count": ", ".join(values["editable"]),
        "performance": f"at most {ratio:g} times the CPU time of the gold patch" if ratio else "",
    }


def _public(problem: Problem) -> Iterator[RenderableType]:
    tests = [test for test in problem.tests if test.public]
    if not tests:
        return
    yield cell("public tests", "bold")
    table = Table(box=None, pad_edge=False, show_header=False)
    for number, test in enumerate(tests, 1):
        if problem.repository is not None:
            table.add_row(cell(f"  {test.name}"))
            continue
        if problem.interface is Interface.CALL:
            table.add_row(_text(f"  {shorten(readable(example_text(problem, test)), _MAX_CHARS)}"))
            continue
        for title, text in (("input", test.input), ("output", test.answer)):
            shown_text = shorten(readable(text), _MAX_CHARS).rstrip("\n")
            table.add_row(cell(f"  {title} {number}", "bold"), _text(shown_text or "(nothing)"))
    yield table


def _text(text: str) -> Text:
    return Text(visible(text, lines=True))
