"""Runs assertions beside the program that they are about: what they call is asked for, and told, over the wire.

The judge starts ``step`` of this module as a program of a server of its own, and passes each call on to the candidate's
process. So neither do expected answers enter that process, nor do objects of the candidate enter this one.
"""

from __future__ import annotations

import json
import random
from queue import SimpleQueue
from threading import Thread
from typing import Any

from .values import decode, encode

CALL, PASSED, FAILED = "call", "passed", "failed"


class _Check:
    """One run of assertions, in a thread that waits while the candidate is asked."""

    def __init__(self, source: str, entry: str) -> None:
        self._said: SimpleQueue[list[str]] = SimpleQueue()
        self._answers: SimpleQueue[str] = SimpleQueue()
        Thread(target=self._run, args=(source, entry), daemon=True).start()

    def go_on(self, answer: str | None) -> list[str]:
        """Until the next call, or the end."""
        if answer is not None:
            self._answers.put(answer)
        return self._said.get()

    def _run(self, source: str, entry: str) -> None:
        random.seed(0)  # the same arguments for every candidate
        try:
            exec(compile(source, "<check>", "exec"), {"__name__": "check", entry: self._candidate})
        except BaseException as error:  # what a check raises, whatever it is, says that the candidate did not pass
            self._said.put([FAILED, type(error).__name__])
        else:
            self._said.put([PASSED, ""])

    def _candidate(self, *arguments: Any) -> Any:
        self._said.put([CALL, json.dumps(encode(list(arguments)))])
        return decode(json.loads(self._answers.get()))


_running: list[_Check] = []


def step(source: str | None, told: str) -> list[str]:
    """Begins the check in ``source``, where ``told`` names the function; or, without one, goes on with an answer.

    Returns:
        CALL and the arguments of the next call, PASSED, or FAILED with what the check raised.
    """
    if source is not None:
        _running[:] = [_Check(source, told)]
        return _running[0].go_on(None)
    return _running[0].go_on(told)
