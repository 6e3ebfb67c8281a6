"""Small sets of problems of our own, with solutions whose verdicts are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOOD = "print(2 * int(input()))"
WRONG = "n = int(input())\nprint(2 * n if n < 1000 else 0)"
CRASH = "raise SystemExit(3)"
SPIN = "n = int(input())\nwhile n > 1000: pass\nprint(2 * n)"
BROKEN = "print("


def busy(cpu_s: float) -> str:
    return f"import time\nwhile time.process_time() < {cpu_s}: pass\n{GOOD}"


def submission(name: str, expected: str | None, source: str, language: str = "python3") -> dict[str, Any]:
    return {"name": name, "language": language, "expected": expected, "source": source}


def tests(*inputs: int) -> list[dict[str, str]]:
    return [
        {
            "name": f"{place}",
            "group": "secret" if place else "sample",
            "input": f"{number}\n",
            "answer": f"{2 * number}\n",
        }
        for place, number in enumerate(inputs)
    ]


def problem(id: str, submissions: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"id": id, "time_limit_s": 0.3, "tests": tests(1, 20, 30000), "submissions": submissions, **more}


TWICE = problem(
    "twice",
    [
        submission("good.py", "accepted", GOOD),
        submission("wrong.py", "wrong_answer", WRONG),
        submission("crash.py", "run_time_error", CRASH),
        submission("spin.py", "time_limit_exceeded", SPIN),
        submission("broken.py", "compile_error", BROKEN),
        submission("wrong.py", "accepted", GOOD + "  # the same name again"),
        submission("mine.py", None, GOOD),
    ],
)


def write(file: Path, *rows: dict[str, Any] | str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return file
