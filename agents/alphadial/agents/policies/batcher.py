"""Batches for models in this process: callers await single answers, the model sees full batches where there are any."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from alphadial.agents.errors import PolicyError
from alphadial.agents.types import Completion, Request
from alphadial.envs.forking import OfOneProcess, in_child

LINGER_S = 0.01
"""How long an idle model waits for one more request before it answers a batch that is not full."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    request: Request
    answer: Future[Completion] = field(default_factory=Future)


class Batcher(OfOneProcess):
    """A policy made of a function that answers batches, which runs in a thread of its own, one batch at a time.

    A batch holds requests of one model. It goes when it is full; where none is, the model is idle, and nothing arrives
    for a moment, the longest waiting goes as it is. What shares a batch never changes an answer (see ``sampler``).

    Args:
        answer: one completion per request, in order; all requests name one model.
        batch_size: of a full batch.
    """

    def __init__(self, answer: Callable[[Sequence[Request]], list[Completion]], batch_size: int) -> None:
        self._answer, self._size = answer, batch_size
        self._closed = False
        self._begin_process()
        in_child(self, Batcher._begin_process)

    def _begin_process(self) -> None:
        """A forked child has a thread of its own, and nobody waits in it."""
        self._changed = threading.Condition()
        self._groups: dict[str, list[_Waiting]] = {}
        self._running = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="policy")

    @property
    def concurrency(self) -> int:
        """One batch with the model, one gathering."""
        return 2 * self._size

    async def complete(self, request: Request) -> Completion:
        """Waits for this request's batch.

        Raises:
            PolicyError: the batcher is closed; else whatever the function raised for the batch.
        """
        waiting = _Waiting(request)
        with self._changed:
            if self._closed:
                raise PolicyError(f"{request.model} was not waited for: the policy is closed")
            self._groups.setdefault(request.model, []).append(waiting)
            if not self._running:
                try:
                    self._thread.submit(self._run)
                except RuntimeError as error:  # no thread to be had; unsaid, the attempts would wait for ever
                    self._groups.clear()
                    raise PolicyError(f"the policy cannot run: {error}") from error
                self._running = True
            self._changed.notify()
        return await asyncio.wrap_future(waiting.answer)

    def close(self) -> None:
        """Takes no more work. A batch in progress ends in its thread, unheard."""
        with self._changed:
            self._closed = True
            dropped = [waiting for group in self._groups.values() for waiting in group]
            self._groups.clear()
            self._changed.notify()
        for waiting in dropped:
            if waiting.answer.set_running_or_notify_cancel():
                waiting.answer.set_exception(PolicyError("the policy is closed"))
        self._thread.shutdown(wait=False)

    def _run(self) -> None:
        """Answers batches until nobody waits."""
        while batch := self._next_batch():
            began = time.perf_counter()
            try:
                completions = self._answer([waiting.request for waiting in batch])
            except BaseException as error:
                for waiting in batch:
                    waiting.answer.set_exception(error)
                continue
            share = (time.perf_counter() - began) / len(batch)
            for waiting, completion in zip(batch, completions, strict=True):
                waiting.answer.set_result(replace(completion, seconds=share))

    def _next_batch(self) -> list[_Waiting]:
        """The next requests to answer together; none, when nobody waits: then the thread is free."""
        with self._changed:
            while self._groups:
                group = next((group for group in self._groups.values() if len(group) >= self._size), None)
                if group is None and self._changed.wait(LINGER_S):
                    continue
                if group is None:
                    group = next(iter(self._groups.values()), [])
                batch = [waiting for waiting in group[: self._size] if waiting.answer.set_running_or_notify_cancel()]
                del group[: self._size]
                self._groups = {model: group for model, group in self._groups.items() if group}
                if batch:
                    return batch
            self._running = False
            return []
