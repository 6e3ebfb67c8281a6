"""Processes that fork while they judge: children judge with what is their own, and parents notice nothing."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs import Limits, Problem, Test
from alphadial.envs.forking import OwnFile, OwnFolder, OwnSocket
from alphadial.envs.gym import CodingEnv, tool_call
from alphadial.envs.gym.backend import Backend
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import cgroups, open_sandbox
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.types import Interface, Rules, Setting

from .labelled import judged_at, labelled

BOUND_S = 120
PROBLEM = Problem("p", "t", "", "Double.", "", "f", (Test(1, "[2]", "4", public=True), Test(2, "[30]", "60")), Limits())
TWICE = Problem(
    "q", "t", "", "", "", "", (Test(1, "21\n", "42\n", public=True),), Limits(), interface=Interface.STDIO
)  # fmt: skip
PROGRAMS = {"AC": "def f(x): return 2 * x", "WA": "def f(x): return 4", "CE": "def f(x:", "RTE": "def f(x): return y"}
READERS = {"AC": "print(2 * int(input()))", "WA": "print(1)", "RTE": "raise SystemExit(3)"}


def verdict(backend: Backend, wanted: str) -> str:
    return str(backend.judge.judge(PROBLEM, PROGRAMS[wanted]).verdict)


def forked(work: Callable[[], object]) -> Callable[[], str]:
    """Has a child do the work; what is returned waits for it, and gives the text of the result."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(BOUND_S)
        try:
            said = str(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(theirs, said.encode()[:4096])
        os._exit(0)
    os.close(theirs)

    def wait() -> str:
        with os.fdopen(ours, "rb") as end:
            said = end.read().decode()
        assert os.waitpid(child, 0)[1] == 0, "the child hung"
        return said

    return wait


def groups() -> list[str]:
    """All of this test's cgroups, whoever of its processes made them."""
    parent = cgroups.find()
    mine = f"{cgroups.PREFIX}{cgroups.pid_namespace()}-{os.getpid()}-"
    return [] if parent is None else [group.name for folder in parent.folders for group in folder.glob(f"{mine}*")]


def descriptors() -> list[str]:
    """What is open, the one that lists them aside."""
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            links.append(str(entry.readlink()))
    return sorted(links)


def of_the_sandbox(others: Sequence[str] = ()) -> list[str]:
    """Descriptors of the kinds that sandboxes hold, without ``others``."""
    return [
        link for link in descriptors() if link not in others and re.search(r"pidfd|memfd|socket|cgroup|epoll", link)
    ]


def children() -> set[str]:
    found = set[str]()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # the thread has ended meanwhile
            found |= set((task / "children").read_text().split())
    return found


@contextmanager
def nothing_left() -> Iterator[None]:
    """What the body opens is gone after it: processes, cgroups and descriptors."""
    gc.collect()  # else what tests before this one left would be missing after it
    before = children(), groups(), len(descriptors())
    yield
    gc.collect()
    assert (children(), groups(), len(descriptors())) == before


@pytest.mark.parametrize(
    "sandbox", ["bubblewrap", "trusted", pytest.param("gvisor", marks=pytest.mark.slow)]
)  # fmt: skip
def test_child_and_parent_judge_side_by_side(sandbox: str) -> None:
    others = of_the_sandbox()  # of tests before this one, whose garbage nobody has collected yet
    with nothing_left(), Backend(sandbox, workers=1) as backend:
        assert verdict(backend, "AC") == "AC"

        def child() -> list[str]:
            found = [*of_the_sandbox(others), *(verdict(backend, wanted) for wanted in PROGRAMS)]
            backend.close()
            return [*found, *of_the_sandbox(others)]

        wait = forked(child)
        assert [verdict(backend, wanted) for wanted in PROGRAMS] == list(PROGRAMS)
        assert wait() == str(list(PROGRAMS))
        assert verdict(backend, "AC") == "AC"


@pytest.mark.thorough
def test_the_parent_keeps_its_warm_server() -> None:
    with Backend(workers=1) as backend:
        verdict(backend, "AC")
        before = children()

        def child() -> str:
            with backend:
                return verdict(backend, "AC")

        assert forked(child)() == "AC"
        verdict(backend, "AC")
        assert children() == before


@pytest.mark.parametrize(
    "owner",
    [
        lambda: OwnSocket(socket.AF_UNIX, socket.SOCK_DGRAM),
        lambda: OwnFile(lambda: os.memfd_create("memfd")),
        lambda: OwnFolder(lambda: os.pidfd_open(os.getpid())),
    ],
    ids=["socket", "file", "folder"],
)
def test_a_child_never_gets_what_a_thread_is_just_opening(owner: Callable[[], Any]) -> None:
    others, over = of_the_sandbox(), threading.Event()

    def opens_and_closes() -> None:
        while not over.is_set():
            owner().close()

    every = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(opens_and_closes)
            said = [forked(lambda: of_the_sandbox(others))() for _ in range(15)]
            over.set()
            running.result(BOUND_S)
    finally:
        over.set()
        sys.setswitchinterval(every)
    assert said == ["[]"] * 15


def fork_in_the_midst(judge: Callable[[str], str], wanted: list[str], forks: int) -> None:
    """Threads judge without a pause while their process forks; every child judges, and sees nothing of the parent's."""
    over = threading.Event()
    others = of_the_sandbox()

    def until_over(which: str) -> set[str]:
        found = {judge(which)}
        while not over.is_set():
            found.add(judge(which))
        return found

    with ThreadPoolExecutor(len(wanted)) as pool:
        running = [pool.submit(until_over, which) for which in wanted]
        try:
            waiting = []
            for _ in range(forks):
                time.sleep(0.005)
                waiting.append(forked(lambda: [*of_the_sandbox(others), *map(judge, wanted)]))
            said = [wait() for wait in waiting]
        finally:
            over.set()
        assert [one.result(BOUND_S) for one in running] == [{which} for which in wanted]
    assert said == [str(wanted)] * forks


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", ["bubblewrap", "trusted", "gvisor"])
def test_forks_in_mid_judgement(sandbox: str) -> None:
    with nothing_left(), Backend(sandbox, workers=2) as backend:
        fork_in_the_midst(lambda wanted: verdict(backend, wanted), ["AC", "WA", "RTE"], forks=12)


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", ["bubblewrap", "trusted", "gvisor"])
def test_forks_in_mid_judgement_of_stdin_and_stdout(sandbox: str) -> None:
    with nothing_left(), open_sandbox(sandbox) as opened:
        judge = Judge(opened, workers=2)

        def found(wanted: str) -> str:
            solution = labelled("s", "python3", {"main.py": READERS[wanted]})
            return str(judged_at(judge, TWICE, solution, 10.0).verdict)

        fork_in_the_midst(found, list(READERS), forks=4)


@pytest.mark.thorough
def test_forks_in_mid_command() -> None:
    rules = Rules(Setting.AGENTIC, max_turns=9, tool_limits=Limits(files_bytes=16 << 20))
    with nothing_left(), Backend(workers=1) as backend:
        session = ToolSession(PROBLEM, rules, backend.sandbox, backend.judge)
        with ThreadPoolExecutor(1) as pool:
            command = pool.submit(session.call, "1", "shell", {"command": "cat; sleep 0.3; echo done"})
            time.sleep(0.15)
            child = forked(lambda: session.call("1", "shell", {"command": "echo mine"}).content)
            assert (child(), command.result(BOUND_S).content) == ("mine", "done")


@pytest.mark.thorough
def test_children_of_children() -> None:
    with Backend(workers=1) as backend:

        def child(depth: int) -> list[str]:
            own = verdict(backend, "WA")
            below = forked(lambda: child(depth - 1))() if depth else ""
            return [own, below, verdict(backend, "AC")]

        verdict(backend, "AC")
        assert forked(lambda: child(1))() == str(["WA", str(["WA", "", "AC"]), "AC"])
        assert verdict(backend, "AC") == "AC"


_backend: Backend | None = None


def _in_pool(wanted: str) -> str:
    assert _backend is not None
    return verdict(_backend, wanted)


@pytest.mark.thorough
def test_a_pool_of_processes_with_one_global_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    with nothing_left(), Backend(workers=1) as backend:
        monkeypatch.setattr(sys.modules[__name__], "_backend", backend)
        verdict(backend, "AC")
        wanted = [*PROGRAMS] * 3
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map_async(_in_pool, wanted, chunksize=1).get(BOUND_S) == wanted
        del pool  # with its pipes


@pytest.mark.thorough
def test_what_a_killed_child_leaves_goes_with_the_parents_sandbox() -> None:
    parent = cgroups.find()
    if parent is None:
        pytest.skip("no cgroup can be made here")
    with Backend(workers=1) as backend:
        verdict(backend, "AC")
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(theirs, verdict(backend, "AC").encode())
            signal.pause()
        assert os.read(ours, 9) == b"AC"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left = f"{cgroups.PREFIX}{cgroups.pid_namespace()}-{child}-*"
        assert any(folder.glob(left) for folder in parent.folders)
    assert [group for folder in parent.folders for group in folder.glob(left)] == []
    for end in (ours, theirs):
        os.close(end)


@pytest.mark.thorough
@pytest.mark.parametrize("sandbox", ["bubblewrap", "trusted"])
def test_environments_that_are_dropped_leave_nothing(sandbox: str) -> None:
    with nothing_left():
        for _ in range(3):
            env = CodingEnv(split="dev", setting="reasoning", sandbox=sandbox)
            env.reset()
            env.step(tool_call("submit", program="def f(a, k):\n    return 0\n"))
            del env


@pytest.mark.thorough
def test_what_is_dropped_is_closed_in_whatever_thread_collects_it(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen

    def collects(*arguments: Any, **named: Any) -> subprocess.Popen[bytes]:
        gc.collect()  # where bwrap is started
        return popen(*arguments, **named)

    with nothing_left(), Backend(workers=1) as backend:
        before = children()
        cycle: list[object] = [Backend(workers=1)]
        verdict(cycle[0], "AC")  # type: ignore[arg-type]
        cycle.append(cycle)
        del cycle
        monkeypatch.setattr(subprocess, "Popen", collects)
        assert verdict(backend, "AC") == "AC"
        assert len(children()) == len(before) + 1
        monkeypatch.undo()


_DROPS_AT_THE_END = """
import os
from alphadial.envs.gym.backend import Backend
from alphadial.envs.problems import load_split
backend = Backend(workers=1)
backend.judge.judge(load_split("tiny-problems", "dev").problems[0], "def f(a, k):\\n    return 0\\n")
if os.fork():
    os.wait()
    backend.judge.judge(load_split("tiny-problems", "dev").problems[0], "def f(a, k):\\n    return 0\\n")
print(os.getpid())
"""


@pytest.mark.thorough
def test_what_is_open_when_the_interpreter_ends_is_closed() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _DROPS_AT_THE_END]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=BOUND_S, check=True)
    parent = cgroups.find()
    folders = parent.folders if parent is not None else ()
    for process in done.stdout.split():
        assert not [group for folder in folders for group in folder.glob(f"{cgroups.PREFIX}*-{process}-*")]
    assert done.stderr == ""


def test_what_belongs_to_one_process_says_that_it_cannot_be_copied() -> None:
    with open_sandbox("trusted") as sandbox, Backend("trusted", workers=1) as backend:
        for thing in (sandbox, backend, backend.judge, Judge(sandbox), CodingEnv(split="dev", backend=backend)):
            name = type(thing).__name__
            for move in (copy.copy, copy.deepcopy, pickle.dumps):
                attempt: Callable[[Any], Any] = move
                with pytest.raises(TypeError, match=f"a {name} can be neither copied nor pickled: share it"):
                    attempt(thing)
