"""Work on tensors side by side, on as many threads as this process has processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def thread_count() -> int:
    """How many threads are worth having: the processors that this process may use."""
    return len(os.sched_getaffinity(0))


def each(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """The results of ``work`` on every item, in their order. ``work`` should release the GIL.

    The first exception ends it: what has not begun is left undone. So does Ctrl-C.
    """
    with ThreadPoolExecutor(thread_count()) as executor:
        futures = [executor.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            executor.shutdown(wait=True, cancel_futures=True)
            raise
