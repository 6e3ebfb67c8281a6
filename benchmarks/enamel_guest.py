"""What ``enamel.py`` runs inside the sandbox: makes inputs, times a program on them, checks what it answered.

``python3 enamel_guest.py make|time|check`` with JSON in ``request.json``. Inputs and answers are texts, which the host
need not understand: see ``packed``. Only the standard library, and the loader's guest, which is laid out beside it.
"""

from __future__ import annotations

import copy
import gc
import json
import os
import random
import signal
import string
import sys
import time
from pathlib import Path
from typing import Any, NoReturn, TextIO

from alphadial.envs.problems.formats.enamel_guest import rand_parens, rand_primality, rand_probably_prime

GIVING_UP = (MemoryError, OverflowError)
"""A program that ends so has only not got through; after any other exception it is wrong."""


def main() -> None:
    request = json.loads(Path("request.json").read_text("utf-8"))
    {"make": make, "time": measure, "check": check}[sys.argv[1]](request)


def make(request: dict[str, Any]) -> None:
    """Prints the inputs as one JSON list, in the order of ``request["tests"]``: [seed, size, level, number]."""
    helpers = {helper.__name__: helper for helper in (rand_parens, rand_probably_prime, rand_primality)}
    inputs = []
    for seed, size, level, number in request["tests"]:
        scope: dict[str, Any] = {"random": random, "string": string, "time": time, **helpers}
        exec(request["prompt"] + "\n" + request["generator"], scope)
        random.seed(seed)
        inputs.append(packed(scope["generate_input"](size=size, lid=level, cid=number)))
    print(json.dumps(inputs))


def measure(request: dict[str, Any]) -> None:
    """Prints one line for every call: seconds and answer (if it differs from the last one), or how it ended.

    A call that takes more CPU time than ``request["limit_s"]`` ends the process by SIGPROF.
    """
    answers = os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    gc.disable()
    for repeats, value in request["tests"]:
        arguments, last = unpacked(value), None
        gc.collect()
        for _ in range(repeats):
            try:
                seconds, output = timed(
                    request["source"], request["entry"], copy.deepcopy(arguments), request["limit_s"]
                )
                answer = packed(output)
            except BaseException as error:
                signal.setitimer(signal.ITIMER_PROF, 0)
                end(answers, "gave up" if isinstance(error, GIVING_UP) else "wrong")
            if seconds > request["limit_s"]:
                end(answers, "gave up")  # ITIMER_PROF goes off at the next tick
            line = {"s": seconds} | ({} if answer == last else {"answer": answer})
            print(json.dumps(line), file=answers, flush=True)
            last = answer


def end(answers: TextIO, how: str) -> NoReturn:
    print(json.dumps({"ended": how}), file=answers, flush=True)
    os._exit(0)


def timed(source: str, entry: str, arguments: Any, limit_s: float) -> tuple[float, Any]:
    """Seconds of one call: of wall time or of this thread's CPU time, whichever is less.

    Wall time includes waiting for a CPU, and the clock of CPU time is read by a system call as long as the shortest
    calls. It is the thread's because an armed ITIMER_PROF makes the process's move in ticks. Every call is of code just
    compiled, as in ENAMEL's harness: Python 3.11 and later specialise code that has run.
    """
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    scope: dict[str, Any] = {"__name__": "program"}
    exec(compile(source, "<program>", "exec", dont_inherit=True), scope)
    function = scope[entry]
    cpu = time.thread_time()
    wall = time.perf_counter()
    output = function(*arguments)
    wall = time.perf_counter() - wall
    cpu = time.thread_time() - cpu
    signal.setitimer(signal.ITIMER_PROF, 0)
    return min(wall, cpu), output


def check(request: dict[str, Any]) -> None:
    """Prints a JSON list of verdicts on ``request["cases"]``: [input, answer of the reference, answer]."""
    source = request["prompt"] + "\n    pass\n" + request["checker"]
    verdicts = []
    for case in request["cases"]:
        scope: dict[str, Any] = {}
        exec(source, scope)
        try:
            verdicts.append(bool(scope["__check"](*map(unpacked, case))))
        except Exception:  # an answer that it cannot even compare
            verdicts.append(False)
    print(json.dumps(verdicts))


def packed(value: Any) -> str:
    """A text that keeps the types of plain data; what is not plain data equals nothing."""
    return json.dumps(encoded(value))


def unpacked(text: str) -> Any:
    """The value that was ``packed``."""
    return decoded(json.loads(text))


def encoded(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [encoded(item) for item in value]
    if type(value) in (tuple, set):
        return {type(value).__name__: [encoded(item) for item in value]}
    if type(value) is dict:
        return {"dict": [[encoded(key), encoded(item)] for key, item in value.items()]}
    return {"other": type(value).__name__}


def decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, items),) = value.items()
    if kind == "dict":
        return {decoded(key): decoded(item) for key, item in items}
    return {"tuple": tuple, "set": set}[kind](decoded(item) for item in items) if kind != "other" else object()


if __name__ == "__main__":
    main()
