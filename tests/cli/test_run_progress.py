"""What is shown while attempts are made and models are trained."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from alphadial.agents.policies.http import Wait
from alphadial.agents.runs.runner import Progress
from alphadial.cli import run_progress
from alphadial.cli.run_progress import AttemptProgress, RunWatch, Tally
from alphadial.cli.training_progress import SPARKS, Curves, describe, sparkline
from alphadial.training.state import CurvePoint


def attempt(model: str, failure_kind: str | None, error: str = "") -> Any:
    return SimpleNamespace(arm_key=model, problem="p", failure_kind=failure_kind, error=error)


def shown(renderable: Any) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(renderable)
    return console.export_text()


def test_tally_leaves_unmeasurable_attempts_out_of_rates() -> None:
    tally = Tally()
    for kind in (None, "correctness", "optimisation", "optimisation", "unmeasurable"):
        tally.add(attempt("m", kind))
    assert (tally.solved, tally.correctness, tally.optimisation, tally.unmeasurable) == (1, 1, 2, 1)
    assert (tally.measured, tally.done) == (4, 5)


def test_rates_count_earlier_processes(capsys: pytest.CaptureFixture[str]) -> None:
    earlier = [attempt("tiny@0", None), attempt("tiny@0", "optimisation")]
    with AttemptProgress({"tiny@0": "0", "tiny@1": "1"}, 8, earlier) as progress:
        progress.update(Progress(2, 8, 2, None))
        progress.update(Progress(3, 8, 2, attempt("tiny@1", "correctness")))
        text = shown(progress._render())
    first, second = (next(line for line in text.splitlines() if line.startswith(name)) for name in ("0 ", "1 "))
    assert first.split()[1:] == ["2", "50%", "0%", "50%"]
    assert second.split()[1:] == ["1", "0%", "100%", "0%"]
    assert "3/8" in text
    assert "1 problems solved" in text
    assert "resuming: 2 of 8 attempts" in capsys.readouterr().err


def test_why_attempts_cannot_be_measured_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with AttemptProgress({"m": "m"}, 20) as progress:
        for number in range(20):
            progress.update(Progress(number + 1, 20, 0, attempt("m", "unmeasurable", f"image {number // 2} is gone")))
    lines = [line for line in capsys.readouterr().err.splitlines() if "measured" in line]
    assert lines == [f"an attempt on p cannot be measured: image {number} is gone" for number in range(5)]


def test_sparkline_spans_its_range() -> None:
    assert sparkline([0, 1]) == SPARKS[0] + SPARKS[-1]
    assert sparkline([]) == ""
    assert sparkline([-5, 5]) == SPARKS[0] + SPARKS[-1]
    long = sparkline([step / 999 for step in range(1000)], width=10)
    assert len(long) == 10
    assert list(long) == sorted(long)


def test_curves_speak_ten_times_without_a_terminal(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with Curves(tmp_path / "new") as curves:
        for step in range(1, 101):
            curves.step("low", CurvePoint(step, 0.0, 0.5, 0.25, 0.125), 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1] == "low 100/100: reward 0.50  TLE 0.25  WA 0.12"


def test_repeated_steps_replace_those_of_a_killed_run(tmp_path: Any) -> None:
    with Curves(tmp_path / "new") as curves:
        for step in (1, 2, 3, 2):
            curves.step("init", CurvePoint(step, float(step)), 3)
        assert "2/3" in shown(curves.table())


def test_describe_follows_the_last_steps() -> None:
    assert describe([]) == ""
    assert describe([CurvePoint(1, 9.0), *(CurvePoint(step, 1.0) for step in range(2, 7))]) == "loss 1.000"


def test_waiting_is_told_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with RunWatch() as watch:
        for wait in (Wait("m", "status 429", 4.0), Wait("m", "timeout", 1.0), *2 * [Wait("m", "takes no top_k", 0.0)]):
            watch.waits(wait)
    assert capsys.readouterr().err.splitlines() == ["m: status 429; it is asked again in 4.0 s", "m: takes no top_k"]


def test_silence_is_told_ever_more_rarely(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_progress, "_PLAIN_SECONDS", 0.02)
    monkeypatch.setattr(run_progress, "_LOOK_SECONDS", 0.001)
    began, said = time.monotonic(), ""
    with AttemptProgress({"m": "m"}, 2) as progress:
        progress.update(Progress(0, 2, 0, None))
        while said.count("\n") < 3 and time.monotonic() < began + 60:
            said += capsys.readouterr().err
            time.sleep(0.01)
    told = (said + capsys.readouterr().err).splitlines()
    assert 3 <= len(told) <= 1 + math.log2((time.monotonic() - began) / 0.02)
    assert all("no attempt has ended" in line for line in told)
