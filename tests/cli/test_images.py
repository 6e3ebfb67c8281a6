"""``alphadial images``: what it builds, lists and removes, and what it says where it cannot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.sandbox.boxes.images import clean_images, image_folders, own_images
from alphadial.envs.sandbox.boxes.images.image_folders import new_folder

Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-daemon.sock")
    return image_folders.images_home()


def make(name: str, key: str, recipe: str = "") -> None:
    with new_folder(name, key, recipe) as (root, _):
        (root / "file").write_bytes(b"x" * 2_000_000)


def test_list_and_clean_know_what_is_current(cli: Cli, home: Path) -> None:
    current = own_images.recipe_digest("repository")
    for name, key, recipe in (
        ("repository", "d1", "older"),
        ("repository", "d2", current),
        ("repository", "d3", current),
        ("task", "d4", ""),
    ):
        make(name, key, recipe)
    (home / "not-ours" / "rootfs").mkdir(parents=True)
    (home / f".draft-{os.getpid()}-abc").mkdir()
    (home / ".draft-999999999-abc" / "rootfs").mkdir(parents=True)

    listed = cli("images", "list", "--box", "rootfs", "--json", "-")
    rows = {Path(row["reference"]).name: row["current"] for row in json.loads(listed.stdout)}
    assert rows == {"repository-d1": False, "repository-d2": False, "repository-d3": True, "task-d4": True}
    table = cli("images", "list", "--box", "rootfs").stdout
    assert table.count("of another make") == 2

    told = cli("images", "clean", "--dry-run", "--box", "rootfs").stdout
    assert told.count("would be removed (2 MB)") == 2
    assert (home / "repository-d1").exists()
    done = cli("images", "clean", "--box", "rootfs")
    assert (done.status, done.stdout.count("removed (2 MB)")) == (0, 2)
    left = {"repository-d3", "task-d4", "not-ours", f".draft-{os.getpid()}-abc"}
    assert {entry.name for entry in home.iterdir()} == left
    assert cli("images", "clean", "--box", "rootfs").stdout == "nothing to remove\n"
    assert cli("images", "clean", "--all", "--box", "rootfs").status == 0
    assert {entry.name for entry in home.iterdir()} == {"not-ours", f".draft-{os.getpid()}-abc"}


def test_without_a_daemon_folders_are_listed_all_the_same(cli: Cli) -> None:
    pytest.importorskip("docker")
    make("task", "d1")
    done = cli("images", "list")
    assert done.status == 0
    assert "task" in done.stdout
    assert done.stderr.startswith("images in Docker are left out: no Docker daemon answers")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build", "nonsense"), "neither a folder with a Dockerfile nor an image of ours"),
        (("build", "repository", "--box", "podman"), "no boxes are named 'podman'"),
        (("build", "judge"), "alphadial images build judge --box docker"),
        (("build", "--box", "docker"), "no Docker daemon answers"),
        (("build", "task"), "no folder holds the image task, and Docker is not there for it"),
        (("build", "task", "--base", "x"), "leave out --base"),
        (("list", "--box", "docker"), "no Docker daemon answers"),
        (("clean", "--box", "podman"), "choose from rootfs, docker"),
    ],
)
def test_what_cannot_be_done_is_one_line(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    pytest.importorskip("docker")
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "Dockerfile").write_text("FROM alphadial/repository\n")
    done = cli("images", *arguments)
    assert (done.status, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


SLOW = """#!/bin/sh
echo "I: working" >&2
mkdir -p "$TMPDIR/chroot"
echo $$ >"$TMPDIR/chroot/pid"
exec sleep 60
"""


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_build_that_is_stopped(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A mmdebstrap takes its time here. What a kill leaves is gone with the next build."""
    (tmp_path / "mmdebstrap").write_text(SLOW)
    (tmp_path / "mmdebstrap").chmod(0o755)
    (tmp_path / "work").mkdir()
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path / "work")}
    code = f"""
import sys
from pathlib import Path
from alphadial.cli import main
from alphadial.envs.sandbox.boxes.images import bootstrap
bootstrap._KEYRING = Path({str(tmp_path / "mmdebstrap")!r})
sys.argv = ["alphadial", "images", "build"]
main()
"""
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith("mmdebstrap: working\n")
        until(lambda: any(tmp_path.glob("work/*/chroot/pid")))
        (file,) = tmp_path.glob("work/*/chroot/pid")
        until(lambda: file.read_text().endswith("\n"))
        child = Path("/proc") / file.read_text().strip()
        process.send_signal(number)
        said = process.stderr.read()
    until(lambda: not child.exists())
    if number == signal.SIGINT:
        assert (process.returncode, said) == (130, "interrupted: nothing is kept\n")
    elif number == signal.SIGKILL:
        assert list(home.iterdir())
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "work"))
        clean_images(["rootfs"])
    assert list(home.iterdir()) == []
    assert list((tmp_path / "work").iterdir()) == []


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
