"""A run in a process of its own, to be killed: python -m tests.agents.resume_child FOLDER.

Prints how many attempts it finds, then a line for each that it makes.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.runs import store
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.attempt_rows import TIMES
from alphadial.agents.runs.config import plan
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import run_attempts
from alphadial.agents.types import Request

from .fakes import ReadingJudge, answer, make_config, make_problems


def slow_answer(request: Request) -> str:
    time.sleep(0.002)
    return answer(request)


def main(path: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a test in the background would have ignored
    store.FLUSH_ROWS = 8  # small transactions, so that a kill finds rows written and rows lost
    config, problems = make_config(samples=40), make_problems()
    with RunFolder(path, config) as folder:
        print(len(folder.store.finished()), flush=True)
        run_attempts(
            plan(config, problems),
            AttemptDeps(ScriptedPolicy(slow_answer), ReadingJudge()),
            folder.store,
            lambda progress: print(progress.done, flush=True),
        )
        rows = [{k: v for k, v in asdict(row).items() if k not in TIMES} for row in folder.store.attempts()]
        folder.write("table.json", json.dumps(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
