"""What the user can mend: one line that says what to do, status 2, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ..tiny_specs import FIRST, specs_of
from .fakes import chat_server
from .report_runs import frontier_run

Cli = Callable[..., Any]
PROBLEM = FIRST.id
TEST_PROBLEM = specs_of("test", "tight")[0].id
FEW = ("--split", "dev", "--problems", PROBLEM, "--alphas=1", "--samples", "1")


@pytest.fixture
def broken(pico: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the family, to be damaged."""
    folder = tmp_path_factory.mktemp("broken") / "pico"
    shutil.copytree(pico, folder)
    return folder


def left(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--alphas=0,0.3",), ("0.3", "0.296875", "0.30078125")),
        (("--alphas=9",), ("9", "[-1.5, 3]")),
        (("--alphas=x",), ("'x'", "number")),
        (("--alphas=,",), ("--alphas", "empty")),
        (("--split", "exam"), ("'exam'", "dev or test or train")),
        (("--split", "dev", "--problems", "no.such.problem"), ("no.such.problem",)),
        (("--json", "no/such/folder/x.json"), ("no/such/folder", "does not exist")),
        (("--json", "."), ("folder",)),
        (("--sandbox", "bubble"), ("'bubble'", "bubblewrap, gvisor, trusted")),
        (("--unverified-weights",), ("--server",)),
        (("--server", "http://127.0.0.1:9", *FEW), ("no server", "http://127.0.0.1:9")),
        (("--server", "http://[bad", *FEW), ("http://[bad", "--server")),
    ],
)
def test_frontier_refuses(
    cli: Cli, pico: Path, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert cli("frontier", pico, *arguments).refused(*words)
    assert left(tmp_path) == []


@pytest.mark.parametrize("command", ["frontier", "merge"])
def test_families_that_are_none(cli: Cli, tmp_path: Path, command: str) -> None:
    more = ("--alpha", "1", "--out", "merged") if command == "merge" else ()
    assert cli(command, "tyni", *more).refused("'tyni'", "family.json")
    (tmp_path / "empty").mkdir()
    assert cli(command, "empty", *more).refused("empty holds no family.json")
    assert left(tmp_path) == ["empty"]


@pytest.mark.parametrize(
    ("alpha", "words"), [("0.3", ("0.296875", "0.30078125")), ("3.5", ("[-1.5, 3]",)), ("nan", ())]
)
def test_merge_refuses_alphas(cli: Cli, pico: Path, tmp_path: Path, alpha: str, words: tuple[str, ...]) -> None:
    assert cli("merge", pico, "--alpha", alpha, "--out", "merged").refused(alpha, *words)
    assert left(tmp_path) == []


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def reshape(file: Path) -> None:
    tensors = load_file(file)
    tensors["model.norm.weight"] = torch.ones(8, dtype=torch.bfloat16)
    save_file(tensors, file)


def poison(file: Path) -> None:
    tensors = load_file(file)
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, file)


@pytest.mark.parametrize("damage", [cut_short, reshape, poison])
@pytest.mark.parametrize("command", ["frontier", "merge"])
def test_checkpoints_that_do_not_hold(
    cli: Cli, broken: Path, tmp_path: Path, command: str, damage: Callable[[Path], None]
) -> None:
    damage(broken / "high" / "model.safetensors")
    more = ("--alpha", "0.5", "--out", "merged") if command == "merge" else FEW
    assert cli(command, broken, *more).refused("high" if damage is not reshape else "model.norm.weight")
    if (command, damage) != ("frontier", poison):  # which is seen when the first model is made
        assert left(tmp_path) == []


@pytest.mark.parametrize("command", ["frontier", "merge", "train"])
def test_folders_that_cannot_be_written(cli: Cli, pico: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("mine")
    arguments = {
        "frontier": ("frontier", pico, *FEW),
        "merge": ("merge", pico, "--alpha", "1"),
        "train": ("train", "tiny", "--scale", "0.001"),
    }[command]
    assert cli(*arguments, "--out", "file/below").refused("file")
    assert left(tmp_path) == ["file"]


def test_folders_that_hold_something_else(cli: Cli, pico: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("mine")
    assert cli("frontier", pico, *FEW, "--out", "thesis").refused("thesis", "--out")
    assert cli("merge", pico, "--alpha", "1", "--out", "thesis").refused("thesis", "not empty")
    assert cli("train", "tiny", "--scale", "0.001", "--out", "thesis").refused("thesis", "--out")
    assert left(tmp_path) == ["thesis", "thesis/chapter"]


@pytest.mark.thorough
def test_run_folders_of_another_configuration_or_version(cli: Cli, pico: Path, tmp_path: Path) -> None:
    assert cli("frontier", pico, *FEW, "--out", "run").status == 0
    before = (tmp_path / "run" / "frontier.json").read_text("utf-8")
    assert cli("frontier", pico, *FEW, "--out", "run", "--seed", "1").refused("run", "seed: 0 / 1", "--out")
    file = tmp_path / "run" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "format": 99}), "utf-8")
    assert cli("frontier", pico, *FEW, "--out", "run").refused("run", "version 99", "--out")
    assert (tmp_path / "run" / "frontier.json").read_text("utf-8") == before


@pytest.mark.parametrize(
    "arguments", [("judge", PROBLEM, "p.py"), ("frontier", "PICO", *FEW), ("train", "tiny", "--out", "x")]
)
def test_no_sandbox(
    cli: Cli, pico: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "p.py").write_text("def f(a, k): return 0")
    refused = cli(*(str(pico) if word == "PICO" else word for word in arguments))
    assert refused.refused("bubblewrap", "apt-get install bubblewrap")
    assert left(tmp_path) == ["p.py"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("fingerprint", "body", "words"),
    [
        (lambda _: "fp_other", None, ("other weights", "pico")),
        (lambda _: None, None, ("system_fingerprint", "--unverified-weights")),
        (lambda _: "x", b"<html>", ("OpenAI-compatible",)),
    ],
    ids=["other weights", "no fingerprint", "no chat completion"],
)
def test_servers_that_cannot_be_used(
    cli: Cli,
    pico: Path,
    tmp_path: Path,
    fingerprint: Callable[[str], str | None],
    body: bytes | None,
    words: tuple[str, ...],
) -> None:
    with chat_server(fingerprint, body) as address:
        assert cli("frontier", pico, *FEW, "--server", address).refused(address, *words)
    assert left(tmp_path) == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "missing", "extra"),
    [
        (("merge", "PICO", "--alpha", "1", "--out", "x"), "numba", "alphadial[merge]"),
        (("frontier", "PICO", *FEW), "torch", "alphadial[local]"),
        (("train", "tiny", "--out", "x"), "torch", "alphadial[local]"),
    ],
)
def test_missing_extras(
    process: Cli, pico: Path, tmp_path: Path, arguments: tuple[str, ...], missing: str, extra: str
) -> None:
    done = process(*(str(pico) if word == "PICO" else word for word in arguments), without=[missing])
    assert done.refused(missing, f"pip install '{extra}'")
    assert left(tmp_path) == []


def test_judge_refuses(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("def f(a, k): return 0")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert cli("judge", "no.such.problem", "p.py").refused("no.such.problem")
    assert cli("judge", PROBLEM, "p.py", "--problem-set", "huge").refused("'huge'", "tiny-problems")
    assert cli("judge", PROBLEM, "missing.py").refused("missing.py", "No such file")
    assert cli("judge", PROBLEM, "binary").refused("binary", "UTF-8")
    assert cli("judge", PROBLEM, "p.py", "--coverage", "most").refused("most")
    assert cli("judge", PROBLEM, "p.py", "--coverage", "9").refused("9")


def test_show_refuses(cli: Cli, tmp_path: Path) -> None:
    assert cli("show", "abc").refused("'abc'", "--run")
    (tmp_path / "empty").mkdir()
    assert cli("show", "abc", "--run", "empty").refused("empty", "not a run folder")
    run = frontier_run(tmp_path / "run")
    (run / "attempts.sqlite").write_bytes(b"no database" * 100)
    assert cli("show", "abc", "--run", "run").refused("cannot read run/attempts.sqlite: file is not a database")
    shutil.rmtree(run)
    frontier_run(run)
    with sqlite3.connect(run / "attempts.sqlite") as connection:
        (attempt,) = connection.execute("select min(id) from attempts").fetchone()
    connection.close()
    (run / "config.json").write_bytes(b"\xff{")
    assert cli("show", attempt, "--run", "run").refused("run/config.json")


def test_run_refuses_what_it_could_not_carry_out(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = ("run", "tiny", "--problems", TEST_PROBLEM)
    assert cli(*one, "--max-turns", "5").refused("--max-turns 5", "--setting tools")
    assert cli(*one, "--temperature", "inf", "--controller", "uniform").refused("--temperature inf", "0.6")
    assert cli("frontier", "tiny", "--temperature", "inf").refused("--temperature inf", "0.6")
    # The command that it names makes a table which it takes: of these alphas.
    assert cli(*one, "--alphas=0,0.125").refused("no tiny@0.125", "--split dev", "--alphas=0,0.125 --out DIR", "--fit")
    unverified = (*one, "--server", "http://127.0.0.1:9", "--unverified-weights")
    assert cli(*unverified).refused("posterior learns", "none can be used with --unverified-weights", "uniform")
    assert cli(*unverified, "--fit", "x.json").refused("--fit", "--unverified-weights")
    assert cli(*one, "--agent", "devin").refused("no agent 'devin'", "langgraph")
    monkeypatch.delenv("ALPHADIAL_OPENHANDS_PYTHON", raising=False)
    agentic = (*one, "--setting", "agentic", "--prompt", "agent")
    assert cli(*agentic, "--agent", "openhands").refused("needs the OpenHands SDK", "pip install 'openhands-sdk")
    assert cli(*agentic, "--agent", "command:").refused("--agent command:", "say what is to be run")
    assert cli(*one[:2], "--problem-set", "workspaces").refused("workspaces has no split 'dev'", "uniform")
    assert left(tmp_path) == []


def test_controllers_with_bugs_are_one_line(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "with_bugs.py").write_text(
        "from alphadial.controller.uniform import Uniform\n"
        "class Learns(Uniform):\n    name = 'learns'\n    def _learn(self, counts): raise KeyError('boo')\n"
        "class Chooses(Uniform):\n    name = 'chooses'\n    def _choose(self, situation): return 1 / 0\n"
        "class Remembers(Uniform):\n    name = 'remembers'\n    def _memory(self): return {'x': float('nan')}\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    one = ("run", "tiny", "--problems", TEST_PROBLEM, "--attempts", "1", "--out")
    for name, words in {"Learns": "KeyError: 'boo'", "Chooses": "ZeroDivisionError", "Remembers": "ValueError"}.items():
        refused = cli(*one, name, "--controller", f"with_bugs:{name}")
        assert refused.refused(f"controller with_bugs:{name} failed: {words}", "line")
    assert not (tmp_path / "Remembers").exists()


@pytest.mark.parametrize("command", [("run", "tiny", "--json"), ("report", "run", "--out")])
def test_devices_and_pipes_are_not_replaced(cli: Cli, tmp_path: Path, command: tuple[str, ...]) -> None:
    frontier_run(tmp_path / "run")
    os.mkfifo(tmp_path / "pipe")
    assert cli(*command, "pipe").refused("pipe is no regular file")
    assert (tmp_path / "pipe").is_fifo()


def test_train_refuses_what_it_cannot_train(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", "huge", "--out", "x").refused("'huge'", "tiny")
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [("frontier",), ("frontier", "tiny", "--samples", "0"), ("merge", "tiny"), ("judge", PROBLEM), ("dance",)],
)
def test_usage_errors_are_one_line_that_names_the_help(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments).refused("--help")
