from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from alphadial.agents.errors import PolicyError
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.policies.batcher import Answer, Batcher
from alphadial.agents.policies.scripted import Line
from alphadial.agents.types import Completion, Message, Request


def ask(model: str, text: str = "x", seed: int = 0) -> Request:
    return Request(model, (Message(role="user", content=text),), seed)


async def attempts(batcher: Batcher, requests: Sequence[Request]) -> list[Answer | BaseException]:
    async def one(request: Request) -> Answer:
        with batcher.attempt():
            return await batcher.complete(request)

    return await asyncio.gather(*map(one, requests), return_exceptions=True)


def texts(answers: Sequence[Answer | BaseException]) -> list[str]:
    return [answer.completion.text for answer in answers if isinstance(answer, Answer)]


def test_groups_by_model_and_fills_batches() -> None:
    policy = ScriptedPolicy(lambda request: f"{request.model} {request.seed}", batch_size=4)

    async def run() -> None:
        batcher = Batcher(policy)
        requests = [ask(f"m@{i % 2}", seed=i) for i in range(18)]
        assert texts(await attempts(batcher, requests)) == [f"m@{i % 2} {i}" for i in range(18)]
        batcher.close()

    asyncio.run(run())
    # 9 requests of each model: two full batches each, then what is left once nobody else can ask.
    assert sorted(policy.batches) == [1, 1, 4, 4, 4, 4]


def test_waits_while_another_attempt_may_still_ask() -> None:
    policy = ScriptedPolicy(lambda request: "a", batch_size=4)

    async def run() -> None:
        batcher = Batcher(policy)
        with batcher.attempt():
            early = asyncio.create_task(attempts(batcher, [ask("m@0")]))
            await asyncio.sleep(0.05)
            assert policy.batches == []
            await asyncio.gather(batcher.complete(ask("m@0", seed=1)), early)
        assert policy.batches == [2]

    asyncio.run(run())


def test_an_error_reaches_the_attempts_of_its_batch_alone() -> None:
    lines: dict[str, Line] = {"good": "fine", "bad": PolicyError("no")}
    policy = ScriptedPolicy(lines, batch_size=2)

    async def run() -> list[Answer | BaseException]:
        requests = [ask("m@0", "bad"), ask("m@0", "good"), ask("m@1", "good"), ask("m@1", "good")]
        return await attempts(Batcher(policy), requests)

    answers = asyncio.run(run())
    assert [type(answer) for answer in answers] == [PolicyError, PolicyError, Answer, Answer]


def test_a_policy_that_drops_an_answer_is_refused() -> None:
    class Dropping(ScriptedPolicy):
        def complete(self, requests: Sequence[Request]) -> list[Completion]:
            return super().complete(requests)[1:]

    (error,) = asyncio.run(_attempts_of(Dropping(["a", "b"]), [ask("m@0")]))
    assert isinstance(error, PolicyError)
    assert "0 answers to 1 requests" in str(error)


async def _attempts_of(policy: ScriptedPolicy, requests: Sequence[Request]) -> list[Answer | BaseException]:
    return await attempts(Batcher(policy), requests)


def test_a_cancelled_wait_withdraws_its_request_and_holds_nobody_up() -> None:
    policy = ScriptedPolicy(lambda request: "a", batch_size=8)

    async def run() -> None:
        batcher = Batcher(policy)

        async def one(seed: int) -> str:
            with batcher.attempt():
                return (await batcher.complete(ask("m@0", seed=seed))).completion.text

        with batcher.attempt():
            tasks = [asyncio.create_task(one(seed)) for seed in range(3)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            tasks[1].cancel()
            await asyncio.sleep(0.01)
        assert list(await asyncio.gather(tasks[0], tasks[2])) == ["a", "a"]
        assert [request.seed for request in policy.requests] == [0, 2]

    asyncio.run(run())


def test_cancelling_during_a_batch_leaves_the_batcher_usable() -> None:
    release = threading.Event()

    def slow(request: Request) -> str:
        release.wait(5)
        return "a"

    async def run() -> None:
        batcher = Batcher(ScriptedPolicy(slow, batch_size=1))
        first = asyncio.create_task(batcher.complete(ask("m@0")))
        await asyncio.sleep(0.02)
        first.cancel()
        second = asyncio.create_task(batcher.complete(ask("m@0", seed=1)))
        with pytest.raises(asyncio.CancelledError):
            await first
        release.set()
        assert (await second).completion.text == "a"

    asyncio.run(run())


def test_without_a_thread_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", exhausted)
    (error,) = asyncio.run(asyncio.wait_for(_attempts_of(ScriptedPolicy(["a"]), [ask("m@0")]), timeout=5))
    assert isinstance(error, PolicyError)
    assert "can't start new thread" in str(error)
