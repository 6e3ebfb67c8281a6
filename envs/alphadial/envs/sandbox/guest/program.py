"""One program: compiled, then called once per frame that arrives on its channel."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from opcode import opmap
from types import CodeType
from typing import Any, NoReturn

from .frames import ANSWER, COMPILE_ERROR, ERROR, OUT_OF_MEMORY, OUT_OF_STEPS, READY
from .steps import Budget, compile_steps, namespace
from .values import decode, encode
from .wire import end, receive, send

MAX_MESSAGE_CHARS = 200
_NAME = "program"
_RAISE = opmap["RAISE_VARARGS"]


def serve(channel: int) -> NoReturn:
    """Answers calls until the judge hangs up. The process is already isolated."""
    send(channel, READY)
    source, entry, steps, tagged = json.loads(receive(channel))
    read, write = (decode, encode) if tagged else (_as_it_is, _as_it_is)
    try:
        code = _compile(source) if steps is None else compile_steps(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        end(channel, COMPILE_ERROR, _line(error))
    try:
        answer, used = _counted(channel, code, entry, steps) if steps is not None else (_plain(code, entry), _nothing)
        while True:
            arguments = read(json.loads(receive(channel)))
            send(channel, ANSWER, json.dumps(write(answer(arguments))), used())
    except MemoryError as error:
        end(channel, ERROR if _raised(error) else OUT_OF_MEMORY, _line(error))
    except BaseException as error:  # SystemExit too: a program that leaves has not answered
        end(channel, ERROR, _line(error))


def warm_up() -> None:
    """Runs the compiler once, so that the programs forked afterwards find its pages and caches hot."""
    source = "def f(a, k):\n    t = 0\n    for x in a:\n        t += x * k if x in [1] else -x\n    return [t][0:1]\n"
    globals_ = namespace(Budget(1000, lambda: None))
    exec(compile_steps(source), globals_)
    json.dumps(globals_["f"](json.loads("[1, 2]"), 3))
    _compile(source)


def _compile(source: str) -> CodeType:
    return compile(source, "<program>", "exec", dont_inherit=True)


def _plain(code: CodeType, entry: str) -> Callable[[list[Any]], Any]:
    # Among the modules: there pickle, and so multiprocessing, and dataclasses look for what it defines.
    module = sys.modules[_NAME] = type(sys)(_NAME)
    exec(code, module.__dict__)
    return _entry(module.__dict__, entry)


def _counted(
    channel: int, code: CodeType, entry: str, steps: int
) -> tuple[Callable[[list[Any]], Any], Callable[[], int]]:
    budget = Budget(steps, lambda: end(channel, OUT_OF_STEPS, steps=steps))
    globals_ = namespace(budget)
    exec(code, globals_)
    function = _entry(globals_, entry)

    def answer(arguments: list[Any]) -> Any:
        globals_["_tick"] = budget.reset()
        return function(arguments)

    return answer, lambda: budget.used


def _entry(globals_: dict[str, Any], entry: str) -> Callable[[list[Any]], Any]:
    function = globals_.get(entry)
    if not callable(function):
        raise NameError(f"no function named {entry}")
    return lambda arguments: function(*arguments)


def _as_it_is(value: Any) -> Any:
    return value


def _nothing() -> int:
    return 0


def _raised(error: MemoryError) -> bool:
    """Whether a ``raise`` of the program made it, rather than an allocation that was refused."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_code[trace.tb_lasti] == _RAISE


def _line(error: BaseException) -> str:
    name = type(error).__name__
    try:
        message = " ".join(str(error).split())
    except BaseException:  # a program's own __str__
        message = ""
    return f"{name}: {message}"[:MAX_MESSAGE_CHARS] if message else name
