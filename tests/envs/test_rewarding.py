"""The judge as a reward function: any answer, any problem, any process or thread."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs import (
    EnvsError,
    FailureKind,
    JudgeReport,
    Limits,
    Problem,
    ProblemError,
    RewardError,
    SandboxUnavailableError,
    Submission,
    Test,
    Verdict,
    reward,
    rewarding,
)
from alphadial.envs.judging.limits import DEFAULT_LIMIT_S
from alphadial.envs.judging.rewards import rewarded
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import cgroups
from alphadial.envs.types import Interface, Validator

CALL = Problem(
    "double", "t", "", "Double.", "", "f", (Test(1, "[2]", "4", public=True), Test(2, "[30]", "60")), Limits(),
    coverages={"small": 1},
)  # fmt: skip
STDIN = Problem(
    "sum", "t", "", "Add.", "", "", (Test(1, "2 3\n", "5\n", public=True), Test(2, "40 2\n", "42\n")), Limits(),
    interface=Interface.STDIO,
)  # fmt: skip
RIGHT = "```python\ndef f(x):\n    return 2 * x\n```"
SMALL = "```\ndef f(x):\n    return 4\n```"
SUMS = {
    "python": "print(sum(map(int, input().split())))",
    "cpp": '#include <cstdio>\nint main() { int a, b; std::scanf("%d %d", &a, &b); std::printf("%d", a + b); }',
}


@pytest.fixture(scope="module", autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    yield
    rewarding._open.close()


def test_an_answer_is_a_text_messages_or_a_program() -> None:
    said = [{"role": "user", "content": "Double."}, {"role": "assistant", "content": f"So:\n{RIGHT}\nDone."}]
    parts = [{"role": "assistant", "content": [{"type": "image"}, {"type": "text", "text": RIGHT}]}]
    program = Submission.of("def f(x): return x + x")
    answers = (RIGHT, f"{SMALL}\nNo:\n{RIGHT}", said, [*said, {"role": "tool", "content": SMALL}], parts, program)
    assert [reward(answer, CALL) for answer in answers] == [1.0] * 6
    assert reward(SMALL, CALL) == 0.0


def test_what_holds_no_program_fails_and_is_no_error() -> None:
    unfinished = RIGHT.removesuffix("```")
    texts = ("", "I cannot.", unfinished, "```text\nx\n```", "```rust\nfn f\n```", "```python\n\ud800\n```")
    calling: dict[str, object] = {"role": "assistant", "content": None, "tool_calls": []}
    for answer in (*texts, "```python\na\0\n```", [calling], Submission("rust", {"main": "fn f"}, "main")):
        assert reward(answer, CALL) == 0.0
    assert reward("I cannot.", CALL, reward="collapsed") == reward(SMALL, CALL, reward="collapsed") == -1.0


def test_what_is_no_answer_is_an_error() -> None:
    for answer in (None, 7, b"x", ["def f"], {"role": "assistant"}):
        with pytest.raises(EnvsError, match="an answer is a text, chat messages or a Submission, not a"):
            reward(answer, CALL)  # type: ignore[arg-type]
    with pytest.raises(EnvsError, match="none of the messages is an answer"):
        reward([{"role": "user", "content": RIGHT}], CALL)
    with pytest.raises(EnvsError, match="the content of a message is a text or a list of parts, not a int"):
        reward([{"role": "assistant", "content": 7}], CALL)


def test_coverage_and_reward_by_name_or_function() -> None:
    assert [reward(SMALL, CALL, coverage=coverage) for coverage in (1, "small", 2, None)] == [1.0, 1.0, 0.0, 0.0]
    assert reward(SMALL, CALL, reward="dense") == 0.5
    assert reward(SMALL, CALL, reward=lambda report, level: report.level_reached + 10 * level) == 21.0
    with pytest.raises(ProblemError, match="has no coverage 'large'; it has: small"):
        reward(SMALL, CALL, coverage="large")
    for wrong in ("speed", 7):
        with pytest.raises(ProblemError, match=f"unknown reward {wrong!r}; choose coverage, dense, collapsed, or"):
            reward(SMALL, CALL, reward=wrong)  # type: ignore[arg-type]


@pytest.mark.thorough
def test_programs_that_read_stdin_in_any_language() -> None:
    fenced = {tag: f"```{tag}\n{program}\n```" for tag, program in SUMS.items()}
    assert [reward(answer, STDIN) for answer in fenced.values()] == [1.0, 1.0]
    assert reward(f"```\n{SUMS['cpp']}\n```", STDIN, language="cpp") == 1.0
    assert reward(fenced["cpp"], CALL) == 0.0  # its tests call a Python function
    with pytest.raises(ProblemError, match="takes programs in Python"):
        reward(RIGHT, CALL, language="cpp")
    with pytest.raises(ProblemError, match="cobol"):
        reward(RIGHT, STDIN, language="cobol")


def ready(problem: Problem | str, problem_set: str | Path = "tiny-problems", limit_s: float | None = None) -> Problem:
    return rewarding._open.ready(problem, problem_set, None, limit_s, "bubblewrap")


def test_time_limits() -> None:
    assert ready(STDIN).time_limit_s == DEFAULT_LIMIT_S == 10
    assert ready(replace(STDIN, time_limit_s=3.0)).time_limit_s == 3
    assert ready(STDIN, limit_s=0.5).time_limit_s == ready(CALL, limit_s=0.5).limits.cpu_s == 0.5
    assert ready(CALL) == CALL
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ProblemError, match="limit_s must be a number of seconds above 0, not"):
            reward(RIGHT, CALL, limit_s=wrong)


@pytest.mark.thorough
def test_ids_of_problems(tmp_path: Path) -> None:
    tiny = load_split("tiny-problems", "dev").problems[0].id
    assert reward("```python\ndef f(a, k): return None\n```", tiny, split="dev") == 0.0
    accepted = {"name": "good.py", "language": "python3", "expected": "accepted", "source": "print(2 * int(input()))"}
    tests = [{"name": "1", "group": "sample", "input": "21\n", "answer": "42\n"}]
    row = {"id": "twice", "tests": tests, "submissions": [accepted]}
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(row))
    assert reward("```python\nprint(42)\n```", "twice", problem_set=path) == 1.0
    assert ready("twice", path).time_limit_s == 1.0  # from its accepted program, though nobody can read a statement
    for options, words in (
        ({"problem": "thrice", "problem_set": path}, "mine.jsonl has no problem 'thrice'; ids look like 'twice'"),
        ({"problem": tiny, "split": "test"}, f"has no problem '{tiny}' in its split test; ids look like"),
        ({"problem": tiny, "split": "exam"}, "tiny-problems has no split 'exam'"),
        ({"problem": tiny, "problem_set": "nowhere"}, "no problem set, file or folder 'nowhere'"),
        (
            {"problem": tiny, "problem_set": [CALL]},
            "problem_set is a name, a path or module:Class",
        ),
        ({"problem": 7}, "a problem is a Problem or its id, not a int"),
        ({"problem": replace(CALL, tests=())}, "problem 'double' has no tests"),
    ):
        with pytest.raises(ProblemError, match=words):
            reward(RIGHT, **options)


def test_what_could_not_be_measured_is_none_and_said() -> None:
    broken = replace(STDIN, validator=Validator("python3", {"check.py": "raise SystemExit(1)"}))
    with pytest.warns(RuntimeWarning, match="sum was not measured: "):
        assert reward("```\nprint(5)\n```", broken, reward=lambda report, level: 1.0) is None


WRONG = JudgeReport(Verdict.WA, FailureKind.CORRECTNESS, 0)


def test_rewards_that_nothing_can_be_learnt_from() -> None:
    values: list[Any] = [float("nan"), float("inf"), "1", [1.0], 1j]
    for value in values:
        with pytest.raises(RewardError, match=r"gave .* for WA: it must give a finite number, or None"):
            rewarded(lambda report, level: value, WRONG, 1)  # noqa: B023
    with pytest.raises(RewardError, match=r"lambda.* raised ZeroDivisionError: division by zero") as raised:
        reward(SMALL, CALL, reward=lambda report, level: 1 / 0)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert rewarded(lambda report, level: None, WRONG, 1) is None
    assert rewarded(lambda report, level: report.solved, WRONG, 1) == 0.0


def test_sandboxes_by_name() -> None:
    assert reward(RIGHT, CALL, sandbox="trusted") == 1.0
    with pytest.raises(SandboxUnavailableError, match="no sandbox is named 'none'; choose from: bubblewrap, "):
        reward(RIGHT, CALL, sandbox="none")


def test_threads_share_one_judge() -> None:
    answers = [RIGHT, SMALL] * 6
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(functools.partial(reward, problem=CALL), answers)) == [1.0, 0.0] * 6


def _judge_both() -> None:
    assert [reward(answer, CALL) for answer in (RIGHT, SMALL)] == [1.0, 0.0]


@pytest.mark.slow
def test_forks_while_threads_judge() -> None:
    over = threading.Event()

    def until_over() -> None:
        while not over.is_set():
            _judge_both()

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(until_over) for _ in range(2)]
        try:
            children = [multiprocessing.get_context("fork").Process(target=_judge_both) for _ in range(8)]
            for child in children:
                child.start()
                time.sleep(0.01)
            for child in children:
                child.join(60)
                child.kill()  # where it hangs
        finally:
            over.set()
        for each in running:
            each.result(60)
    assert [child.exitcode for child in children] == [0] * 8


_WORKERS = """
import multiprocessing, os, sys, time
from pathlib import Path
from alphadial.envs import Limits, Problem, Test, reward

PROBLEM = Problem("double", "t", "", "", "", "f", (Test(1, "[2]", "4"),), Limits())

def work(number):
    value = reward(f"```python\\ndef f(x): return {number % 2} * 2 * x\\n```", PROBLEM)
    return value, os.getpid()

def children():
    return sorted(pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split())

def hold(judged):
    work(1)
    judged.set()
    time.sleep(600)

if __name__ == "__main__":
    start, first = sys.argv[1:]
    context = multiprocessing.get_context(start)
    pids = [os.getpid()]
    if first == "parent":
        assert work(1)[0] == 1.0
        servers = children()
    with context.Pool(2) as pool:  # whose workers are ended by a signal
        done = pool.map(work, range(8), chunksize=1)
    assert [value for value, _ in done] == [0.0, 1.0] * 4, done
    ends = context.Process(target=work, args=(1,))  # ends by itself
    ends.start()
    ends.join()
    judged = context.Event()
    killed = context.Process(target=hold, args=(judged,))
    killed.start()
    assert judged.wait(60)
    killed.kill()
    killed.join()
    pids.append(killed.pid)
    if first == "parent":
        assert work(1)[0] == 1.0
        assert children() == servers
    print(*pids, ends.pid, *{pid for _, pid in done})
    assert ends.exitcode == 0
"""


def left_of(pids: list[str]) -> list[str]:
    """Cgroups that processes made which have ended, and sandboxes that still run."""
    parent = cgroups.find()
    folders = parent.folders if parent is not None else ()
    names = [group.name for folder in folders for group in folder.glob(f"{cgroups.PREFIX}*")]
    return [name for name in names if any(f"-{pid}-" in name for pid in pids)]


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("fork", "children"),
        pytest.param("fork", "parent", marks=pytest.mark.slow),
        pytest.param("spawn", "children", marks=pytest.mark.slow),
    ],
)
def test_workers_leave_nothing_however_they_end(start: str, first: str, tmp_path: Path) -> None:
    script = tmp_path / "workers.py"
    script.write_text(_WORKERS)
    environment: dict[str, Any] = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", str(script), start, first]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert left_of(done.stdout.split()) == []


@pytest.mark.thorough
def test_the_example_of_own_problems(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    examples = Path(__file__).parents[2] / "examples"
    monkeypatch.syspath_prepend(examples)
    runpy.run_path(str(examples / "own_problems.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "judged: WA, level 1 of 2, correctness",
        "environment: 1.0",
        "reward: 1.0 0.0",
        "of a file: 1.0",
        "of a class: [1.0, 0.0]",
    ]


@pytest.mark.slow
def test_workers_of_a_data_loader(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    answers = [RIGHT, SMALL] * 6
    loader = torch.utils.data.DataLoader(
        answers, batch_size=2, num_workers=2, collate_fn=lambda batch: [reward(answer, CALL) for answer in batch]
    )
    assert list(loader) == [[1.0, 0.0]] * 6
