"""Processes that compute side by side, and that can be ended at any moment.

Where those of a ``ProcessPoolExecutor`` are ended, shutting it down may wait for ever (CPython gh-94777).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from alphadial.agents.errors import AgentsError


@dataclass(frozen=True, slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection


class Processes(Executor):
    """An executor whose end waits for nobody; a context manager. They leave a terminal's Ctrl-C to this process.

    Args:
        count: of the processes; None: one for each core that we may use.
    """

    def __init__(self, count: int | None) -> None:
        count = count or len(os.sched_getaffinity(0))
        self._threads = ThreadPoolExecutor(count, "alphadial-processes")
        self._workers: list[_Worker] = []
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        resource_tracker.ensure_running()  # it would clear the mask
        # They inherit the mask, so that Ctrl-C finds none of them half started with a traceback to show.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for _ in range(count):
                self._workers.append(_start())
                self._idle.put(self._workers[-1])
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See ``Executor``; function, arguments and result travel as pickles."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """Ends the processes, whatever they are doing."""
        for worker in self._workers:
            worker.process.kill()
        # Whoever waits for an answer reads the end of the pipe.
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def _call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        worker = self._idle.get()
        try:
            worker.pipe.send((fn, args, kwargs))
            result, error = worker.pipe.recv()
        except (EOFError, ConnectionError):
            raise AgentsError(
                "a process that computes was killed, perhaps for want of memory: lower --workers"
            ) from None
        finally:
            self._idle.put(worker)
        if error is not None:
            raise error
        return result


def _start() -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(pipe: Connection) -> None:
    """One call after the other, until the process on the other side ends."""
    while True:
        try:
            fn, args, kwargs = pipe.recv()
        except EOFError:
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = (fn(*args, **kwargs), None)
        except Exception as error:
            answer = (None, error)
        pipe.send(answer)
