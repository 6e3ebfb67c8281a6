"""The Python that has OpenHands: found, refused in one line, and never in our way. All of it without the SDK."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alphadial.agents.agent.openhands_agent import OpenHandsAgent
from alphadial.agents.agent.openhands_process import _WORKER, PYTHON_VARIABLE, OpenHandsProcess, find_python
from alphadial.agents.agent.registry import AgentOptions, find_agent
from alphadial.agents.errors import AgentsError, MissingExtraError
from alphadial.agents.policies import ScriptedPolicy
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.types import Problem, Setting

from .fakes import ReadingJudge
from .tool_fakes import attempt_spec


def test_the_named_python_comes_before_the_newest_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    with pytest.raises(MissingExtraError, match=rf"python3.12 -m venv {tmp_path}/alphadial/openhands && .*pip install"):
        find_python()
    for age, name in ((50, "openhands-1.58.2"), (10, "openhands-1.60")):
        python = tmp_path / "alphadial" / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
        os.utime(python.parent.parent, (1000 - age, 1000 - age))
    assert find_python().endswith("openhands-1.60/bin/python")
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    assert find_python() == sys.executable
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path))
    with pytest.raises(MissingExtraError, match=f"{tmp_path} is no Python .* correct {PYTHON_VARIABLE}"):
        find_python()


def test_a_python_without_the_sdk_is_told_in_one_line() -> None:
    with pytest.raises(MissingExtraError, match=r"cannot import the OpenHands SDK .*No module named") as told:
        OpenHandsProcess(sys.executable).check()
    assert "\n" not in str(told.value)


def test_a_process_that_ends_or_says_nonsense_is_no_sdk(tmp_path: Path) -> None:
    for script, said in (("exit 1", "it ended without a word"), ("printf 'hello\\n' >&0", "it said b'hello")):
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        with pytest.raises(MissingExtraError, match=said):
            OpenHandsProcess(str(python)).check()


def test_nothing_of_ours_reaches_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nenv > {tmp_path}/env\n")
    python.chmod(0o755)
    with pytest.raises(MissingExtraError):
        OpenHandsProcess(str(python)).check()
    told = (tmp_path / "env").read_text()
    assert "secret" not in told
    assert "PROXY" not in told
    assert "PATH=" in told


def stand_in(folder: Path, does: str) -> OpenHandsProcess:
    """A process in place of the SDK's, which does something with every channel that it is handed."""
    python = folder / "python"
    python.write_text(
        f"#!{sys.executable}\n"
        "import os, socket\n"
        "control = socket.socket(fileno=os.dup(0))\n"
        'control.sendall(b\'{"version": "9.9"}\\n\')\n'
        "while (got := socket.recv_fds(control, 1, 1))[0]:\n"
        f"    channel = socket.socket(fileno=got[1][0])\n    {does}\n"
        f"open({str(folder / 'ended')!r}, 'w')\n"
    )
    python.chmod(0o755)
    return OpenHandsProcess(str(python))


@pytest.mark.parametrize(
    ("says", "reason", "cause"),
    [
        (b'{"error": "ValueError: no"}\n', "policy", "OpenHands: ValueError: no"),
        (b"nonsense\n", "machinery", "machinery"),
        (b"", "machinery", "machinery"),
    ],
)
def test_a_process_that_gives_up_ends_its_attempt(
    problems: tuple[Problem, ...], tmp_path: Path, says: bytes, reason: str, cause: str
) -> None:
    process = stand_in(tmp_path, f"channel.recv(9); channel.sendall({says!r}); channel.close()")
    spec, judge = attempt_spec(problems[0], Setting.TOOLS, 2), ReadingJudge()
    tools, policy = ToolSession(problems[0], spec.rules, judge.sandbox, judge), ScriptedPolicy([])
    rollout = asyncio.run(OpenHandsAgent(process=process).attempt(spec, tools, policy.complete))
    assert (rollout.end_reason, rollout.report.cause, rollout.answers) == (reason, cause, ())
    assert ("died 2 times" in rollout.report.error) == (reason == "machinery")


def test_only_strategies_that_leave_the_tools_to_the_model_are_taken(
    problems: tuple[Problem, ...], tmp_path: Path
) -> None:
    spec, judge = attempt_spec(problems[0], Setting.TOOLS, 2, prompt="tiny"), ReadingJudge()
    tools, policy = ToolSession(problems[0], spec.rules, judge.sandbox, judge), ScriptedPolicy([])
    with pytest.raises(AgentsError, match=r"'tiny' reads programs from answers.*: choose agent"):
        asyncio.run(OpenHandsAgent(process=stand_in(tmp_path, "")).attempt(spec, tools, policy.complete))


def test_many_may_begin_at_once(tmp_path: Path) -> None:
    process = stand_in(tmp_path, f"print('one', file=open({str(tmp_path / 'begun')!r}, 'a'))")
    threads = [threading.Thread(target=lambda: process.begin().close()) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process.check() == "9.9"
    while not (tmp_path / "begun").exists() or len((tmp_path / "begun").read_text().split()) < 5:
        time.sleep(0.01)
    assert not (tmp_path / "ended").exists()


def test_the_extra_that_brings_a_missing_module_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("openhands_agent", "command_agent", "model_endpoint"):
        monkeypatch.delitem(sys.modules, f"alphadial.agents.agent.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for named, extra in (("openhands", "openhands"), ("command: true", "repositories")):
        with pytest.raises(MissingExtraError, match=rf"needs uvicorn: pip install 'alphadial\[{extra}\]'"):
            find_agent(Setting.AGENTIC, named)(AgentOptions(named))


CHANNEL = """
import os, runpy, socket, sys
worker = runpy.run_path(sys.argv[1])
channel = worker["Channel"](socket.socket(fileno=os.dup(0)))
channel.send({"said": True})
print(channel.receive(), flush=True)
channel.receive()
"""


@pytest.mark.parametrize("heard", [True, False], ids=["closed", "reset"])
def test_an_attempts_process_ends_with_its_channel(heard: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", CHANNEL, str(_WORKER)], stdin=theirs.fileno(), stdout=subprocess.PIPE, text=True
        )
        theirs.close()
        ours.sendall(b'{"go": 1}\n')
        assert process.stdout is not None
        assert process.stdout.readline() == "{'go': 1}\n"
        if heard:
            assert ours.recv(100) == b'{"said": true}\n'
        ours.close()  # with something unread, which resets the other end
        assert process.wait(10) == 0
        process.stdout.close()
