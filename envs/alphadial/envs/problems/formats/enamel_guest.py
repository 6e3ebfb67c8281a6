"""Runs inside a sandbox: makes ENAMEL's inputs, and answers by its reference. Only the standard library.

``python3 enamel_guest.py`` reads ``request.json`` and prints a JSON array of [level, arguments, answer], the
latter two as texts that hold JSON.
"""

from __future__ import annotations

import copy
import json
import os
import random
import string
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Ends with status 1 and a line on stderr where JSON does not hold what the generator makes."""
    request = json.loads(Path("request.json").read_text("utf-8"))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    helpers = {helper.__name__: helper for helper in (rand_parens, rand_probably_prime, rand_primality)}
    tests = []
    for seed, size, level, number in request["tests"]:
        scope: dict[str, Any] = {"random": random, "string": string, "time": time, **helpers}
        exec(request["prompt"] + "\n" + request["generator"], scope)
        random.seed(seed)
        arguments = list(scope["generate_input"](size=size, lid=level, cid=number))
        if not same_in_json(arguments):
            sys.exit("its inputs hold values that JSON does not")
        program: dict[str, Any] = {"__name__": "program"}
        exec(request["prompt"] + "\n" + request["reference"], program)
        answer = program[request["entry"]](*copy.deepcopy(arguments))
        try:
            tests.append([level + 1, json.dumps(arguments), json.dumps(answer)])
        except TypeError:
            sys.exit("its answers hold values that JSON does not")
    print(json.dumps(tests), file=answers, flush=True)


def same_in_json(value: Any) -> bool:
    """Whether it is the same, types included, after a way through JSON; repr() tells tuples, keys and 1.0 apart."""
    try:
        return repr(json.loads(json.dumps(value))) == repr(value)
    except (TypeError, ValueError):
        return False


def rand_parens(size: int, valid: bool = True, par: str = "()", sep: str | None = "") -> Any:
    """Balanced parentheses of an even length near ``size``: the groups, joined by ``sep`` if there is one.

    If not ``valid``: as many of either kind, in an order that does not balance.
    """
    if not valid:
        half = (size + 1) // 2 - 1
        return rand_parens(half, par=par) + par[1] + par[0] + rand_parens(half, par=par)
    left, depth = size + size % 2, 0
    groups: list[str] = []
    group: list[str] = []
    while left:
        opens = depth == 0 or (depth < left and random.randint(0, 1) == 1)
        group.append(par[0] if opens else par[1])
        depth += 1 if opens else -1
        left -= 1
        if depth == 0:
            groups.append("".join(group))
            group = []
    return groups if sep is None else sep.join(groups)


def rand_probably_prime(low: int, high: int | None = None) -> int:
    """A prime in [low / 2, low], or in [low, the larger of 2 low and high]: either range holds one."""
    least, most = (max(low, 3) // 2, max(low, 3)) if high is None else (max(low, 0), max(2 * low, high, 3))
    while True:
        candidate = random.randint(least, most)
        if is_prime(candidate):
            return candidate


def rand_primality(size: int, lid: int, cid: int) -> int:
    """A number for a test of primality: hard special cases in level 0, then a prime, a prime's square, two primes."""
    special = (2 * 3 * 5 * 7 * 11 * 13 + 1, 3 * 11 * 17, 2, 5**3)
    if lid == 0 and cid < len(special):
        return special[cid]
    size = max(size, 4)
    root = int(size**0.5 + 1)
    if cid % 3 == 0:
        return rand_probably_prime(size)
    if cid % 3 == 1:
        return rand_probably_prime(root) ** 2
    return rand_probably_prime(root) * rand_probably_prime(root)


def is_prime(number: int) -> bool:
    """Miller and Rabin's test; with these bases exact below 3.3e24 (Sorenson and Webster 2015)."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    if number < 2 or any(number % base == 0 for base in bases):
        return number in bases
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        power = pow(base, odd, number)
        if power not in (1, number - 1) and not any(
            (power := power * power % number) == number - 1 for _ in range(twos - 1)
        ):
            return False
    return True


if __name__ == "__main__":
    main()
