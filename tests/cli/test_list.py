"""``alphadial list`` and ``alphadial --version``: what there is, without a manual."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest

from alphadial.agents.agent.prompts import PARSERS, STRATEGIES
from alphadial.agents.agent.registry import AGENTS
from alphadial.controller import CONTROLLERS
from alphadial.envs.languages import all_languages
from alphadial.envs.problems import NAMES
from alphadial.envs.sandbox import SANDBOXES
from alphadial.merge_engine import shipped_families

Cli = Callable[..., Any]


def test_every_name_is_listed_with_a_line_of_what_it_is(cli: Cli) -> None:
    done = cli("list", "--json", "-")
    found = {kind: catalogue["lines"] for kind, catalogue in json.loads(done.stdout).items()}
    assert {kind: list(lines) for kind, lines in found.items()} == {
        "families": shipped_families(),
        "problem-sets": list(NAMES),
        "controllers": list(CONTROLLERS),
        "strategies": list(STRATEGIES),
        "parsers": list(PARSERS),
        "agents": [f"{setting}: {name}" for setting, name in AGENTS],
        "languages": list(all_languages()),
        "sandboxes": list(SANDBOXES),
    }
    lines = [line for each in found.values() for line in each.values()]
    assert all(len(line) > 20 and "`" not in line and "\n" not in line for line in lines), lines
    shown = " ".join(cli("list").stdout.split())
    assert all(line in shown for line in lines)


def test_one_kind_is_listed_alone_with_how_to_name_ones_own(cli: Cli) -> None:
    shown = cli("list", "controllers").stdout
    assert shown.startswith("controllers (--controller)\n")
    assert "or           package.module:Class" in shown
    assert "families" not in shown
    assert cli("list", "controler").refused("nothing is listed as 'controler'", "families, problem-sets, controllers")


@pytest.mark.parametrize("words", [("--version",), ("--version", "run")])
def test_version(cli: Cli, words: tuple[str, ...]) -> None:
    assert (cli(*words).status, cli(*words).stdout) == (0, f"alphadial {version('alphadial')}\n")
