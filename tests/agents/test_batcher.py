from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from alphadial.agents.errors import PolicyError
from alphadial.agents.policies import batcher as batches
from alphadial.agents.policies.batcher import Batcher
from alphadial.agents.types import Completion, Message, Request

from .servers import ask_all


class Model:
    """Answers with its name and the seed; notes its batches."""

    def __init__(self, before: Callable[[Sequence[Request]], None] = lambda requests: None) -> None:
        self.batches: list[list[int]] = []
        self._before = before

    def __call__(self, requests: Sequence[Request]) -> list[Completion]:
        assert len({request.model for request in requests}) == 1
        self.batches.append([request.seed for request in requests])
        self._before(requests)
        return [Completion(f"{request.model} {request.seed}", None, 1, 1) for request in requests]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may make all requests of a test in more than a moment."""
    monkeypatch.setattr(batches, "LINGER_S", 0.1)


def ask(model: str, seed: int = 0) -> Request:
    return Request(model, (Message(role="user", content="x"),), seed)


def test_groups_by_model_and_fills_batches() -> None:
    model = Model()
    batcher = Batcher(model, 4)
    answers = ask_all(batcher, [ask(f"m@{i % 2}", i) for i in range(18)])
    assert [answer.text for answer in answers] == [f"m@{i % 2} {i}" for i in range(18)]
    assert sorted(map(len, model.batches)) == [1, 1, 4, 4, 4, 4]
    assert [len(batch) for batch in model.batches[-2:]] == [1, 1]  # what is left goes last
    assert batcher.concurrency == 8
    batcher.close()


def test_an_idle_model_answers_who_comes_alone_and_a_busy_one_gathers() -> None:
    busy, release = threading.Event(), threading.Event()

    def wait(requests: Sequence[Request]) -> None:
        busy.set()
        assert release.wait(60)

    async def run() -> None:
        batcher = Batcher(model, 8)
        first = asyncio.create_task(batcher.complete(ask("m")))
        assert await asyncio.to_thread(busy.wait, 5)
        others = [asyncio.create_task(batcher.complete(ask("m", seed))) for seed in range(1, 4)]
        await asyncio.sleep(0)
        release.set()
        answers = await asyncio.gather(first, *others)
        assert all(answer.seconds > 0 for answer in answers)

    model = Model(wait)
    asyncio.run(run())
    assert model.batches == [[0], [1, 2, 3]]


def test_an_error_reaches_the_requests_of_its_batch_alone() -> None:
    def fail(requests: Sequence[Request]) -> None:
        if requests[0].model == "bad":
            raise PolicyError("no")

    async def run() -> list[Completion | BaseException]:
        batcher = Batcher(Model(fail), 2)
        requests = [ask("bad", 0), ask("bad", 1), ask("good", 2), ask("good", 3)]
        return await asyncio.gather(*map(batcher.complete, requests), return_exceptions=True)

    assert [type(answer) for answer in asyncio.run(run())] == [PolicyError, PolicyError, Completion, Completion]


def test_a_cancelled_wait_withdraws_its_request() -> None:
    async def run() -> None:
        batcher = Batcher(model, 8)
        tasks = [asyncio.create_task(batcher.complete(ask("m", seed))) for seed in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        assert [(await task).text for task in (tasks[0], tasks[2])] == ["m 0", "m 2"]

    model = Model()
    asyncio.run(run())
    assert model.batches == [[0, 2]]


def test_cancelling_during_a_batch_leaves_the_batcher_usable() -> None:
    begun, release = threading.Event(), threading.Event()

    async def run() -> None:
        batcher = Batcher(Model(lambda requests: held(begun, release)), 1)
        first = asyncio.create_task(batcher.complete(ask("m")))
        assert await asyncio.to_thread(begun.wait, 60)
        first.cancel()
        second = asyncio.create_task(batcher.complete(ask("m", seed=1)))
        with pytest.raises(asyncio.CancelledError):
            await first
        release.set()
        assert (await second).text == "m 1"

    asyncio.run(run())


def held(begun: threading.Event, release: threading.Event) -> None:
    begun.set()
    assert release.wait(60)


def test_loops_and_threads_share_a_batcher() -> None:
    batcher = Batcher(Model(), 4)
    for _ in range(2):
        assert [answer.text for answer in ask_all(batcher, [ask("m", 1)])] == ["m 1"]


def test_closing_tells_who_waits() -> None:
    begun, release = threading.Event(), threading.Event()

    async def run() -> None:
        batcher = Batcher(Model(lambda requests: held(begun, release)), 1)
        tasks = [asyncio.create_task(batcher.complete(ask("m", seed))) for seed in range(2)]
        assert await asyncio.to_thread(begun.wait, 60)
        batcher.close()
        with pytest.raises(PolicyError, match="the policy is closed"):
            await tasks[1]
        release.set()
        assert (await tasks[0]).text == "m 0"
        with pytest.raises(PolicyError, match="the policy is closed"):
            await batcher.complete(ask("m"))

    asyncio.run(run())


def test_without_a_thread_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    batcher = Batcher(Model(), 1)
    monkeypatch.setattr(threading.Thread, "start", exhausted)
    with pytest.raises(PolicyError, match="can't start new thread"):
        asyncio.run(asyncio.wait_for(batcher.complete(ask("m")), timeout=60))
