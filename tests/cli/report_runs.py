"""Run folders for reports, made through the store without any model."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from alphadial.agents.runs.config import ModelChoice, RunConfig, attempt_id
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.types import Attempt

ALPHAS = (-0.5, 0.0, 0.5, 1.0, 1.5)
HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "<!--<script>",
    "nul\0, bell\x07, turned \u202eback\u2066, \u200bnothing",
    "'\"><b>bold</b> &lt; $title ${data} %{x} `",
)
_KINDS = {"AC": None, "WA": "correctness", "TLE": "optimisation", None: "unmeasurable"}


def make_config(problems: Sequence[str], samples: int = 2, **fields: Any) -> RunConfig:
    config = RunConfig(
        command="frontier",
        family="toy",
        problem_set="toys",
        split="dev",
        split_hash="abc",
        problems=tuple(problems),
        models=tuple(ModelChoice(f"toy@{alpha:g}", alpha) for alpha in ALPHAS),
        samples=samples,
        temperature=0.6,
        max_tokens=32,
        seed=7,
        prompt="tiny",
        parser="program",
    )
    return replace(config, **fields)


@cache
def run_id(config: RunConfig) -> str:
    return config.run_id


def make_attempt(
    config: RunConfig, problem: str, alpha: float, sample: int, verdict: str | None, **fields: Any
) -> Attempt:
    model = fields.get("model", f"toy@{alpha:g}")
    attempt = Attempt(
        id=attempt_id(run_id(config), problem, model, sample),
        run=run_id(config),
        problem=problem,
        template=problem.partition(".")[0],
        group="",
        sample=sample,
        model=model,
        alpha=alpha,
        weights_id=f"w{alpha:g}",
        seed=1,
        temperature=0.6,
        coverage=None,
        prompt_tokens=5,
        completion_tokens=9,
        finish_reason="stop",
        turns=1,
        answer="def f():\n return 0\n",
        program="def f():\n return 0\n",
        language="python3",
        error="",
        borderline=0,
        verdict=verdict,
        public_verdict=verdict,
        failure_kind=_KINDS[verdict],
        level_reached=4 if verdict == "AC" else 1,
        cause="",
        cpu_s=0.01,
        judge_s=0.02,
        model_s=0.03,
        tools_s=0.0,
        status="judged" if verdict else "unmeasurable",
    )
    return replace(attempt, **fields)


def write_run(folder: Path, config: RunConfig, attempts: Iterable[Attempt]) -> Path:
    with RunFolder(folder, config) as opened:
        for attempt in attempts:
            opened.store.append(attempt)
    return folder


def frontier_run(folder: Path, problems: int = 4, samples: int = 2) -> Path:
    """A finished run over alphas: low ones are too slow on every second problem, high ones wrong on the others."""
    config = make_config([f"t{at % 3}.p{at}" for at in range(problems)], samples)

    def verdict(at: int, alpha: float, sample: int) -> str:
        return "AC" if (alpha >= 0.5) == (at % 2 == 0) else ("TLE" if at % 2 == 0 else "WA")

    return write_run(
        folder,
        config,
        (
            make_attempt(config, problem, alpha, sample, verdict(at, alpha, sample))
            for at, problem in enumerate(config.problems)
            for alpha in ALPHAS
            for sample in range(samples)
        ),
    )


PATCH = """diff --git a/src/core.py b/src/core.py
--- a/src/core.py
+++ b/src/core.py
@@ -1,2 +1,2 @@
 def f():
-    return 1
+    return "</script><script>document.title='owned'</script>"
"""
TESTS = json.dumps(
    [["tests/test_core.py::test_f", 1, "AC"], ["tests/test_core.py::test_<b>g</b>", 2, "WA"], ["tests/x.py", 2, "AC"]]
)


def repository_run(folder: Path) -> Path:
    """A run on a repository: one patch that reached level 1, one that a shared verifier accepted."""
    config = make_config(["repo"], 2)
    first = make_attempt(config, "repo", 0.0, 0, "WA", program=PATCH, language="patch", tests=TESTS)
    accepted = json.dumps([["reward", 1, "AC"]])
    second = make_attempt(
        config, "repo", 0.0, 1, "AC", program=PATCH, language="patch", tests=accepted, ratio=1.25, shared_verifier=1
    )
    return write_run(folder, config, [first, second])


def controlled_run(folder: Path, **fields: Any) -> Path:
    """Three problems under a controller: one solved at once, one by the third attempt, one never."""
    fields = {"command": "run", "controller": "posterior", **fields}
    config = make_config(["t0.a", "t1.b", "t2.c"], 3, **fields)
    stories: dict[str, list[tuple[float, str | None]]] = {
        "t0.a": [(1.0, "AC")],
        "t1.b": [(1.0, "WA"), (-0.5, "TLE"), (0.5, "AC")],
        "t2.c": [(1.0, "WA"), (0.0, "TLE"), (1.5, None)],
    }
    chosen = {"propensity": 0.75, "success_prob": 0.4, "reason": "best so far"}
    attempts = [
        make_attempt(config, problem, alpha, at, verdict, decision=f"{problem}#{at}", **chosen)
        for problem, story in stories.items()
        for at, (alpha, verdict) in enumerate(story)
    ]
    return write_run(folder, config, attempts)


def pair_of_runs(folder: Path, **second: Any) -> Path:
    """Two runs under controllers in ``a`` and ``b``: each solves one of five problems that the other does not."""
    folder.mkdir()
    names = ["t0.a", "t0.b", "t1.c", "t2.d", "t3.e"]
    stories: dict[str, dict[str, list[str]]] = {
        "a": {"t0.a": ["AC"], "t0.b": ["WA", "AC"], "t1.c": ["TLE", "WA"], "t2.d": ["AC"], "t3.e": ["WA", "WA"]},
        "b": {"t0.a": ["WA", "AC"], "t0.b": ["WA", "WA"], "t1.c": ["AC"], "t2.d": ["WA", "AC"], "t3.e": ["TLE", "WA"]},
    }
    for name, story in stories.items():
        changes = {"seed": 8, **second} if name == "b" else {}
        config = make_config(names, 2, command="run", controller="uniform", **changes)
        attempts = [
            make_attempt(
                config, problem, 0.5 + at / 2, at, verdict, program=f"def f():\n return {int(verdict == 'AC')}\n"
            )
            for problem, verdicts in story.items()
            for at, verdict in enumerate(verdicts)
        ]
        write_run(folder / name, config, attempts)
    return folder


class Document(HTMLParser):
    """What of a report a browser would act on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.policy = self.title = self.text = ""
        self.scripts: dict[str, str] = {}
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[name] for name in ("href", "src", "action", "data", "srcset", "poster") if name in found]
        self.handlers += [name for name in found if name.startswith("on")]
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]
        self._inside = found.get("id", f"script{len(self.scripts)}") if tag == "script" else tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data
        elif self._inside in ("data", "transcripts") or self._inside.startswith("script"):
            self.scripts[self._inside] = self.scripts.get(self._inside, "") + data
        elif self._inside != "style":
            self.text += data

    def data(self) -> Any:
        return json.loads(self.scripts["data"])

    def transcripts(self) -> Any:
        packed = self.scripts.get("transcripts", "")
        return json.loads(zlib.decompress(base64.b64decode(packed))) if packed else {"strings": [], "attempts": []}
