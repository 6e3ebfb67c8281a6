"""What a process that forks leaves to its child: policies, stores and journals that the child opens anew."""

from __future__ import annotations

import copy
import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import sqlalchemy as sa

from alphadial.agents.policies import ScriptedPolicy, open_policy
from alphadial.agents.policies.http import HttpPolicy, ServerOptions
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.types import Message, Policy, Request
from alphadial.agents.weight_env import ENV_ID, Live
from alphadial.envs.databases import open_engine, sqlite_url
from alphadial.envs.folders import lock_folder
from alphadial.envs.gym.backend import Backend
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import Workspace
from alphadial.envs.tools.journal import Entry
from alphadial.envs.tools.journal_sqlite import SqliteJournal
from alphadial.merge_engine import load_family

from .servers import ask_all, completion, serving

BOUND_S = 60
PROGRAM = "def f(a, k):\n    return 0\n"


def in_a_child(work: Callable[[], object]) -> None:
    """Has a child do the work, which must end in time and well."""
    child = os.fork()
    if child == 0:
        signal.alarm(BOUND_S)
        try:
            work()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def live_in_processes(policy: Policy, steps: int) -> None:
    """Environments in forked processes, whose source was used before."""
    family, problems = load_family("tiny"), load_split("tiny-problems", "dev").problems[:2]
    with Backend(workers=1) as backend:
        source = Live(family, problems, (0.0, 1.0), AttemptDeps(policy, backend.judge))
        alone = gymnasium.make(ENV_ID, source=source, max_attempts=3)
        alone.reset(seed=0)
        alone.step(0)
        envs: Any = gymnasium.make_vec(ENV_ID, 2, vectorization_mode="async", source=source, max_attempts=3)
        envs.reset(seed=0)
        for _ in range(steps):
            envs.step_async(envs.action_space.sample())
            _, _, _, _, info = envs.step_wait(timeout=BOUND_S)
            assert info["measured"].all()
        alone.reset(seed=1)
        alone.step(1)
        envs.close()


@pytest.mark.thorough
def test_live_environments_in_forked_processes() -> None:
    live_in_processes(ScriptedPolicy(lambda request: PROGRAM), steps=3)


@pytest.mark.slow
def test_live_environments_in_forked_processes_with_a_model_in_each() -> None:
    live_in_processes(open_policy(load_family("tiny")), steps=8)


def test_a_running_source_says_that_it_cannot_be_copied() -> None:
    problems = load_split("tiny-problems", "dev").problems[:1]
    with Backend("trusted", workers=1) as backend:
        source = Live(load_family("tiny"), problems, (0.0, 1.0), AttemptDeps(ScriptedPolicy([]), backend.judge))
        for move in (copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="a Live can be neither copied nor pickled"):
                move(source)


def test_a_server_is_asked_over_connections_of_each_process() -> None:
    request = Request("tiny@0.5", (Message(role="user", content="?"),), 0, 0.6, max_tokens=9)
    with serving(lambda body: completion("yes", None)) as url:
        policy = HttpPolicy(url, options=ServerOptions(timeout_s=5.0))

        def ask() -> None:
            assert [answer.text for answer in ask_all(policy, [request] * 4)] == ["yes"] * 4

        def child() -> None:
            ask()
            policy.close()

        ask()
        in_a_child(child)
        with ThreadPoolExecutor(1) as pool:
            asking = [pool.submit(ask) for _ in range(9)]
            in_a_child(child)
            assert [one.result(BOUND_S) for one in asking] == [None] * 9
        policy.close()
        in_a_child(policy.close)


def test_a_journal_is_opened_anew(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    journal.append("e", Entry("1", "view", "{}", "", True, False, Workspace()))

    def child() -> None:
        journal.append("e", Entry("2", "view", "{}", "", True, False, Workspace()))
        assert len(journal.entries("e")) == 2
        journal.close()

    in_a_child(child)
    in_a_child(journal.close)  # unused
    journal.append("e", Entry("3", "view", "{}", "", True, False, Workspace()))
    assert [entry.call_id for entry in journal.entries("e")] == ["1", "2", "3"]
    journal.close()


def test_a_store_is_opened_anew(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "store.sqlite"), sa.MetaData())

    def write(number: int) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text(f"INSERT INTO numbers VALUES ({number})"))

    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE numbers (number INTEGER)"))
    write(1)
    in_a_child(lambda: write(2))
    in_a_child(engine.dispose)
    write(3)
    with engine.connect() as connection:
        assert list(connection.scalars(sa.text("SELECT number FROM numbers"))) == [1, 2, 3]
    engine.dispose()


def test_a_child_does_not_keep_the_folder_of_its_parent(tmp_path: Path) -> None:
    held = lock_folder(tmp_path)
    (go_on, end), (begun, begin) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(begin, b"!")
        os.close(end)
        os.read(go_on, 1)
        os._exit(0)
    os.read(begun, 1)
    held.close()
    lock_folder(tmp_path).close()
    for descriptor in (go_on, end, begun, begin):
        os.close(descriptor)
    assert os.waitpid(child, 0)[1] == 0
