"""Weight-v0: the contract of Gymnasium, honest ends, and the same episode for the same seed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from alphadial.agents.errors import AgentsError
from alphadial.agents.policies import ScriptedPolicy, open_policy
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.weight_env import ENV_ID, Live, Replay
from alphadial.controller.types import OutcomeLog, as_arms
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.merge_engine import load_family

# Problem 0 is solved by the second alpha alone, problem 1 by none, problem 2 cannot be measured.
KINDS = np.array([[[1, 2, 1], [0, 0, 0]], [[1, 1, 1], [2, 2, 2]], [[3, 3, 3], [3, 3, 3]]], dtype=np.uint8)


def make(**options: Any) -> Any:
    source = Replay(OutcomeLog(as_arms((0, 1)), KINDS), ("a", "b", "c"))
    return gymnasium.make(ENV_ID, source=source, **{"max_attempts": 3, **options})


def play(env: Any, seed: int) -> list[Any]:
    observation, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    story: list[Any] = [(observation, info)]
    over = False
    while not over:
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        story.append((observation, reward, terminated, truncated, info))
        over = terminated or truncated
    return story


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("continuous", [False, True])
def test_it_keeps_the_contract(continuous: bool) -> None:
    check_env(make(continuous=continuous, max_attempts=2).unwrapped, skip_render_check=True)


def test_a_solved_problem_terminates() -> None:
    env = make(price=0.25)
    _, info = env.reset(seed=0, options={"problem": "a"})
    assert info["problem"] == "a"
    assert np.isnan(info["alpha"])
    observation, reward, terminated, truncated, info = env.step(0)
    assert (reward, terminated, truncated) == (-0.25, False, False)
    assert info["kind"] in ("correctness", "optimisation")
    assert observation["left"][0] == pytest.approx(2 / 3)
    observation, reward, terminated, truncated, info = env.step(1)
    assert (reward, terminated, truncated, info["end_reason"]) == (0.75, True, False, "solved")
    assert observation["alphas"].tolist() == [0.0, 1.0, 0.0]
    assert observation["kinds"][1:].tolist() == [1, 0]
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.unwrapped.step(1)


def test_spent_attempts_terminate_and_unmeasurable_ones_truncate() -> None:
    env = make(price=0.5)
    env.reset(seed=0, options={"problem": "b"})
    ends = [env.step(1)[1:4] for _ in range(3)]
    assert ends == [(-0.5, False, False), (-0.5, False, False), (-0.5, True, False)]
    env.reset(seed=0, options={"problem": "c"})
    _, reward, terminated, truncated, info = env.step(0)
    assert (reward, terminated, truncated, info["measured"]) == (0.0, False, True, False)
    assert info["end_reason"] == "unmeasurable"


def test_a_copy_in_mid_episode_goes_on_by_itself() -> None:
    kinds = np.random.default_rng(0).integers(1, 3, (1, 2, 8)).astype(np.uint8)
    source = Replay(OutcomeLog(as_arms((0, 1)), kinds), ("a",))

    def episode(copying: bool) -> tuple[list[str], list[str]]:
        env = gymnasium.make(ENV_ID, source=source, max_attempts=8).unwrapped
        env.reset(seed=1)
        first = [env.step(0)[4]["kind"]]
        twin = copy.deepcopy(env) if copying else None
        beside = []
        for _ in range(7):
            if twin is not None:
                beside.append(twin.step(0)[4]["kind"])
            first.append(env.step(0)[4]["kind"])
        return first, beside

    alone, _ = episode(copying=False)
    first, beside = episode(copying=True)
    assert (first, beside) == (alone, alone[1:])


def test_a_table_that_has_no_more_samples_says_so() -> None:
    attempt = Replay(OutcomeLog(as_arms((0, 1)), KINDS), ("a", "b", "c")).begin(1, np.random.default_rng(0))
    for _ in range(3):
        attempt(0)
    with pytest.raises(AgentsError, match="all 3 samples"):
        attempt(0)


def test_no_sample_is_seen_twice_in_an_episode() -> None:
    env = make()
    for seed in range(20):
        env.reset(seed=seed, options={"problem": "a"})
        assert sorted(env.step(0)[4]["kind"] for _ in range(3)) == ["correctness", "correctness", "optimisation"]


def test_a_continuous_action_is_rounded_to_the_grid_and_told() -> None:
    env = make(continuous=True)
    env.reset(seed=0, options={"problem": "b"})
    assert env.step(np.array([0.4], np.float32))[4]["alpha"] == 0.0
    assert env.step(np.array([0.6], np.float32))[4]["alpha"] == 1.0


def test_the_same_seed_gives_the_same_episode() -> None:
    stories = [str(play(make(), seed)) for seed in range(40)]
    assert stories == [str(play(make(), seed)) for seed in range(40)]
    assert len(set(stories)) > 3


def test_vectorised_environments_agree_with_single_ones() -> None:
    def factory() -> Any:
        return make()

    vector = gymnasium.vector.SyncVectorEnv([factory] * 8)
    singles = [make() for _ in range(8)]
    _, infos = vector.reset(seed=list(range(8)))
    alone = [env.reset(seed=seed) for seed, env in enumerate(singles)]
    assert list(infos["problem"]) == [info["problem"] for _, info in alone]
    observations, rewards, *_ = vector.step(np.zeros(8, np.int64))
    stepped = [env.step(0) for env in singles]
    assert rewards.tolist() == [step[1] for step in stepped]
    for key in ("alphas", "kinds", "left"):
        assert observations[key].tolist() == [step[0][key].tolist() for step in stepped]


def test_environments_may_share_a_source() -> None:
    source = Replay(OutcomeLog(as_arms((0, 1)), KINDS), ("a", "b", "c"))
    shared: list[Any] = [gymnasium.make(ENV_ID, source=source, max_attempts=3) for _ in range(2)]
    alone = [make() for _ in range(2)]
    for seed, env in enumerate((*shared, *alone)):
        env.reset(seed=seed % 2, options={"problem": "a"})
    for _ in range(3):
        assert [env.step(0)[4]["kind"] for env in shared] == [env.step(0)[4]["kind"] for env in alone]


def test_misuse_is_told() -> None:
    env = make()
    with pytest.raises(AgentsError, match="no problem 'z'"):
        env.reset(options={"problem": "z"})
    env.reset(seed=0)
    with pytest.raises(AgentsError, match="is not in Discrete"):
        env.unwrapped.step(7)
    with pytest.raises(AgentsError, match="more than the 3 samples"):
        make(max_attempts=4)
    with pytest.raises(AgentsError, match="at least 1"):
        make(max_attempts=0)


def test_ten_thousand_actions_on_shipped_outcomes() -> None:
    env: Any = gymnasium.make(ENV_ID, source=Replay.shipped("tiny", "dev"), max_attempts=5)
    env.action_space.seed(0)
    _, info = env.reset(seed=0)
    solved = episodes = 0
    for _ in range(10_000):
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert not truncated
        solved += reward == 1.0
        if terminated:
            assert info["end_reason"] in ("solved", "attempts")
            episodes += 1
            env.reset()
    assert 0.5 < solved / episodes < 1.0


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox, workers=1) as judge:
        yield judge


def test_live_attempts_go_through_the_runner(judge: Judge) -> None:
    family, problems = load_family("tiny"), load_split("tiny-problems", "dev").problems[:2]
    wrong = f"def {problems[0].entry}(*a):\n return 0\n"
    policy = ScriptedPolicy(lambda request: wrong if request.model == "tiny@0" else "def f(:")
    env: Any = gymnasium.make(
        ENV_ID, source=Live(family, problems, (0.0, 1.0), AttemptDeps(policy, judge)), max_attempts=2
    )
    env.reset(seed=0, options={"problem": problems[0].id})
    assert env.step(0)[4]["verdict"] == "WA"
    assert env.step(1)[4]["verdict"] == "CE"
    assert {request.model for request in policy.requests} == {"tiny@0", "tiny@1"}


@pytest.mark.slow
def test_live_actions(judge: Judge) -> None:
    family, problems = load_family("tiny"), load_split("tiny-problems", "dev").problems
    policy = open_policy(family)
    env: Any = gymnasium.make(ENV_ID, source=Live(family, problems, (0.0, 1.0), AttemptDeps(policy, judge)))
    env.action_space.seed(0)
    env.reset(seed=0)
    rewards = []
    for _ in range(40):
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        rewards.append(reward)
        if terminated or truncated:
            env.reset()
    policy.close()
    assert 0 < sum(rewards) < 40
