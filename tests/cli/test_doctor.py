"""The doctor tells what works here, and what mends what does not."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.languages import find_language

Cli = Callable[..., Any]


def by_name(checks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in checks}


@pytest.fixture(autouse=True)
def _one_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of languages compile and run all of them."""
    known = {"python3": find_language("python3")}
    monkeypatch.setattr("alphadial.envs.languages.all_languages", lambda: known)


@pytest.mark.thorough
def test_here_the_sandbox_works(cli: Cli) -> None:
    done = cli("doctor")
    assert done.status == 0, done.stdout
    assert "the sandbox works" in done.stdout
    report = json.loads(cli("doctor", "--json", "-").stdout)
    assert report["sandbox_works"] is True
    host = by_name(report["host"])
    assert {"Python", "extra merge", "extra local", "extra report", "OpenHands", "cores", "memory"} <= set(host)
    assert "torch" in host["extra local"]["detail"]
    assert by_name(report["languages"])["language python3"]["ok"] is True
    assert "this machine as an image has pytest" in by_name(report["boxes"])["boxes: rootfs"]["detail"]


def test_without_a_docker_daemon_it_says_where_it_looked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setattr("alphadial.envs.sandbox.boxes.docker_daemon.shutil.which", lambda _: None)
    check = by_name(json.loads(cli("doctor", "--json", "-").stdout)["boxes"])["boxes: docker"]
    assert check["ok"] is False
    assert check["detail"] == "no Docker daemon answers at unix:///nowhere/docker.sock (DOCKER_HOST names another)"
    assert check["mend"] == "apt-get install docker.io"


@pytest.mark.docker
def test_a_docker_daemon_is_told_with_its_version(cli: Cli) -> None:
    check = by_name(json.loads(cli("doctor", "--json", "-").stdout)["boxes"])["boxes: docker"]
    assert check["ok"] is True
    assert re.fullmatch(r"Docker \d+\..+, cgroup v[12], runtimes .*runc.*", check["detail"])


@pytest.mark.thorough
def test_a_language_that_does_not_work_names_the_command(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for broken, words in (("print(", "SyntaxError"), ("print(41)", "'41\\n'")):
        language = replace(find_language("python3"), self_test=broken)
        monkeypatch.setattr("alphadial.envs.judging.compiling.find_language", lambda _, language=language: language)
        report = json.loads(cli("doctor", "--json", "-").stdout)
        (check,) = report["languages"]
        assert check["ok"] is False
        assert words in check["detail"]
        assert check["mend"] == "apt-get install python3"
        assert report["sandbox_works"] is True


def test_without_bubblewrap_it_names_the_command(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = cli("doctor")
    assert done.status == 2
    assert "apt-get install bubblewrap" in done.stdout
    assert "the sandbox does not work" in done.stdout
    assert "language" not in done.stdout


@pytest.mark.thorough
def test_missing_extras_are_gaps_that_pip_mends(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphadial.cli.host.EXTRAS", {"report": ("pictures", ("no-such-distribution",))})
    report = json.loads(cli("doctor", "--json", "-").stdout)
    check = by_name(report["host"])["extra report"]
    assert check["ok"] is False
    assert check["mend"] == "pip install 'alphadial[report]'"


@pytest.mark.thorough
def test_a_python_with_openhands_is_looked_for(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def told() -> dict[str, Any]:
        return by_name(json.loads(cli("doctor", "--json", "-").stdout)["host"])["OpenHands"]

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ALPHADIAL_OPENHANDS_PYTHON", raising=False)
    missing = told()
    assert (missing["ok"], missing["detail"]) == (False, "attempts by the OpenHands SDK: no Python with it is known")
    assert f"-m venv {tmp_path}/alphadial/openhands" in missing["mend"]
    monkeypatch.setenv("ALPHADIAL_OPENHANDS_PYTHON", sys.executable)
    assert "does not have it" in told()["detail"]
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 9.9\n")
    python.chmod(0o755)
    monkeypatch.setenv("ALPHADIAL_OPENHANDS_PYTHON", str(python))
    assert told() == {"name": "OpenHands", "ok": True, "detail": f"attempts by the OpenHands SDK: 9.9 of {python}"} | {
        "mend": ""
    }
