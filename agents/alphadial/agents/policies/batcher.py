"""One batcher for all policies: attempts await single answers, the policy sees batches of one model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from alphadial.agents.errors import PolicyError
from alphadial.agents.types import Completion, Policy, Request


class Answer(NamedTuple):
    """A completion and what it took."""

    completion: Completion
    seconds: float
    """Its share of the wall time of its batch."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    request: Request
    future: asyncio.Future[Answer]


class Batcher:
    """Groups requests by model and runs the policy in one thread of its own, one batch at a time.

    A group goes when it is full, or when waiting longer cannot fill it: every attempt inside ``attempt()`` waits for an
    answer. Belongs to one event loop; ``close`` it there.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="policy")
        self._groups: dict[str, list[_Waiting]] = {}
        self._attempts = 0
        self._running: asyncio.Future[list[Answer]] | None = None
        self._woken = False

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Held by an attempt while it may still ask."""
        self._attempts += 1
        try:
            yield
        finally:
            self._attempts -= 1
            self._wake()

    async def complete(self, request: Request) -> Answer:
        """Waits for this request's turn. Cancelling the wait withdraws the request.

        Raises:
            PolicyError: whatever the policy raised for the batch that this request was in.
        """
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        group = self._groups.setdefault(request.model, [])
        group.append(waiting)
        self._wake()
        try:
            return await waiting.future
        except asyncio.CancelledError:
            if waiting in group:
                group.remove(waiting)
                self._wake()
            raise

    def close(self) -> None:
        """Takes no more work. A batch in progress ends in its thread, unheard."""
        if self._running is not None:
            self._running.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _wake(self) -> None:
        # Once per turn of the loop, so that requests made in the same turn travel together.
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._woken = False
        if self._running is not None:
            return
        batch = self._next_batch()
        if not batch:
            return
        requests = [waiting.request for waiting in batch]
        try:
            self._running = asyncio.get_running_loop().run_in_executor(self._thread, self._answer, requests)
        except RuntimeError as error:  # no thread to be had; unsaid, the attempts would wait for ever
            self._running = asyncio.get_running_loop().create_future()
            self._running.set_exception(PolicyError(f"the policy cannot run: {error}"))
        self._running.add_done_callback(lambda done: self._deliver(batch, done))

    def _next_batch(self) -> list[_Waiting]:
        size = self._policy.batch_size
        self._groups = {model: group for model, group in self._groups.items() if group}
        full = next((group for group in self._groups.values() if len(group) >= size), None)
        if full is None and sum(map(len, self._groups.values())) >= self._attempts:
            full = next(iter(self._groups.values()), None)
        if full is None:
            return []
        batch = full[:size]
        del full[:size]
        return batch

    def _answer(self, requests: Sequence[Request]) -> list[Answer]:
        start = time.perf_counter()
        completions = self._policy.complete(requests)
        if len(completions) != len(requests):
            raise PolicyError(f"the policy gave {len(completions)} answers to {len(requests)} requests")
        share = (time.perf_counter() - start) / len(requests)
        return [Answer(completion, share) for completion in completions]

    def _deliver(self, batch: list[_Waiting], done: asyncio.Future[list[Answer]]) -> None:
        self._running = None
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        for position, waiting in enumerate(batch):
            if waiting.future.done():
                continue
            if error is None:
                waiting.future.set_result(done.result()[position])
            elif isinstance(error, asyncio.CancelledError):
                waiting.future.cancel()
            else:
                waiting.future.set_exception(error)
        self._wake()
