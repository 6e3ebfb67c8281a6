from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode

from alphadial.agents.agent.prompts import find_strategy
from alphadial.envs import (
    EnvsError,
    FailureKind,
    JudgeReport,
    Limits,
    Problem,
    ProblemError,
    RewardError,
    SandboxFailedError,
    Setting,
    Test,
)
from alphadial.envs.gym import ENV_ID, CodingEnv, tool_call
from alphadial.envs.gym.backend import Backend
from alphadial.envs.gym.spaces import Utf8
from alphadial.envs.gym.vector import AsyncCodingEnv, make_vec
from alphadial.envs.languages import find_language
from alphadial.envs.problems import load_split
from alphadial.envs.problems.tiny import reference
from alphadial.envs.tools.specs import LEFT_OUT, MAX_CALLS
from alphadial.envs.types import Interface

from .workspace_programs import PROGRAMS

TYPES = {
    "problem": str, "turns": int, "invalid": bool, "public_verdict": str, "verdict": str, "failure_kind": str,
    "level_reached": int, "solved": bool, "end_reason": str, "measured": bool, "cause": str, "language": str,
    "tools": list,
}  # fmt: skip
WRONG = "def f(a, k):\n return 0\n"


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend() as opened:
        yield opened


def solution(problem: str) -> str:
    template, map_name, post_name, _ = problem.split(".")
    return reference(template, "linear", map_name, post_name)


@pytest.mark.parametrize("setting", Setting)
def test_check_env(setting: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(f"alphadial.envs.gym:{ENV_ID}", setting=setting, split="dev", render_mode="ansi")
        check_env(env.unwrapped)
    assert env.spec is not None
    copy = gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()).make().unwrapped
    assert isinstance(copy, CodingEnv)
    assert copy.rules.setting == setting
    env.close()
    env.close()


def test_utf8_space() -> None:
    space = Utf8(50, seed=3)
    again = Utf8(50, seed=3)
    samples = [space.sample() for _ in range(300)]
    assert samples == [again.sample() for _ in range(300)]
    assert all(sample in space for sample in samples)
    assert any(max(map(ord, sample), default=0) > 0xFFFF for sample in samples)
    assert "" in space
    assert np.str_("x") in space
    for outside in ("é" * 26, "\ud800", 5, None, b"x", ["x"]):
        assert outside not in space
    assert space == again
    assert (space == Utf8(51), hash(space) == hash(again)) == (False, True)
    assert space.from_jsonable(json.loads(json.dumps(space.to_jsonable(samples)))) == samples
    with pytest.raises(ValueError, match="no mask"):
        space.sample(mask=1)


def test_a_tools_episode(backend: Backend) -> None:
    env = CodingEnv(split="dev", setting="tools", backend=backend, render_mode="ansi")
    text, info = env.reset(seed=1)
    assert [message["role"] for message in json.loads(text)] == ["user"]
    assert {key: type(value) for key, value in info.items()} == TYPES
    assert [tool["function"]["name"] for tool in info["tools"]] == ["run_tests", "submit"]
    text, reward, terminated, truncated, info = env.step(tool_call("run_tests", "c1", program=WRONG))
    (answer,) = json.loads(text)
    assert (answer["role"], answer["tool_call_id"]) == ("tool", "c1")
    assert (reward, terminated, truncated, info["public_verdict"]) == (0.0, False, False, "WA")
    text, reward, terminated, truncated, info = env.step(tool_call("submit", program=solution(info["problem"])))
    assert json.loads(text)[0]["content"] == "submitted"
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert (info["verdict"], info["end_reason"], info["level_reached"], info["solved"]) == ("AC", "submitted", 4, True)
    assert {key: type(value) for key, value in info.items()} == TYPES
    with pytest.raises(ResetNeeded):
        env.step(tool_call("submit", program=WRONG))
    rendered = env.render()
    assert rendered is not None
    assert rendered.startswith("[user]\n")
    assert "[tool]\nsubmitted" in rendered


def test_coverage_decides_the_reward(backend: Backend) -> None:
    problem = next(p for p in load_split("tiny-problems", "dev").problems if p.id.endswith("tight"))
    template, map_name, post_name, _ = problem.id.split(".")
    slow = reference(template, "quadratic", map_name, post_name)
    rewards = []
    for coverage in ("low", "high"):
        env = CodingEnv(split="dev", problems=[problem.id], setting="reasoning", coverage=coverage, backend=backend)
        env.reset()
        rewards.append(env.step(tool_call("submit", program=slow))[1])
    assert rewards == [1.0, 0.0]


@pytest.mark.parametrize("name", PROGRAMS)
def test_agentic_workspaces_are_solved(backend: Backend, name: str) -> None:
    env = CodingEnv("workspaces", "test", setting="agentic", backend=backend)
    text, _ = env.reset(options={"problem": name})
    assert "solution.py" in json.loads(text)[0]["content"]
    steps = [
        tool_call("view", path="."),
        tool_call("shell", command="rm solution.py"),
        tool_call("edit", path="solution.py", old="", new=PROGRAMS[name][0]),
        tool_call("run_tests"),
        tool_call("submit"),
    ]
    *_, (_, reward, terminated, truncated, info) = map(env.step, steps)
    assert (reward, terminated, truncated, info["turns"], info["public_verdict"]) == (1.0, True, False, 5, "AC")


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("", "called no tool"),
        ("{", "called no tool"),
        ("[" * 100_000, "called no tool"),
        ('["role"]', "called no tool"),
        ('{"name": "submit"}', "called no tool"),
        ('{"role": "user"}', "role 'assistant'"),
        ('{"role": "assistant", "content": "x"}', "called no tool"),
        ({"content": "x", "tool_calls": None}, "called no tool"),
        ({}, "called no tool"),
        ('{"tool_calls": {}}', "'tool_calls' a list"),
        ({"content": 5}, "'content' must be a text"),
        ('{"tool_calls": [1]}', "no 'function'"),
        ('{"tool_calls": [{"function": {"name": "submit"}}]}', "needs an 'id'"),
        ('{"tool_calls": [{"id": "1", "function": {"name": 1}}]}', "needs an 'id'"),
        ('{"tool_calls": [{"id": "\\ud800", "function": {"name": "x"}}]}', "not text"),
        ('{"tool_calls": [{"id": "1", "function": {"name": "x", "arguments": 1}}]}', "neither a text nor an object"),
        (json.dumps({"tool_calls": [{"id": "1" * 300, "function": {"name": "x"}}]}), "more than 200 characters"),
        ("x" * (2 << 20), "at most 1,048,576 bytes"),
        (None, "an action is a text"),
        (b"{}", "an action is a text"),
    ],
)  # fmt: skip
def test_invalid_actions_cost_a_turn(backend: Backend, action: Any, says: str) -> None:
    env = CodingEnv(split="dev", max_turns=2, backend=backend)
    env.reset(seed=0)
    text, reward, terminated, truncated, info = env.step(action)
    (message,) = json.loads(text)
    assert message["role"] == "user"
    assert says in message["content"]
    assert text in env.observation_space
    assert (reward, terminated, truncated, info["invalid"], info["turns"]) == (0.0, False, False, True, 1)
    *_, truncated, info = env.step(action)
    assert (truncated, info["end_reason"], info["measured"]) == (True, "turns", True)


def test_of_seventeen_calls_sixteen_are_made(backend: Backend) -> None:
    env = CodingEnv(split="dev", backend=backend)
    env.reset(seed=0)
    call = json.loads(tool_call("unknown"))["tool_calls"]
    text, *_, info = env.step({"role": "assistant", "content": "", "tool_calls": call * 17})
    messages = json.loads(text)
    assert [message["role"] for message in messages] == ["tool"] * MAX_CALLS + ["user"]
    assert messages[-1]["content"] == LEFT_OUT
    assert (info["invalid"], info["turns"]) == (True, 1)


def test_reasoning_is_one_answer(backend: Backend) -> None:
    env = CodingEnv(split="dev", setting="reasoning", backend=backend)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step("no program")
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert (info["end_reason"], info["verdict"], info["measured"]) == ("no program", "CE", True)


def test_a_plain_answer_a_message_and_a_call_hand_in_the_same(backend: Backend) -> None:
    env = CodingEnv(split="dev", setting="reasoning", backend=backend)
    text, info = env.reset(seed=1)
    asked = json.loads(text)[0]["content"]
    assert asked.endswith("Answer with one Python code block that holds the whole program.")
    right = solution(info["problem"])
    answer = f"Here it is:\n```python\n{right}```"
    seen = []
    for action in (answer, json.dumps({"content": answer}), {"content": answer}, tool_call("submit", program=right)):
        env.reset(seed=1)
        seen.append(env.step(action)[1:])
    assert all(one == seen[0] for one in seen)
    reward, terminated, _, info = seen[0]
    assert (reward, terminated, info["end_reason"], info["invalid"]) == (1.0, True, "submitted", False)
    assert (info["language"], info["measured"]) == ("python3", True)


def test_the_agent_and_the_environment_use_the_same_words(backend: Backend) -> None:
    problem = load_split("tiny-problems", "dev").problems[0]
    for setting in Setting:
        env = CodingEnv(split="dev", problems=[problem.id], setting=setting, backend=backend)
        (message,) = json.loads(env.reset()[0])
        assert message["content"] == find_strategy("agent").messages(problem, setting)[-1]["content"]


def test_rewards_by_name_and_by_function(backend: Backend) -> None:
    problem = next(p for p in load_split("tiny-problems", "dev").problems if p.id.endswith("tight"))
    template, map_name, post_name, _ = problem.id.split(".")
    slow = tool_call("submit", program=reference(template, "quadratic", map_name, post_name))
    rewards = []
    for reward in ("coverage", "dense", "collapsed", lambda report, level: report.level_reached + level / 10):
        env = CodingEnv(split="dev", problems=[problem.id], setting="reasoning", reward=reward, backend=backend)
        env.reset()
        rewards.append(env.step(slow)[1])
    assert rewards == [0.0, 0.75, -1.0, 3.4]
    env = CodingEnv(split="dev", setting="reasoning", reward=lambda report, level: float("nan"), backend=backend)
    env.reset(seed=0)
    with pytest.raises(RewardError, match="gave nan for CE: it must give a finite number"):
        env.step(tool_call("submit", program="def f(a, k:"))


DOUBLE = Problem(
    id="double",
    template="double",
    group="",
    statement="Print twice the number.",
    prompt="",
    entry="",
    tests=(Test(1, "4\n", "8\n", public=True, name="1"), Test(2, "31337\n", "62674\n", name="2")),
    limits=Limits(),
    interface=Interface.STDIO,
    time_limit_s=5.0,
)
ANSWERS = {
    "python": "print(2 * int(input()))\n",
    "cpp": '#include <cstdio>\nint main() { long n; std::scanf("%ld", &n); std::printf("%ld", 2 * n); }\n',
}


@pytest.mark.thorough
def test_problems_of_stdin_and_stdout_in_every_language(backend: Backend) -> None:
    env = CodingEnv([DOUBLE, replace(DOUBLE, id="mute", statement="")], setting="reasoning", backend=backend)
    assert env.left_out == {"mute": "problem mute has no statement: it cannot be posed in words"}
    for tag, program in ANSWERS.items():
        env.reset()
        _, reward, terminated, _, info = env.step(f"```{tag}\n{program}```")
        assert (reward, terminated, info["verdict"]) == (1.0, True, "AC")
        assert info["language"] == find_language(tag).name
    env.reset()
    _, reward, terminated, _, info = env.step("```rust\nfn main() {}\n```")
    assert (reward, terminated, info["end_reason"], info["verdict"]) == (0.0, True, "submitted", "CE")
    assert info["cause"].startswith("the program is in rust, but must be in C, C++")
    with pytest.raises(ProblemError, match="problem mute has no statement"):
        CodingEnv([replace(DOUBLE, id="mute", statement="")])


def test_a_file_of_ones_own(tmp_path: Path, backend: Backend) -> None:
    row = {
        "question_id": "mine",
        "question_content": "Print twice the number.",
        "starter_code": "",
        "public_test_cases": json.dumps([{"input": "4\n", "output": "8\n", "testtype": "stdin"}]),
        "private_test_cases": json.dumps([{"input": "5\n", "output": "10\n", "testtype": "stdin"}]),
        "metadata": "{}",
    }
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(row) + "\n")
    env = gymnasium.make(f"alphadial.envs.gym:{ENV_ID}", problem_set=str(path), setting="tools", backend=backend)
    text, info = env.reset(seed=0)
    assert "Print twice the number." in text
    text, *_ = env.step(tool_call("run_tests", program="print(1)", language="python"))
    assert "Expected output:" in json.loads(text)[0]["content"]
    *_, info = env.step(tool_call("submit", program=ANSWERS["python"], language="python"))
    assert (info["problem"], info["verdict"]) == ("mine", "AC")


class BrokenJudge:
    sandbox = None

    def run_public(self, *_: Any) -> Any:
        raise SandboxFailedError("broken")

    def judge(self, *_: Any) -> JudgeReport:
        return JudgeReport(None, FailureKind.UNMEASURABLE, 0, "machinery")


class BrokenBackend:
    sandbox = None
    judge = BrokenJudge()


@pytest.mark.parametrize("tool", ["run_tests", "submit"])
def test_what_cannot_be_measured_is_masked(tool: str) -> None:
    env = CodingEnv(split="dev", backend=BrokenBackend())  # type: ignore[arg-type]
    env.reset(seed=0)
    text, reward, terminated, truncated, info = env.step(tool_call(tool, program=WRONG))
    assert text in env.observation_space
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert (info["end_reason"], info["measured"], info["verdict"], info["solved"]) == ("machinery", False, "", False)


def test_bad_arguments() -> None:
    for wrong, says in (
        ({"setting": "chat"}, "unknown setting 'chat': choose reasoning, tools, agentic"),
        ({"feedback": "all"}, "unknown feedback"),
        ({"prompt": "long"}, "unknown prompt"),
        ({"max_turns": 0}, "max_turns must be"),
        ({"setting": "reasoning", "max_turns": 3}, "max_turns must be 1 for reasoning"),
        ({"limits": {"steps": 5}}, "unknown limit 'steps'"),
        ({"problems": ["nothing"]}, "has no dev problem 'nothing'"),
        ({"problems": []}, "no problems"),
        ({"coverage": "total"}, "has no coverage 'total'"),
        ({"problem_set": "huge"}, "no problem set, file or folder 'huge'"),
        ({"reward": "speed"}, "unknown reward 'speed'"),
        ({"language": "klingon"}, "unknown language 'klingon'"),
        ({"language": "cpp"}, "takes programs in Python, not in C"),
        ({"problem_set": "workspaces", "split": "test", "prompt": "compact"}, "no compact prompt"),
    ):
        arguments: dict[str, Any] = {"split": "dev", **wrong}
        with pytest.raises(EnvsError, match=says):
            CodingEnv(**arguments)
    env = CodingEnv(split="dev")
    with pytest.raises(ProblemError, match="no problem 'nothing' here"):
        env.reset(options={"problem": "nothing"})
    with pytest.raises(ResetNeeded):
        env.step("")
    env.close()
    with pytest.raises(EnvsError, match="cannot share a backend"):
        make_vec(2, asynchronous=True, backend=object())


def test_compact_prompt_and_chosen_problem(backend: Backend) -> None:
    problem = load_split("tiny-problems", "dev").problems[5]
    env = CodingEnv(split="dev", prompt="compact", backend=backend)
    text, info = env.reset(options={"problem": problem.id})
    assert json.loads(text) == [{"role": "user", "content": problem.prompt}]
    assert info["problem"] == problem.id
    env = CodingEnv(split="dev", prompt="compact", setting="reasoning", backend=backend)
    env.reset(options={"problem": problem.id})
    assert env.step(solution(problem.id))[1] == 1.0


def random_action(rng: random.Random, space: Utf8, setting: str, well_formed: float) -> str:
    if rng.random() >= well_formed:
        return space.sample()
    program = rng.choice([WRONG, "def f(a, k):\n return a\n", "def f(a, k):\n while True:\n  k += 1\n", "(", "x = 1"])
    command = rng.choice(["ls", "echo $RANDOM > x", "cat x", "rm -rf *", "sleep 5", "kill -9 $$", "false", "exit 9"])
    arguments: dict[str, dict[str, Any]] = {
        "run_tests": {} if setting == "agentic" else {"program": program},
        "submit": {} if setting == "agentic" else {"program": program},
        "shell": {"command": command},
        "view": {"path": rng.choice([".", "x", "solution.py"]), "start": rng.randint(-3, 9)},
        "edit": {"path": rng.choice(["x", "solution.py"]), "old": rng.choice(["", "f"]), "new": program},
        "unknown": {"x": 1},
    }
    name = rng.choice(list(arguments) if setting == "agentic" else ["run_tests", "submit", "unknown"])
    return tool_call(name, **(arguments[name] if rng.random() < 0.8 else {"y": 2}))


def play(env: CodingEnv, seed: int, actions: int, well_formed: float) -> list[Any]:
    """Seeded random actions, episode after episode; everything that came back."""
    rng = random.Random(seed)
    env.action_space.seed(seed)
    assert isinstance(env.action_space, Utf8)
    seen: list[Any] = [env.reset(seed=seed)]
    for _ in range(actions):
        text, reward, terminated, truncated, info = env.step(
            random_action(rng, env.action_space, env.rules.setting, well_formed)
        )
        assert text in env.observation_space
        assert not (terminated and truncated)
        assert (truncated, info["end_reason"]) in {(True, "turns")} or not truncated
        assert truncated == (info["end_reason"] == "turns")
        assert terminated == (info["end_reason"] in ("submitted", "no program"))
        assert {key: type(value) for key, value in info.items()} == TYPES
        seen.append((text, reward, terminated, truncated, info))
        if terminated or truncated:
            seen.append(env.reset())
    return seen


@pytest.mark.parametrize("setting", Setting)
def test_random_actions_and_the_same_seed_again(backend: Backend, setting: str) -> None:
    limits = {"wall_s": 2.0}
    settings: list[dict[str, Any]] = [{"split": "dev"}]
    if setting == "agentic":
        settings = [{"problem_set": "workspaces", "split": "test", "problems": ["ledger", "intervals"]}]
    for arguments in settings:
        env = CodingEnv(**arguments, setting=setting, limits=limits, backend=backend)
        first = play(env, 7, 40, 0.4)
        if setting != "agentic":  # whose commands may draw random numbers
            assert data_equivalence(play(env, 7, 40, 0.4), first)


@pytest.mark.slow
def test_thousands_of_actions() -> None:
    before = children()
    played = []
    with Backend() as backend:
        for setting, problems, actions in (
            ("reasoning", ("tiny-problems", "dev"), 600),
            ("tools", ("tiny-problems", "dev"), 1500),
            ("agentic", ("workspaces", "test"), 900),
        ):
            env = CodingEnv(*problems, setting=setting, limits={"wall_s": 1.0}, backend=backend)
            played += play(env, 11, actions, 0.11)
    steps = [seen for seen in played if len(seen) == 5]
    calls = sum(message["role"] == "tool" for text, *_ in steps for message in json.loads(text)[:1])
    assert len(steps) == 3_000
    assert calls >= 300
    assert children() == before


def children() -> set[str]:
    """Processes of this one that have not ended."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.add(status.parent.name)
    return found


def script(seed: int, turn: int) -> str:
    rng = random.Random(f"{seed}/{turn}")
    name = rng.choice(["run_tests", "run_tests", "submit"])
    return tool_call(name, program=rng.choice([WRONG, "def f(a, k):\n return k\n", "("]))


def single(seed: int, turns: int, backend: Backend) -> list[Any]:
    env = CodingEnv(split="dev", backend=backend)
    seen: list[Any] = [env.reset(seed=seed)]
    for turn in range(turns):
        seen.append(env.step(script(seed, turn)))
        if seen[-1][2] or seen[-1][3]:
            break
    return seen


@pytest.mark.thorough
@pytest.mark.parametrize("asynchronous", [False, True])
def test_eight_vectorised_agree_with_eight_single(backend: Backend, asynchronous: bool) -> None:
    seeds = list(range(40, 48))
    alone = [single(seed, 4, backend) for seed in seeds]
    options = {"autoreset_mode": AutoresetMode.DISABLED}
    shared = {} if asynchronous else {"backend": backend}
    vector = make_vec(8, asynchronous=asynchronous, vector_kwargs=options, split="dev", **shared)
    texts, infos = vector.reset(seed=seeds)  # type: ignore[arg-type]  # a list is documented
    assert list(texts) == [seen[0][0] for seen in alone]
    running = set(range(8))
    for turn in range(4):
        actions = tuple(script(seed, turn) for seed in seeds)
        finished = np.array([number not in running for number in range(8)])
        if finished.any():  # a finished one must begin anew before the next step; it is looked at no more
            vector.reset(options={"reset_mask": finished})
        texts, rewards, terminated, truncated, infos = vector.step(actions)
        for number in sorted(running):
            text, reward, ended, cut, info = alone[number][turn + 1]
            assert (texts[number], rewards[number]) == (text, reward)
            assert (bool(terminated[number]), bool(truncated[number])) == (ended, cut)
            assert {key: infos[key][number] for key in info} == info
            if ended or cut:
                running.remove(number)
    assert not running
    vector.close()


@pytest.mark.thorough
def test_many_at_their_own_pace(backend: Backend) -> None:
    async def episode(seed: int) -> list[Any]:
        async with AsyncCodingEnv(split="dev", backend=backend) as env:
            seen: list[Any] = [await env.reset(seed=seed)]
            for turn in range(4):
                seen.append(await env.step(script(seed, turn)))
                if seen[-1][2] or seen[-1][3]:
                    break
            return seen

    async def everything() -> list[list[Any]]:
        return await asyncio.gather(*(episode(seed) for seed in range(20, 36)))

    assert asyncio.run(everything()) == [single(seed, 4, backend) for seed in range(20, 36)]


def test_close_ends_its_processes_and_reset_begins_anew() -> None:
    env = CodingEnv(split="dev")
    for _ in range(2):
        env.reset(seed=0)
        env.step(tool_call("run_tests", program=WRONG))
        backend = env._backend
        assert backend is not None
        servers = list(backend.sandbox._servers)  # type: ignore[attr-defined]
        assert any(server.alive() for server in servers)
        env.close()
        env.close()
        assert not any(server.alive() for server in servers)
        with pytest.raises(ResetNeeded):
            env.step("")
