from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alphadial.agents.errors import StoreError
from alphadial.agents.runs.attempt_rows import ATTEMPTS, METADATA
from alphadial.agents.runs.config import RUN_FORMAT, RunConfig, attempt_id
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.store import Store, find_attempts
from alphadial.agents.types import Attempt
from alphadial.envs.databases import open_reading, sqlite_url
from alphadial.envs.folders import write_atomically


def attempt(config: RunConfig, sample: int = 0, verdict: str = "AC") -> Attempt:
    values: dict[str, object] = dict.fromkeys((field.name for field in dataclasses.fields(Attempt)), "")
    values |= dict.fromkeys(("prompt_tokens", "completion_tokens", "turns", "level_reached"), 1)
    values |= dict.fromkeys(("temperature", "cpu_s", "judge_s", "model_s", "tools_s", "success_prob"), 0.1)
    values |= dict.fromkeys(("coverage", "decision", "propensity", "model_cost", "sandbox_cost", "ratio"), None)
    model, problem = config.models[0], config.problems[0]
    values |= {"model": model.name, "alpha": model.alpha, "problem": problem, "sample": sample, "run": config.run_id}
    values |= {"id": attempt_id(config.run_id, problem, model.name, sample), "seed": 2**53 - 1}
    values |= {
        "borderline": 0,
        "shared_verifier": 0,
        "finish_reason": "stop",
        "status": "judged",
        "end_reason": "submitted",
    }
    values |= {
        "verdict": verdict,
        "public_verdict": verdict,
        "failure_kind": None if verdict == "AC" else "correctness",
    }
    return Attempt(**values)  # type: ignore[arg-type]


def test_rows_come_back_as_they_went_in(tmp_path: Path, config: RunConfig) -> None:
    url = sqlite_url(tmp_path / "s.sqlite")
    row = dataclasses.replace(attempt(config), temperature=0.1 + 0.2, answer="ü\n'", weights_id="w1")
    with Store(url, config) as store:
        store.append(row)
    with Store(url, config) as store:
        assert list(store.attempts()) == [row]
    assert list(find_attempts(tmp_path / "s.sqlite", config, ["b", row.id])) == [row]


def test_rows_of_repositories_say_how_each_test_went(tmp_path: Path, config: RunConfig) -> None:
    url = sqlite_url(tmp_path / "s.sqlite")
    tests = json.dumps([["tests/test_a.py::test_b", 1, "AC"], ["performance", 3, None]])
    row = dataclasses.replace(attempt(config), tests=tests, ratio=1.5, shared_verifier=1, language="patch")
    with Store(url, config) as store:
        store.append(row)
        for damaged in ('[["x", 1, "XX"]]', '[["x", 0, "AC"]]', "[1]", "{"):
            with pytest.raises(StoreError, match="column tests"):
                store.append(dataclasses.replace(row, tests=damaged))
    assert list(find_attempts(tmp_path / "s.sqlite", config, [row.id])) == [row]


def test_a_store_is_read_where_nothing_can_be_written(
    tmp_path: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run ?#%20" / "s.sqlite"
    file.parent.mkdir()
    with Store(sqlite_url(file), config) as store:
        store.append(attempt(config))
    assert [entry.name for entry in tmp_path.iterdir()] == ["run ?#%20"]
    monkeypatch.setattr(os, "access", lambda *_: False)
    with open_reading(file, METADATA).connect() as connection:
        assert connection.scalars(sa.select(ATTEMPTS.c.sample)).all() == [0]
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.execute(sa.delete(ATTEMPTS))
        assert [entry.name for entry in file.parent.iterdir()] == ["s.sqlite"]
    file.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match=r"cannot read .*s.sqlite: file is not a database$"):
        list(find_attempts(file, config, ["a"]))


MERGED, BLENDED = "w1-" + "0" * 32, "blend:" + "0" * 32


@pytest.mark.parametrize(("first", "second"), [(MERGED, BLENDED), (BLENDED, MERGED)])
def test_a_run_never_holds_both_merged_weights_and_blends(
    tmp_path: Path, config: RunConfig, first: str, second: str
) -> None:
    url = sqlite_url(tmp_path / "s.sqlite")
    rows = [dataclasses.replace(attempt(config, sample), weights_id=first) for sample in range(3)]
    other = dataclasses.replace(rows[2], weights_id=second)
    says = r"an answer of .* beside those of .*: begin another run for these"
    with Store(url, config) as store:
        store.append(rows[0])
        with pytest.raises(StoreError, match=says):
            store.append(other)
    with Store(url, config) as store:  # and when it goes on
        with pytest.raises(StoreError, match=says):
            store.append(other)
        store.append(rows[1])
        assert {row.weights_id for row in store.attempts()} == {first}
    connection = sqlite3.connect(tmp_path / "s.sqlite")
    connection.execute("update attempts set weights_id = ? where sample = 1", [second])
    connection.commit()
    connection.close()
    with Store(url, config) as store, pytest.raises(StoreError, match=f"column weights_id: {says}"):
        list(store.attempts())


def test_an_attempt_is_stored_once(tmp_path: Path, config: RunConfig) -> None:
    with Store(sqlite_url(tmp_path / "s.sqlite"), config) as store:
        store.append(attempt(config))
        store.flush()
        store.append(attempt(config, verdict="WA"))
        store.append(attempt(config, verdict="TLE"))
        assert [row.verdict for row in store.attempts()] == ["AC"]


def test_one_database_holds_many_runs(tmp_path: Path, config: RunConfig) -> None:
    url = sqlite_url(tmp_path / "s.sqlite")
    other = dataclasses.replace(config, seed=2)
    with Store(url, config) as first, Store(url, other) as second:
        rows = attempt(config), attempt(other)
        first.append(rows[0])
        first.flush()
        second.append(rows[1])
        assert (first.finished(), second.finished()) == ({rows[0].id}, {rows[1].id})


def test_stores_that_cannot_be_used(tmp_path: Path, config: RunConfig) -> None:
    for url, message in (
        ("nonsense", "nonsense"),
        ("mysql://localhost/x", "mysql|MySQL"),
        ("postgresql+asyncpg_no://localhost/x", "asyncpg_no"),
        ("sqlite:////no/such/folder/s.sqlite", "unable to open"),
    ):
        with pytest.raises(StoreError, match=message) as error:
            Store(url, config)
        assert "\n" not in str(error.value)
    (tmp_path / "s.sqlite").write_text("this is no database, whatever its name says" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(sqlite_url(tmp_path / "s.sqlite"), config)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("token_ids", "[[1, -2]]", "column token_ids"),
        ("token_ids", "[1]", "column token_ids"),
        ("logprobs", '[["x"]]', "column logprobs"),
        ("logprobs", "[[-0.5", "column logprobs"),
        ("transcript", '[{"role": 1}]', "column transcript"),
        ("borderline", 2, "column borderline"),
        ("language", b"x", "column language"),
        ("model_cost", 1.0, "column model_cost: one cost without the other"),
        ("sandbox_cost", -1.0, "column sandbox_cost"),
        ("end_reason", "bored", "column end_reason"),
        ("weights_id", None, "column weights_id: there is none, and the run's weights are verified"),
    ],
)
def test_a_column_that_no_run_can_have_written_is_named(
    tmp_path: Path, config: RunConfig, column: str, value: object, words: str
) -> None:
    config = dataclasses.replace(config, weights="digest")
    with Store(sqlite_url(tmp_path / "s.sqlite"), config) as store:
        store.append(attempt(config))
        store.flush()
        with sqlite3.connect(tmp_path / "s.sqlite") as connection:
            connection.execute(f"UPDATE attempts SET {column} = ?", (value,))
        with pytest.raises(StoreError, match=words):
            list(store.attempts())


def test_another_format_version_is_refused(tmp_path: Path, config: RunConfig) -> None:
    url = sqlite_url(tmp_path / "s.sqlite")
    Store(url, config).close()
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute("UPDATE runs SET format = 99")
    with pytest.raises(StoreError, match=f"format version 99, not {RUN_FORMAT}"):
        Store(url, config)


def test_a_folder_of_another_configuration_says_what_differs(tmp_path: Path, config: RunConfig) -> None:
    RunFolder(tmp_path, config).close()
    RunFolder(tmp_path, config).close()
    other = dataclasses.replace(config, seed=7, temperature=1.0)
    with pytest.raises(StoreError, match=r"temperature: 0\.6 / 1\.0; seed: 1 / 7.*choose another --out"):
        RunFolder(tmp_path, other)


@pytest.mark.parametrize(
    "change",
    [{"weights": "other"}, {"problems": ("p",)}, {"language": "cpp"}, {"limit_s": 9.0}, {"family": None}],
    ids=lambda change: str(*change),
)
def test_a_run_of_other_settings_is_not_resumed(tmp_path: Path, config: RunConfig, change: dict[str, Any]) -> None:
    RunFolder(tmp_path, config).close()
    with pytest.raises(StoreError, match=rf"another configuration \(there / here: {next(iter(change))}: .*--out"):
        RunFolder(tmp_path, dataclasses.replace(config, **change))


def test_a_run_whose_problems_have_changed_is_not_resumed(tmp_path: Path, config: RunConfig) -> None:
    RunFolder(tmp_path, config).close()
    changed = dataclasses.replace(config, split_hash="other", problems=("another",))
    with pytest.raises(StoreError, match=r"the problems of .* have changed since the run in .* began: .*--out"):
        RunFolder(tmp_path, changed)


def test_a_folder_of_another_version_is_refused(tmp_path: Path, config: RunConfig) -> None:
    RunFolder(tmp_path, config).close()
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))
    with pytest.raises(StoreError, match=r"format version 99.*choose another --out"):
        RunFolder(tmp_path, config)
    file.write_text("{")
    with pytest.raises(StoreError, match=r"config.json is not JSON.*choose another --out"):
        RunFolder(tmp_path, config)


@pytest.mark.thorough
def test_a_folder_in_use_names_its_owner(tmp_path: Path, config: RunConfig) -> None:
    code = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[2]); from fakes import make_config;"
        "from alphadial.agents.runs.run_folder import RunFolder;"
        "folder = RunFolder(Path(sys.argv[1]), make_config()); print('open', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match=f"in use by process {owner.pid} .*: wait for it or stop it"):
            RunFolder(tmp_path, config)
        owner.kill()
    RunFolder(tmp_path, config).close()


def test_unusable_folders_are_refused_and_left_alone(tmp_path: Path, config: RunConfig) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match=r"cannot use .* as a run folder"):
            RunFolder(path, config)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_text("x")
    with pytest.raises(StoreError, match="holds something else than a run"):
        RunFolder(tmp_path / "photos", config)
    assert [entry.name for entry in (tmp_path / "photos").iterdir()] == ["cat.png"]


def test_a_failed_open_lets_the_lock_go(tmp_path: Path, config: RunConfig) -> None:
    with pytest.raises(StoreError):
        RunFolder(tmp_path, config, store_url="nonsense")
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_draft_of_a_killed_process_goes_with_the_next_one(tmp_path: Path, config: RunConfig) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from alphadial.envs import folders;"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL);"
        "folders.write_atomically(Path(sys.argv[1]), 'half')"
    )
    RunFolder(tmp_path, config).close()
    before = set(tmp_path.iterdir())
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run.json")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert len(set(tmp_path.iterdir()) - before) == 1
    RunFolder(tmp_path, config).close()
    assert set(tmp_path.iterdir()) == before


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "result.json"
    write_atomically(file, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
