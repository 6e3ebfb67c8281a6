"""Runs on repositories as a user makes them: in boxes of either kind, and with a daemon that dies."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ..agents.servers import scripted, serving
from .killing import Killer, rows
from .workshop import IN_REPOSITORY, make_family, play_in_repository, serve_as

Cli = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]


def test_boxes_that_there_are_not_are_one_line(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with serving(scripted(lambda body: play_in_repository(body, 0.0))) as url:
        command = (*IN_REPOSITORY, "--attempts", "1", "--server", url)
        for line in (command, ("run", "tiny"), ("frontier", "tiny")):  # the latter two need none
            assert cli(*line, "--box", "barrel").refused("no boxes are named 'barrel'", "rootfs, docker")
        assert cli(*command, "--agent", "langgraph", "--box", "docker").refused("Docker")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_controller_chooses_for_repositories_too(cli: Cli, tmp_path: Path) -> None:
    family = make_family(tmp_path / "desk")
    problems = ("--problem-set", "repositories", "--problems", "fix-busy-times", "--setting", "agentic")
    with serving(serve_as(family, lambda body: play_in_repository(body, 0.0))) as url:
        chosen = ("--controller", "uniform", "--alphas=0,1", "--attempts", "2", "--server", url, "--out", "run")
        done = cli("run", family, *problems, *chosen, "--unverified-weights")
    assert done.status == 0, done.stderr
    summary = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    (story,) = summary["by_problem"]
    assert len(story["attempts"]) == 2
    assert cli("report", "run").status == 0
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_the_frontier_of_a_repository(cli: Cli, tmp_path: Path) -> None:
    family = make_family(tmp_path / "desk")
    problems = ("--problem-set", "repositories", "--problems", "fix-busy-times", "--setting", "agentic")
    with serving(serve_as(family, lambda body: play_in_repository(body, 0.0))) as url:
        sampled = ("--alphas=0,1", "--samples", "1", "--server", url, "--out", "frontier", "--json", "-")
        refused = cli("frontier", family, *problems, *sampled, "--box", "barrel")
        done = cli("frontier", family, *problems, *sampled)
    assert refused.refused("no boxes are named 'barrel'")
    assert done.status == 0, done.stderr
    found = json.loads(done.stdout)["rows"]
    assert [(row["attempts"], row["unmeasurable"]) for row in found] == [(1, 0), (1, 0)]
    assert [row["solve"] + row["correctness_failure"] for row in found] == [1.0, 1.0]


@contextmanager
def gate(to: str, at: Path) -> Iterator[None]:
    """A socket that leads to another one until the end of the block, as a daemon does that dies then."""
    held: list[socket.socket] = []
    ended = threading.Event()

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        while not ended.is_set():
            with suppress(OSError):
                client, _ = server.accept()
                daemon = socket.socket(socket.AF_UNIX)
                daemon.connect(to)
                held.extend((client, daemon))
                for pair in ((client, daemon), (daemon, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    server = socket.socket(socket.AF_UNIX)
    server.bind(str(at))
    server.listen(64)
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        at.unlink()
        for each in (server, *held):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processes of a test look for the daemon: to be asked for before ``start``."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'd.sock'}")
    return tmp_path / "d.sock"


REAL = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")


@pytest.mark.docker
def test_killed_and_with_a_daemon_that_dies_a_run_goes_on(door: Path, start: Start, tmp_path: Path) -> None:
    dice = random.Random(3)
    with serving(scripted(lambda body: play_in_repository(body, 0.3))) as url:
        command = (*IN_REPOSITORY, "--attempts", "1", "--server", url, "--box", "docker", "--out")
        whole = Killer(start, (*command, str(tmp_path / "whole")), tmp_path / "whole")
        parts = Killer(start, (*command, str(tmp_path / "parts")), tmp_path / "parts")
        with gate(REAL, door):
            whole.finish()
            for _ in range(2):
                parts.kill(0, dice.uniform(0, 0.5), more=1)
            process = start(*parts.command)
            parts.await_calls(process, more=1)
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 2, stderr
        assert stderr.strip().splitlines()[-1].startswith("alphadial: the Docker daemon does not answer"), stderr
        with gate(REAL, door):
            parts.finish()
    assert parts.in_attempt == 2
    assert rows(parts.folder) == rows(whole.folder)
