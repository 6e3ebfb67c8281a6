"""Programs with odd habits that do nothing wrong: every one of ``honest/`` is accepted, on every backend.

All of them add numbers.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.languages import find_language, language_of
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import MIB, Interface, Limits, Problem, Test, Verdict

from .fresh import Fresh
from .labelled import judged_at, labelled

LIMITS = Limits(memory_bytes=256 * MIB, output_bytes=8 * MIB, files_bytes=16 * MIB, processes=16)
LIMIT_S = 4.0
PROGRAMS = sorted(path for path in (Path(__file__).parent / "honest").iterdir() if path.is_file())

QUICK = {
    "big_stack_thread.py", "late_flush.py", "subprocess_tools.py", "large_output.py", "helper_left_running.py",
    "shared_memory.py", "unusual_imports.py", "big_static_array.cpp",
}  # fmt: skip
"""Run by default; the others by the marker."""
OF_CPYTHON = "output_at_finalisation.py"
"""PyPy runs no finalisers at the end of a program."""


def problem() -> Problem:
    draw = random.Random(1)
    numbers = [draw.randrange(-(10**9), 10**9) for _ in range(2_000)]
    small, large = ([len(some), *some] for some in (numbers[:1], numbers))
    tests = [
        Test(level, f"{count}\n{' '.join(map(str, some))}\n", f"{sum(some)}\n")
        for level, (count, *some) in enumerate((small, large), 1)
    ]
    return Problem("sum", "sum", "", "", "", "", tuple(tests), LIMITS, interface=Interface.STDIO)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("fresh", "gvisor")]


@pytest.fixture(scope="module", params=["bubblewrap", *SLOW])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    if request.param == "gvisor" and not shutil.which("runsc"):
        pytest.skip("gVisor is not installed")
    sandbox = Fresh() if request.param == "fresh" else open_sandbox(request.param)
    with sandbox, Judge(sandbox, workers=1) as judge:
        yield judge


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(
            pytest.param(path, "", id=path.name, marks=() if path.name in QUICK else pytest.mark.slow)
            for path in PROGRAMS
        ),
        *(
            pytest.param(path, "pypy3", id=f"{path.name} by PyPy", marks=pytest.mark.slow)
            for path in PROGRAMS
            if path.suffix == ".py" and path.name != OF_CPYTHON
        ),
    ],
)
def test_accepted(judge: Judge, path: Path, name: str) -> None:
    language = find_language(name) if name else language_of(path.name)
    assert language is not None
    if shutil.which(find_language(language.name).compile[0]) is None:
        pytest.skip(f"no {language.compile[0]}")
    file = f"{language.main}{path.suffix}"
    report = judged_at(judge, problem(), labelled(path.name, language.name, {file: path.read_text()}), LIMIT_S)
    assert report.verdict is Verdict.AC, report
    assert not report.borderline
