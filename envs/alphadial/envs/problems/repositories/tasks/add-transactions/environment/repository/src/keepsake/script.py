"""Commands as text."""

from keepsake.errors import BadCommand, KeepsakeError
from keepsake.store import Store


def run(lines, watch=None):
    """What each command answers, in order; changes below the prefix ``watch`` are told as lines that begin with !.

    A command that goes wrong answers "error: " and why.
    """
    store, said = Store(), []
    if watch is not None:
        store.watch(watch, lambda name, before, after: said.append(f"!{name}: {before} -> {after}"))
    for line in lines:
        try:
            answer = _answer(store, line.split())
        except KeepsakeError as error:
            answer = f"error: {error}"
        said.append(answer)
    return said


def _answer(store, words):
    command = _COMMANDS.get(words[0].upper()) if words else None
    if command is None:
        raise BadCommand(f"no command {' '.join(words)!r}")
    try:
        return command(store, *words[1:])
    except (TypeError, ValueError) as error:
        raise BadCommand(f"{words[0].upper()} does not take {' '.join(words[1:])!r}") from error


def _value(text):
    return int(text) if text.lstrip("-").isdigit() else text


def _set(store, name, value, lasts=None):
    store.set(name, _value(value), None if lasts is None else int(lasts))
    return "ok"


def _get(store, name):
    return store.get(name)


def _delete(store, name):
    return store.delete(name)


def _add(store, name, number):
    return store.add(name, int(number))


def _lasts(store, name):
    return store.lasts(name)


def _tick(store, count="1"):
    store.tick(int(count))
    return "ok"


def _names(store, prefix=""):
    return store.names(prefix)


_COMMANDS = {
    "SET": _set,
    "GET": _get,
    "DELETE": _delete,
    "ADD": _add,
    "LASTS": _lasts,
    "TICK": _tick,
    "NAMES": _names,
}
