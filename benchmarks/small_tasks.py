"""Small tasks with twenty small tests each, as a function to call and as a program of stdin and stdout."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from alphadial.envs import Limits, Problem, Submission, Test, Verdict
from alphadial.envs.types import Interface

TESTS = 20
LIMIT_S = 1.0
"""The graders of others count whole seconds alone."""
READ = {int: "int(input())", list: "list(map(int, input().split()))", str: "input()"}


@dataclass(frozen=True, slots=True)
class Task:
    """One task, its solution, and what breaks that."""

    name: str
    parameters: Mapping[str, type]
    made: Callable[[random.Random], tuple[Any, ...]]
    """The arguments of one test."""
    solution: str
    """A Python function of the task's name."""
    wrong: tuple[str, str]
    """Text of the solution, and what is written in its place for a wrong answer."""
    cpp: str
    """The body of main."""

    def sources(self) -> dict[Verdict, str]:
        """The solution, and programs that fail in each way, at run time on the larger tests alone."""
        name, kind = next(iter(self.parameters.items()))
        large = f"{name} > 12" if kind is int else f"len({name}) > 12"
        head, rest = self.solution.split("\n", 1)
        return {
            Verdict.AC: self.solution,
            Verdict.WA: self.solution.replace(*self.wrong, 1),
            Verdict.RTE: f"{head}\n    if {large}: return [][0]\n{rest}",
            Verdict.CE: self.solution.replace(":", "", 1),
            Verdict.TLE: f"{head}\n    while {large}: pass\n{rest}",
        }

    def problem(self, interface: Interface) -> Problem:
        """A problem of one level, with hidden tests only."""
        return Problem(
            id=f"{self.name}-{interface}",
            template=self.name,
            group="",
            statement="",
            prompt="",
            entry=self.name,
            tests=tuple(Test(1, *texts(interface, *case)) for case in self.cases()),
            limits=Limits(cpu_s=LIMIT_S),
            interface=interface,
            time_limit_s=LIMIT_S,
        )

    def cases(self) -> list[tuple[tuple[Any, ...], Any]]:
        """Arguments and answers, by the solution."""
        drawn, space = random.Random(self.name), dict[str, Any]()
        exec(self.solution, space)
        arguments = [self.made(drawn) for _ in range(TESTS)]
        return [(given, space[self.name](*given)) for given in arguments]

    def python(self, source: str, interface: Interface) -> Submission:
        """A source that defines the function; under stdin and stdout with lines that read, call and print."""
        if interface is Interface.CALL:
            return Submission.of(source)
        read = "".join(f"{name} = {READ[kind]}\n" for name, kind in self.parameters.items())
        return Submission.of(f"{source}{read}print({self.name}({', '.join(self.parameters)}))\n")

    def in_cpp(self) -> Submission:
        """The solution in C++."""
        includes = "".join(f"#include <{name}>\n" for name in ("iostream", "map", "set", "sstream", "vector"))
        body = f"{self.cpp} cout << found << '\\n';"
        return Submission.of(f"{includes}using namespace std;\nint main() {{ {body} }}\n", "cpp")


def texts(interface: Interface, arguments: tuple[Any, ...], answer: Any) -> tuple[str, str]:
    """What a test gives and expects."""
    if interface is Interface.CALL:
        return json.dumps(arguments), json.dumps(answer)
    return "".join(map(line, arguments)), line(answer)


def line(value: Any) -> str:
    """A value as the programs read and print it."""
    return " ".join(map(str, value)) + "\n" if isinstance(value, list) else f"{value}\n"


def numbers(drawn: random.Random) -> list[int]:
    """A short list of small numbers."""
    return [drawn.randint(-20, 20) for _ in range(drawn.randint(1, 30))]


TASKS = (
    Task(
        "best_sum",
        {"a": list},
        lambda drawn: (numbers(drawn),),
        """def best_sum(a):
    best = now = a[0]
    for x in a[1:]:
        now = max(x, now + x)
        best = max(best, now)
    return best
""",
        ("a[1:]", "a[2:]"),
        "long x, best, now; cin >> best; now = best; while (cin >> x) now = max(x, now + x), best = max(best, now);"
        "long found = best;",
    ),
    Task(
        "pairs",
        {"a": list, "k": int},
        lambda drawn: (numbers(drawn), drawn.randint(-10, 10)),
        """def pairs(a, k):
    seen, found = {}, 0
    for x in a:
        found += seen.get(k - x, 0)
        seen[x] = seen.get(x, 0) + 1
    return found
""",
        ("k - x", "k + x"),
        "string s; getline(cin, s); istringstream in(s); long k, x, found = 0; cin >> k; map<long, long> seen;"
        "while (in >> x) found += seen[k - x], seen[x]++;",
    ),
    Task(
        "brackets",
        {"s": str},
        lambda drawn: ("".join(drawn.choice("()") for _ in range(drawn.randint(2, 30))),),
        """def brackets(s):
    depth = missing = 0
    for c in s:
        depth += 1 if c == "(" else -1
        if depth < 0:
            depth, missing = 0, missing + 1
    return missing + depth
""",
        ("missing + depth", "missing"),
        "string s; cin >> s; int d = 0, m = 0; for (char c : s) { d += c == '(' ? 1 : -1; if (d < 0) d = 0, m++; }"
        "int found = m + d;",
    ),
    Task(
        "coins",
        {"n": int, "a": list},
        lambda drawn: (drawn.randint(5, 200), [1, *sorted(drawn.sample(range(2, 40), 4))]),
        """def coins(n, a):
    least = [0] + [n] * n
    for total in range(1, n + 1):
        for coin in a:
            if coin <= total:
                least[total] = min(least[total], least[total - coin] + 1)
    return least[n]
""",
        ("coin <= total", "coin < total"),
        "long n, x; cin >> n; vector<long> a, l(n + 1, n); l[0] = 0; while (cin >> x) a.push_back(x);"
        "for (int t = 1; t <= n; t++) for (long c : a) if (c <= t) l[t] = min(l[t], l[t - c] + 1); long found = l[n];",
    ),
    Task(
        "primes",
        {"n": int},
        lambda drawn: (drawn.randint(2, 500),),
        """def primes(n):
    found, crossed = 0, set()
    for x in range(2, n + 1):
        if x not in crossed:
            found += 1
            crossed.update(range(x * x, n + 1, x))
    return found
""",
        ("range(2, n + 1)", "range(2, n)"),
        "int n; cin >> n; int found = 0; vector<bool> x(n + 1); for (int p = 2; p <= n; p++) if (!x[p]) { found++;"
        "for (int q = p * p; q <= n; q += p) x[q] = true; }",
    ),
    Task(
        "longest_run",
        {"s": str, "k": int},
        lambda drawn: ("".join(drawn.choice("abcd") for _ in range(drawn.randint(5, 40))), drawn.randint(1, 3)),
        """def longest_run(s, k):
    best = left = 0
    for right in range(len(s)):
        while len(set(s[left:right + 1])) > k:
            left += 1
        best = max(best, right + 1 - left)
    return best
""",
        ("> k:", ">= k + 2:"),
        "string s; int k; cin >> s >> k; int found = 0, left = 0; for (int r = 0; r < (int)s.size(); r++) {"
        "while ((int)set<char>(s.begin() + left, s.begin() + r + 1).size() > k) left++;"
        "found = max(found, r + 1 - left); }",
    ),
)
