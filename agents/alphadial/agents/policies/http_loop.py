"""An event loop in a thread of its own: connections that outlive the loops of those who ask."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

from alphadial.envs.forking import in_child

T = TypeVar("T")
_END_S = 10.0
"""How long what is cancelled may take to end."""


class LoopThread:
    """Runs coroutines; begins with the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._closed = False
        self._begin_process()
        in_child(self, LoopThread._begin_process)

    def _begin_process(self) -> None:
        """What every process has of its own: no thread lives on in a forked child."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begins the work, and gives a future of its result, which ``close`` cancels.

        Raises:
            CancelledError: ``close`` came first.
        """
        with self._lock:
            if self._closed:
                work.close()
                raise CancelledError
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancels what runs, then does the last work. Idempotent."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed or self._loop is None or self._thread is None:
            last.close()
            return
        with suppress(TimeoutError):  # the loop may be stuck: its thread ends with the process
            asyncio.run_coroutine_threadsafe(_finish(last), self._loop).result(_END_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_END_S)
            if not self._thread.is_alive():
                self._loop.close()


async def _finish(last: Coroutine[Any, Any, None]) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await last
