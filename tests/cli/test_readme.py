"""Every command of the README runs, with fewer samples and steps, in an empty folder."""

from __future__ import annotations

import ast
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.policies.weights import expected_weights_id
from alphadial.controller import controller_names
from alphadial.envs.problems import load_split
from alphadial.envs.problems.tiny.splits import read_split
from alphadial.merge_engine import load_family, shipped_families

from .fakes import chat_server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS: list[str] = re.findall(r"^```bash\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
PYTHON: list[str] = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
SERVER = "http://127.0.0.1:8000"


def few(split: str) -> str:
    """Two problems of a split, to run a README command on."""
    return ",".join(problem.id for problem in load_split("tiny-problems", split).problems[:2])


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str], str]:
    """Runs a block with ``alphadial`` on the path, in an empty working folder, and gives its output."""
    parts = (str(ROOT / part) for part in ("envs", "controller", "agents", "merge_engine", "training", "cli"))
    script = tmp_path / "bin" / "alphadial"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from alphadial.cli import main; main()" "$@"\n')
    script.chmod(0o755)
    path = f"{script.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(parts)}
    (tmp_path / "here").mkdir()

    def run(block: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path / "here",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def block_with(words: str) -> str:
    found = [block for block in BLOCKS if words in block]
    assert len(found) == 1, words
    return found[0]


def replaced(block: str, old: str, new: str) -> str:
    assert old in block, f"the README no longer says {old!r}"
    return block.replace(old, new)


def test_every_block_is_run_by_a_test_here() -> None:
    tested = (
        "make demo",
        "alphadial list controllers",
        "--out runs/first",
        "--setting tools",
        "compare tiny",
        "compare --outcomes",
        "rl_loop.py",
        "bandit.py",
        "--json frontier.json",
        "show ATTEMPT",
        "alphadial judge pairs_up",
        "alphadial rejudge",
        "doctor",
        "merge tiny",
        "alphadial serve",
        "frontier tiny --samples 8",
        "run --model",
        "--arms arms.json",
        "train tiny",
        "tasks validate",
        "repository.py",
    )
    assert {block_with(words) for words in tested} == set(BLOCKS)


def test_make_targets_exist() -> None:
    for line in block_with("make demo").splitlines():
        done = subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert ".venv/bin/" in done.stdout


def test_pictures_and_pages_exist() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.slow
def test_run_and_report(shell: Callable[[str], str], tmp_path: Path) -> None:
    output = shell(replaced(block_with("--out runs/first"), "--split test", f"--split test --problems {few('test')}"))
    assert "posterior on tiny test: 2 problems" in output
    assert (tmp_path / "here" / "run.json").exists()
    assert (tmp_path / "here" / "runs" / "first" / "report.html").exists()


@pytest.mark.slow  # test_list and test_problems do the same without processes
def test_what_there_is(shell: Callable[[str], str]) -> None:
    output = shell(block_with("alphadial list controllers"))
    tests = len(read_split("test")[0])
    assert "posterior" in output
    assert f"tiny-problems: {tests} problems; test {tests}" in output
    assert "compact prompt  pairs_up_count pairs rel:up agg:count map:same post:same" in output


@pytest.mark.slow
def test_a_program_is_mended_as_the_readme_says(shell: Callable[[str], str]) -> None:
    output = shell(block_with("--setting tools")).replace("│", " ")
    shown = [line.strip() for line in output.splitlines()]
    (told,) = re.findall(r"^```\n(2 of 3 public tests.*?)^```$", README, re.DOTALL | re.MULTILINE)
    at = shown.index("2 of 3 public tests passed.")
    assert shown[at : at + 4] == told.splitlines()
    assert "3 of 3 public tests passed." in shown[at:]
    assert "AC (solved)" in output


@pytest.mark.slow
def test_arms_and_two_runs(shell: Callable[[str], str], tmp_path: Path) -> None:
    block = replaced(block_with("--arms arms.json"), "--split test", f"--split test --problems {few('test')}")
    output = shell(block)
    assert "T=0.4" in output
    assert (tmp_path / "here" / "runs" / "rule" / "report-pair.html").exists()
    assert (tmp_path / "here" / "attempts.csv").read_text("utf-8").startswith('"id","run","problem"')


def stated_comparison() -> dict[int, list[str]]:
    """Number of attempts to the figures of its row in the README's comparison."""
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", README.partition("## Compare controllers")[2], re.MULTILINE)
    return {int(attempts): [figure.strip() for figure in figures.split("|")] for attempts, figures in rows}


def figures(compared: dict[str, Any], attempts: int) -> list[str]:
    """The same figures, from what ``compare`` writes."""
    rows = {row["controller"]: row for row in compared["rows"] if row["k"] == attempts}
    spread = {row["name"]: row for row in compared["ensembles"] if row["k"] == attempts}
    named = [rows["best-single"], spread["alpha in [0, 1]"], spread["all alphas"], rows["rule"], rows["posterior"]]
    more, low, high = (
        100 * share for share in (rows["posterior"]["minus_best_single"], *rows["posterior"]["minus_best_single_ci"])
    )
    return [*(f"{100 * row['solve']:.1f}" for row in named), f"{more:.1f} [{low:.1f}, {high:.1f}]"]


def test_the_comparison_states_what_was_measured() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "compare_tiny.json").read_text("utf-8"))
    stated = stated_comparison()
    assert list(stated) == measured["attempts"]
    assert stated == {attempts: figures(measured, attempts) for attempts in stated}


@pytest.mark.slow
def test_compare(shell: Callable[[str], str], tmp_path: Path) -> None:
    shell(block_with("compare tiny"))
    compared = json.loads((tmp_path / "here" / "compare.json").read_text("utf-8"))
    assert {attempts: figures(compared, attempts) for attempts in compared["attempts"]} == stated_comparison()


@pytest.mark.slow
def test_compare_a_table_of_others(shell: Callable[[str], str]) -> None:
    assert "table on test: 3 problems" in shell(block_with("compare --outcomes"))


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(PYTHON[0], id="reward"),
        pytest.param(PYTHON[1], id="RL loop"),
        pytest.param(PYTHON[2], id="bandit", marks=pytest.mark.slow),
        pytest.param(PYTHON[3], id="run", marks=pytest.mark.slow),
    ],
)
def test_python_blocks(block: str, tmp_path: Path) -> None:
    program = ["-W", "error", "-c", block]
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, *program],
        cwd=tmp_path,
        env=os.environ | paths,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_policy_gradient_example_learns() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "rl_loop.py", "12"], capture_output=True, text=True, check=True
    )
    rewards = [float(line.rpartition(" ")[2]) for line in done.stdout.splitlines()]
    assert len(rewards) == 12
    assert rewards[0] + 0.2 < sum(rewards[4:]) / 8


@pytest.mark.slow
def test_the_bandit_example_plays_against_all_others() -> None:
    script = ROOT / "examples" / "bandit.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    solved = {line.split()[0]: float(line.rpartition(" ")[2]) for line in done.stdout.splitlines()}
    assert set(solved) == {*controller_names(), "bounce"}
    assert solved["bounce"] > solved["fixed"]


@pytest.mark.slow
def test_repositories(shell: Callable[[str], str]) -> None:
    output = shell(block_with("tasks validate"))
    assert "fix-busy-times: WA, correctness failure; level 0 reached" in output
    assert "1 of 1 tasks can be trusted" in output


@pytest.mark.parametrize(
    "box", [pytest.param("rootfs", marks=pytest.mark.slow), pytest.param("docker", marks=pytest.mark.docker)]
)
def test_the_repository_example_solves_its_task(box: str, tmp_path: Path) -> None:
    script = str(ROOT / "examples" / "repository.py")
    command = [sys.executable, script, *([] if box == "rootfs" else ["--box", box])]
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | paths, capture_output=True, text=True, check=False, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    assert "fix-busy-times: AC, level 3 reached" in done.stdout


def test_examples_are_short() -> None:
    for script in (ROOT / "examples").glob("*.py"):
        tree = ast.parse(script.read_text("utf-8"))
        statements = sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
        assert statements < 60, script.name


@pytest.mark.thorough
def test_judge(shell: Callable[[str], str]) -> None:
    output = shell(block_with("alphadial judge pairs_up"))
    assert "TLE, optimisation failure" in output
    assert ": AC; level 2 reached" in output
    assert '"verdict": "TLE"' in output


@pytest.mark.slow  # test_judge_sets does the same without processes
def test_judge_a_set(shell: Callable[[str], str]) -> None:
    output = shell(block_with("alphadial rejudge"))
    assert "100.0% of the labels that count agree" in output
    assert "twice: WA" in output


@pytest.mark.slow
def test_doctor(shell: Callable[[str], str]) -> None:
    assert "the sandbox works" in shell(block_with("alphadial doctor"))


@pytest.mark.thorough
def test_merge(shell: Callable[[str], str], tmp_path: Path) -> None:
    shell(block_with("alphadial merge"))
    assert (tmp_path / "here" / "tiny-1.25" / "model.safetensors").exists()


ENGINE = """
import http.server, json, sys
class Engine(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        state = {"family": "tiny", "mode": "swap", "alpha": "0", "weights_id": "ID", "state": "serving"}
        self.wfile.write(json.dumps(state).encode())
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Engine).serve_forever()
"""


@pytest.mark.slow  # tests/merge_engine starts engines without a command
def test_serve(shell: Callable[[str], str], tmp_path: Path) -> None:
    engine = ENGINE.replace("ID", expected_weights_id(load_family("tiny"), "tiny@0"))
    python = tmp_path / "bin" / "python-with-vllm"
    python.write_text(f"#!/bin/sh\nshift 2\nexec {sys.executable} -IS - \"$@\" <<'END'\n{engine}END\n")
    python.chmod(0o755)
    command = replaced(block_with("alphadial serve"), "my-family", f"tiny --port 0 --python {python}").strip()
    ends = "while read line; do echo $line; case $line in serving*) kill $(cat pid) ;; esac; done"
    output = shell(f"{{ {command} 2>&1 & echo $! >pid; wait $! || true; }} | {ends}")
    assert "serving tiny@ALPHA at http://127.0.0.1:" in output
    assert "interrupted: the gateway has ended" in output


@pytest.mark.slow  # test_commands runs both without processes
def test_frontier_and_show(shell: Callable[[str], str], tmp_path: Path) -> None:
    command = replaced(block_with("--json frontier.json"), "--samples 32", f"--samples 1 --problems {few('test')}")
    assert "tiny on test" in shell(command)
    assert (tmp_path / "here" / "frontier.json").exists()
    (store,) = (tmp_path / "here").glob("runs/*/attempts.sqlite")
    with sqlite3.connect(store) as database:
        (attempt,) = database.execute("select id from attempts limit 1").fetchone()
    assert "weights id" in shell(replaced(block_with("alphadial show ATTEMPT"), "ATTEMPT", attempt))


@pytest.mark.slow  # test_commands asks a server too, without a process of its own
def test_server(shell: Callable[[str], str]) -> None:
    family = load_family("tiny")
    with chat_server(lambda model: expected_weights_id(family, model)) as address:
        command = replaced(block_with("frontier tiny --samples 8"), SERVER, address)
        assert "tiny on test" in shell(replaced(command, "--samples 8", f"--samples 1 --problems {few('test')}"))


@pytest.mark.slow  # test_from_python does the same without processes
def test_a_model_without_a_family(shell: Callable[[str], str]) -> None:
    written = block_with("alphadial rejudge").partition("alphadial judge")[0]
    with chat_server(lambda model: None, text="```python\nprint(2 * int(input()))\n```") as address:
        output = shell(written + replaced(block_with("run --model"), SERVER, address))
    assert re.search(r"^1 +100\.0 ", output, re.MULTILINE)


@pytest.mark.slow
def test_train(shell: Callable[[str], str], tmp_path: Path) -> None:
    command = replaced(block_with("alphadial train"), "--seed 1", "--seed 1 --scale 0.01")
    output = shell(replaced(command, "--samples 8", f"--samples 1 --problems {few('dev')}"))
    assert "tiny on dev" in output
    assert (tmp_path / "here" / "my-tiny" / "training" / "curves.png").exists()


def test_the_family_of_the_readme_is_shipped() -> None:
    assert "tiny" in shipped_families()
