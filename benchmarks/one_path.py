"""Whether an attempt gets the verdict that ``alphadial judge`` gives: the submissions of a set, played as answers.

    python benchmarks/one_path.py PATH [--setting reasoning] [--each N] [--judged FILE] [--out FILE]
    python benchmarks/one_path.py PATH --fresh [--python python3] [--languages python3,cpp] [--limit 1] [--out FILE]

A scripted policy answers each attempt with one labelled submission, as a code block in the settings ``reasoning`` and
``tools``, and by a shell command in ``agentic``. ``--judged`` is what ``alphadial judge PATH --json FILE`` wrote;
without it every submission is judged here as well. Submissions of several files are left out, and counted: no answer
holds them. Verdicts that are borderline on either side are counted apart. With ``--fresh`` nothing is played: each
submission is judged in fresh sandboxes alone, and then as always, in warm servers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alphadial.agents import AttemptDeps, Completion, Request, Rollout, ScriptedPolicy, rollout
from alphadial.agents.seeds import attempt_seed
from alphadial.agents.types import ToolCall
from alphadial.envs import Judge, Limits, Problem, Rules, Setting, load_split, open_sandbox
from alphadial.envs.judging.judge import time_limit
from alphadial.envs.judging.preparing import Step, prepare
from alphadial.envs.judging.verdicts import report
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems import Package
from alphadial.envs.sandbox.bubblewrap import Bubblewrap
from alphadial.envs.sandbox.protocol import CommandServer
from alphadial.envs.sandbox.warm_commands import FreshCommands
from alphadial.envs.tools.answers import solution_files

SEED, MODEL, TEMPERATURE = "one path", "scripted", 1.0
FENCE = "`" * 12
PROMPTS = {Setting.REASONING: "plain", Setting.TOOLS: "plain", Setting.AGENTIC: "agent"}


def answer(problem: Problem, labelled: LabelledSubmission, setting: Setting) -> str | Completion:
    """What a model says that wants to hand in this submission."""
    submission = labelled.submission
    if setting is not Setting.AGENTIC:
        return f"{FENCE}{submission.language}\n{submission.source.rstrip(chr(10))}\n{FENCE}\n"
    file = next(file for file, language in solution_files(problem, submission.language).items())
    command = f"rm -f {file}; cat > {file} <<'END OF PROGRAM'\n{submission.source}\nEND OF PROGRAM"
    calls = (ToolCall("shell", json.dumps({"command": command})), ToolCall("submit", "{}"))
    return Completion("", None, 0, 0, tool_calls=calls)


def chosen(packages: tuple[Package, ...], each: int | None) -> Iterator[tuple[Problem, LabelledSubmission]]:
    """Submissions of one file that are labelled; at most so many of each problem, label and language."""
    for package in packages:
        seen: Counter[tuple[str | None, str]] = Counter()
        for labelled in package.solutions:
            kind = labelled.expected, labelled.submission.language
            seen[kind] += 1
            if labelled.expected and len(labelled.submission.files) == 1 and (each is None or seen[kind] <= each):
                yield package.problem, labelled


def key(problem: str, name: str, label: str | None) -> str:
    """What a submission is called in the result."""
    return f"{problem}/{label}/{name}"


def played(
    pairs: list[tuple[Problem, LabelledSubmission]], judge: Judge, setting: Setting
) -> list[tuple[str, Rollout]]:
    """An attempt for each of them."""
    script: dict[int, str | Completion] = {}
    for position, (problem, labelled) in enumerate(pairs):
        seed = attempt_seed(SEED, problem.id, position, MODEL, TEMPERATURE)
        script[seed] = answer(problem, labelled, setting)

    def line(request: Request) -> str | Completion:
        return script[request.seed]

    made = rollout(
        [problem for problem, _ in pairs],
        AttemptDeps(ScriptedPolicy(line, concurrency=4), judge),
        model=MODEL,
        seed=SEED,
        temperature=TEMPERATURE,
        max_tokens=1,
        rules=Rules(setting, max_turns=1),
        prompt=PROMPTS[setting],
        parser="fenced",
    )
    names = (key(problem.id, labelled.name, labelled.expected) for problem, labelled in pairs)
    return list(zip(names, made, strict=True))


def judged(pairs: list[tuple[Problem, LabelledSubmission]], judge: Judge) -> dict[str, tuple[str, bool]]:
    """The verdict of each, and whether it is borderline."""
    found = {}
    for problem, labelled in pairs:
        report = judge.judge(problem, labelled.submission)
        found[key(problem.id, labelled.name, labelled.expected)] = str(report.verdict or ""), report.borderline
    return found


def read_judged(file: Path) -> dict[str, tuple[str, bool]]:
    """The same from the JSON of ``alphadial judge``."""
    rows = json.loads(file.read_text("utf-8"))["rows"]
    names = (key(row["problem"], row["submission"], row["expected"]) for row in rows)
    return {name: (row["verdict"] or "", row["borderline"]) for name, row in zip(names, rows, strict=True)}


def compared(attempts: list[tuple[str, Rollout]], reference: dict[str, tuple[str, bool]]) -> dict[str, Any]:
    """Counts, and every difference."""
    rows = []
    for name, made in attempts:
        verdict, borderline = reference[name]
        rows.append(
            {
                "submission": name,
                "language": made.submission.language if made.submission else "",
                "attempt": str(made.report.verdict or ""),
                "judge": verdict,
                "end_reason": made.end_reason,
                "cause": made.report.cause[:200],
                "borderline": borderline or made.report.borderline,
            }
        )
    sure = [row for row in rows if not row["borderline"]]
    return {
        "attempts": len(rows),
        "languages": dict(Counter(row["language"] for row in rows)),
        "equal": sum(row["attempt"] == row["judge"] for row in rows),
        "borderline": len(rows) - len(sure),
        "equal_apart_from_borderline": sum(row["attempt"] == row["judge"] for row in sure),
        "different": [row for row in rows if row["attempt"] != row["judge"]],
    }


class Fresh(Bubblewrap):
    """A sandbox without warm servers: each run of a command gets one of its own."""

    def open_command(self, command: Sequence[str], limits: Limits) -> CommandServer:
        """See ``Sandbox``."""
        return FreshCommands(self, command)


def warm_beside_fresh(packages: tuple[Package, ...], languages: set[str], each: int | None) -> dict[str, Any]:
    """Verdicts of both ways, of submissions and of their tests; what differs is told."""
    pairs = [pair for pair in chosen(packages, each) if not languages or pair[1].submission.language in languages]
    counts: Counter[str] = Counter()
    different: list[dict[str, Any]] = []
    seconds = {"fresh": 0.0, "warm": 0.0}
    with open_sandbox() as warm, Fresh() as fresh, Judge(warm) as warm_judge, Judge(fresh) as fresh_judge:
        for number, (problem, labelled) in enumerate(pairs, 1):
            sys.stderr.write(f"{number} of {len(pairs)}, {len(different)} differ: {problem.id} {labelled.name}\n")
            found = {}
            for way, judge in (("fresh", fresh_judge), ("warm", warm_judge)):
                # Without its label: with it some would be run on, slow ones above all, until that is decided.
                record = judge.record(problem, replace(labelled, expected=None), time_limit(problem), by_group=True)
                found[way] = report(record, time_limit(problem))
                seconds[way] += record.wall_s
            cold, hot = found["fresh"], found["warm"]
            borderline = cold.borderline or hot.borderline
            tests = [(a.verdict, b.verdict) for a, b in zip(cold.tests, hot.tests, strict=False)]
            counts["tests"] += len(tests)
            counts["tests equal"] += sum(a == b for a, b in tests)
            counts["equal"] += cold.verdict == hot.verdict
            counts["borderline"] += borderline
            if cold.verdict != hot.verdict or len(cold.tests) != len(hot.tests) or any(a != b for a, b in tests):
                different.append(
                    {
                        "submission": key(problem.id, labelled.name, labelled.expected),
                        "borderline": borderline,
                        "limit_s": time_limit(problem),
                        **{way: [str(one.verdict), one.first_failure, one.cause] for way, one in found.items()},
                        "tests": [
                            [a.name, str(a.verdict), round(a.cpu_s, 3), str(b.verdict), round(b.cpu_s, 3)]
                            for a, b in zip(cold.tests, hot.tests, strict=False)
                            if a.verdict != b.verdict
                        ],
                    }
                )
    return {
        "submissions": len(pairs),
        "languages": dict(Counter(labelled.submission.language for _, labelled in pairs)),
        **counts,
        "seconds": {way: round(spent, 1) for way, spent in seconds.items()},
        "different": different,
    }


def tell(step: Step) -> None:
    """Says what takes long."""
    sys.stderr.write(f"{step.number} of {step.problems}, {step.problem}: {step.doing}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--setting", type=Setting, default=Setting.REASONING, choices=list(Setting))
    parser.add_argument("--each", type=int, help="at most so many submissions of each problem, label and language")
    parser.add_argument("--judged", type=Path, help="JSON of alphadial judge")
    parser.add_argument("--fresh", action="store_true", help="judge in fresh sandboxes and in warm servers")
    parser.add_argument("--python", help="the interpreter that runs Python programs")
    parser.add_argument("--limit", type=float, metavar="SECONDS", help="in place of the limits of the problems")
    parser.add_argument("--languages", default="", help="with --fresh: these alone, with commas")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    split = load_split(options.path)
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        ready = prepare(split, judge, limit_s=options.limit, python=options.python, on_step=tell)
        if options.fresh:
            languages = set(filter(None, options.languages.split(",")))
            result = warm_beside_fresh(ready.packages, languages, options.each)
        else:
            pairs = list(chosen(ready.packages, options.each))
            reference = read_judged(options.judged) if options.judged else judged(pairs, judge)
            result = compared(played(pairs, judge, options.setting), reference)
            several = sum(len(each.submission.files) > 1 for package in ready.packages for each in package.solutions)
            result |= {"setting": options.setting, "of_several_files": several}
    result["path"] = options.path.name
    text = json.dumps(result, indent=1)
    if options.out:
        options.out.write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
