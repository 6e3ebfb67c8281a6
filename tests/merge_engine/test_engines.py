"""Engines that a gateway starts: how their start is told, how they fail, and that they end with it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from alphadial.merge_engine import ServeOptions, ServingError, ServingMode, find_weights_id, load_family
from alphadial.merge_engine.live import engine_guard, engines, gateway_watch
from alphadial.merge_engine.live.engines import PYTHON_VARIABLE, OwnEngine, vllm_python
from alphadial.merge_engine.live.serving import gateway

ID = find_weights_id(load_family("tiny"), 0.0)
"""What ``tiny@0`` is."""
VLLM = r"""
import http.server, json, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers["Authorization"] == "Bearer " + os.environ["VLLM_API_KEY"]
        state = {"family": "tiny", "mode": "swap", "alpha": "0", "weights_id": sys.argv[-1], "state": "serving"}
        body = json.dumps(state).encode()
        self.send_response(200 if known and self.path == "/v1/alpha" else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

print("vLLM is started with", sys.argv[1:], os.environ["VLLM_PLUGINS"])
if "--dies" in sys.argv:
    print("loading", "torch.OutOfMemoryError: of memory\x1b[2J", sep="\n")
    sys.exit(3)
if "--hangs" in sys.argv:
    sys.stdout.flush()
    time.sleep(60)
port = int(sys.argv[sys.argv.index("--port") + 1])
host = sys.argv[sys.argv.index("--host") + 1]
http.server.ThreadingHTTPServer((host, port), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_POLL_S", 0.02)
    monkeypatch.setattr(gateway_watch, "_EVERY_S", 0.02)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Stands for a Python whose vLLM takes no time to start."""
    (tmp_path / "vllm.py").write_text(VLLM)
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} -uIS "{tmp_path}/vllm.py" "$@"\n')
    script.chmod(0o755)
    return script


def own(
    python: Path, *arguments: str, start_s: float = 120.0, say: Callable[[str], None] = lambda text: None
) -> OwnEngine:
    return OwnEngine(load_family("tiny"), ServingMode.SWAP, str(python), [*arguments, ID], start_s, say)


def alive(group: int) -> bool:
    """Whether a process of a group is left; whose parent has ended may be a zombie for a while."""
    for process in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, of = process.read_text().rpartition(")")[2].split()[:3]
            if int(of) == group and state != "Z":
                return True
    return False


def await_end(group: int) -> None:
    until = time.monotonic() + 60
    while alive(group):
        assert time.monotonic() < until, "it is still there"
        time.sleep(0.01)


def test_an_engine_starts_on_the_loopback_with_a_key_and_ends(python: Path) -> None:
    said: list[str] = []

    async def scenario() -> None:
        engine = own(python, "--max-model-len", "64", say=said.append)
        await engine.start()
        assert (await engine.client.describe()).weights_id == ID
        assert engine.client.url.startswith("http://127.0.0.1:")
        assert engine._process is not None
        group = engine._process.pid
        await engine.end()
        await engine.client.close()
        await_end(group)
        log = engine.log.read_text()
        assert "alphadial,alphadial_http" in log
        assert all(word in log for word in ("'--max-model-len', '64'", "'--host', '127.0.0.1'", "additional-config"))
        assert str(engine.log) in said[0]
        assert "the engine answers after" in said[-1]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("argument", "start_s", "says"),
    [
        ("--dies", 120.0, r"the engine ended with status 3; its log .*\.log ends: .*torch.OutOfMemoryError: of memory"),
        ("--hangs", 0.3, r"did not answer within 0.3 s .*; its log .*\.log ends: "),
    ],
)
def test_an_engine_that_does_not_start_says_why(python: Path, argument: str, start_s: float, says: str) -> None:
    options = ServeOptions(python=python, engine_arguments=[argument, ID], start_s=start_s)

    async def scenario() -> None:
        async with gateway(load_family("tiny"), options):
            pass

    with pytest.raises(ServingError, match=says):
        asyncio.run(scenario())


def test_an_engine_that_ends_is_started_again(python: Path) -> None:
    said: list[str] = []

    async def scenario() -> None:
        options = ServeOptions(python=python, engine_arguments=[ID], say=said.append)
        async with gateway(load_family("tiny"), options) as made:
            tending = [asyncio.create_task(each()) for each in made.tending]
            (seat,) = made.turns.seats
            (guard,) = children(os.getpid())
            (engine,) = children(guard)
            os.kill(engine, signal.SIGKILL)
            async with asyncio.timeout(120):
                while not (seat.up and len(said) >= 5):
                    await asyncio.sleep(0.01)
            assert "the engine ended with status" in said[2]
            for task in tending:
                task.cancel()
            await asyncio.gather(*tending, return_exceptions=True)

    asyncio.run(scenario())


def children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def test_what_is_guarded_ends_with_its_owner_and_leaves_nobody() -> None:
    guarded, owner = os.pipe()
    command = ["sh", "-c", "sleep 100 & echo begun; wait"]
    guard = subprocess.Popen(
        [sys.executable, "-IS", engine_guard.__file__, str(guarded), *command],
        pass_fds=[guarded],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(guarded)
    assert guard.stdout is not None
    assert guard.stdout.readline() == b"begun\n"
    os.close(owner)
    guard.wait(10)
    guard.stdout.close()
    await_end(guard.pid)


def test_which_python_starts_engines(monkeypatch: pytest.MonkeyPatch, python: Path, tmp_path: Path) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    assert vllm_python(python) == str(python)
    with pytest.raises(ServingError, match="name one that has vLLM and alphadial by --python or ALPHADIAL_VLLM_PYTHON"):
        vllm_python(None)
    monkeypatch.setenv(PYTHON_VARIABLE, str(python))
    assert vllm_python(None) == str(python)
    for wrong in (tmp_path / "nothing", tmp_path):
        with pytest.raises(ServingError, match="is no Python to start vLLM with"):
            vllm_python(wrong)


@pytest.mark.slow  # a whole command
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_engine_ends_with_the_command(end: signal.Signals, python: Path) -> None:
    # Where the tests themselves run in the background, Ctrl-C is ignored by all that they start.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heard}; from alphadial.cli import main; main()"
    arguments: list[Any] = ["serve", "tiny", "--port", "0", "--python", python, "--", ID]
    command = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert command.stderr is not None
    for line in command.stderr:
        if line.startswith("serving tiny@ALPHA at http://127.0.0.1:"):
            break
    (guard,) = children(command.pid)
    command.send_signal(end)
    assert command.wait(10) == (-signal.SIGKILL if end == signal.SIGKILL else 130)
    said = command.stderr.read()
    command.stderr.close()
    await_end(guard)
    assert end == signal.SIGKILL or "the gateway has ended, and the engine" in said


def test_each_mode_has_arguments_and_an_environment_of_its_own() -> None:
    engines_ = {mode: OwnEngine(load_family("tiny"), mode, "python", [], 1, print) for mode in ServingMode}
    for mode, engine in engines_.items():
        config = engine._command[engine._command.index("--additional-config") + 1]
        assert f'"mode": "{mode}"' in config
    assert "VLLM_USE_V2_MODEL_RUNNER" in engines_[ServingMode.BLEND]._environment
    assert "VLLM_USE_V2_MODEL_RUNNER" not in engines_[ServingMode.SWAP]._environment
