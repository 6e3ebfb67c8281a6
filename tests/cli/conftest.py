"""The CLI in this process, the CLI in a process of its own, and a family to use and to damage."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from alphadial.cli import main
from alphadial.merge_engine import load_family

ROOT = Path(__file__).parents[2]
PARTS = ("envs", "controller", "agents", "merge_engine", "training", "cli")

_BEGUN = (
    "import signal; from alphadial import cli; [signal.signal(n, cli._leave) for n in (2, 15) "
    "if signal.getsignal(n) is not signal.SIG_IGN]; open('/proc/self/comm', 'w').write('begun')"
)
"""From then on Ctrl-C is for the command, no more for the interpreter: what ``main`` does first is done already."""


_PICTURES = ("frontier_picture.draw_frontier", "run_picture.draw_run", "comparison_picture.draw_comparison")


@pytest.fixture
def pictures() -> None:
    """Tests that look at what a command draws ask for this."""


@pytest.fixture(autouse=True)
def _no_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this process draw nothing: a picture takes longer than all else that most of these tests do."""
    if "pictures" not in request.fixturenames:
        for name in _PICTURES:
            monkeypatch.setattr(f"alphadial.cli.plots.{name}", lambda *_: None)


@dataclass(frozen=True)
class Result:
    status: int
    stdout: str
    stderr: str

    def refused(self, *words: str) -> bool:
        """One line on stderr that says all of this, after what was to be loaded; status 2, and nothing on stdout.

        A busy machine also says that it waits.
        """
        progress = ("run folder ", "waiting: no attempt has ended")
        lines = [line for line in self.stderr.strip().splitlines() if not line.startswith(progress)]
        assert self.status == 2, self
        assert len(lines) == 1, self
        assert lines[0].startswith("alphadial: "), self
        assert self.stdout == "", self
        assert all(word in lines[0] for word in words), lines[0]
        return True


Cli = Callable[..., Result]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Runs one command line in this process, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: str | Path) -> Result:
        monkeypatch.setattr(sys, "argv", ["alphadial", *map(str, arguments)])
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:  # a command listens until its process ends
            signal.set_wakeup_fd(-1)
            for number, handler in ours.items():
                signal.signal(number, handler)
        captured = capsys.readouterr()
        code = ended.value.code
        return Result(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts one command line in a process group of its own, in an empty working folder, ``without`` some modules."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str | Path, without: Sequence[str] = ()) -> subprocess.Popen[str]:
        missing = "".join(f"sys.modules[{name!r}] = None; " for name in without)
        # Where the tests themselves run in the background, Ctrl-C is ignored by all that they start.
        heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        code = f"import sys; {heard}{missing}from alphadial.cli import main; {_BEGUN}; main()"
        command = [sys.executable, "-c", code, *map(str, arguments)]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        running.append(process)
        return process

    path = os.pathsep.join(str(ROOT / part) for part in PARTS)
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "120"}
    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def process(start: Callable[..., subprocess.Popen[str]]) -> Cli:
    """Runs one command line in a process of its own to its end."""

    def run(*arguments: str | Path, without: Sequence[str] = ()) -> Result:
        running = start(*arguments, without=without)
        stdout, stderr = running.communicate(timeout=120)
        return Result(running.returncode, stdout, stderr)

    return run


@pytest.fixture(scope="session")
def pico(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped family under another name, whose answers end early."""
    folder = tmp_path_factory.mktemp("families") / "pico"
    shutil.copytree(load_family("tiny").path, folder)
    file = folder / "family.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "name": "pico", "max_tokens": 16}), "utf-8")
    return folder
