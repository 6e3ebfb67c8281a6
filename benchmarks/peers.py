"""Graders of other projects, each in a process of its own, beside which ours is measured.

They run in a virtual environment that this module makes once, below the user's cache. verl comes from PyPI without what
it depends on; LiveCodeBench, which publishes no package, from a clone of its repository, bare or not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphadial.envs import Problem, Verdict
from alphadial.envs.types import Interface

GUEST = Path(__file__).parent / "peer_guest.py"
NEEDS = ("numpy", "tqdm")
"""What the two graders import, themselves apart."""
VERDICTS = {
    "verl": {True: {Verdict.AC}, False: {Verdict.WA}, -1: {Verdict.RTE, Verdict.TLE}, -2: {Verdict.CE}},
    "lcb": {
        True: {Verdict.AC},
        False: {Verdict.WA},
        -2: {Verdict.WA},
        -3: {Verdict.TLE},
        -4: {Verdict.RTE, Verdict.CE},
        -1: {Verdict.TLE},
    },
}
"""What a grader's words for the last test may mean; some say one thing for two."""


@dataclass(frozen=True, slots=True)
class Graded:
    """What a grader says of a program."""

    verdicts: frozenset[Verdict]
    """One of them; a grader may not tell them apart."""
    passed: int | None
    """Tests before the first that fails; None where it does not say."""


class Peer:
    """A grader that is running. It checks a program as its project's trainer or evaluator does: in a fresh process."""

    def __init__(self, name: str, version: str, python: Path, folder: Path) -> None:
        self.name, self.version = name, version
        command = [str(python), "-I", str(GUEST), name, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def grade(self, problem: Problem, source: str, limit_s: int) -> Graded:
        """Checks a Python program on the problem's tests, in their order, each in so many seconds."""
        call = problem.interface is Interface.CALL
        inputs = [given_lines(test.input) if call else test.input for test in problem.tests]
        asked: dict[str, Any] = {"inputs": inputs, "outputs": [test.answer for test in problem.tests]}
        if call:
            asked["fn_name"] = problem.entry
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([asked, source, limit_s]) + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise SystemExit(f"the grader {self.name} ended with status {self._process.wait()}")
        results = json.loads(said)
        last = next((result for result in results if result is not True), True)
        passed = sum(result is True for result in results) if results[0] != -1 or len(results) == 1 else None
        return Graded(frozenset(VERDICTS[self.name][last]), passed)

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def given_lines(arguments: str) -> str:
    """The arguments of a call as both graders take them: a line of JSON for each."""
    return "\n".join(json.dumps(argument) for argument in json.loads(arguments))


@contextmanager
def peers(names: Sequence[str], lcb: Path | None) -> Iterator[list[Peer]]:
    """The graders of these names, running.

    Args:
        names: "verl" or "lcb".
        lcb: a clone of LiveCodeBench's repository, which "lcb" needs.
    """
    opened: list[Peer] = []
    try:
        for name in names:
            opened.append(open_peer(name, lcb))
        yield opened
    finally:
        for peer in opened:
            peer.close()


def open_peer(name: str, lcb: Path | None) -> Peer:
    """One grader; see ``peers``."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alphadial" / "peers"
    python = cache / "venv" / "bin" / "python"
    if not python.exists():
        print(f"making an environment for the graders in {cache}", file=sys.stderr)
        venv.create(cache / "venv", with_pip=True)
        install(python, *NEEDS)
    if name == "verl":
        if not list(cache.glob("venv/lib/*/site-packages/verl")):
            install(python, "--no-deps", "verl")
        packages = next(cache.glob("venv/lib/*/site-packages"))
        release = next(packages.glob("verl-*.dist-info")).name.split("-")[1].removesuffix(".dist")
        return Peer(name, release, python, packages / "verl" / "utils" / "reward_score")
    if name != "lcb":
        raise SystemExit(f"no grader is called {name}: there are verl and lcb")
    if lcb is None:
        raise SystemExit("give a clone of LiveCodeBench's repository: --lcb PATH")
    folder = cache / "livecodebench"
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=git(lcb, "archive", "HEAD", "lcb_runner"), check=True)
    return Peer(name, git(lcb, "rev-parse", "--short", "HEAD").decode().strip(), python, folder)


def git(repository: Path, *arguments: str) -> bytes:
    """What git says of a repository."""
    return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=True).stdout


def install(python: Path, *what: str) -> None:
    """Adds packages to an environment."""
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what], check=True)
