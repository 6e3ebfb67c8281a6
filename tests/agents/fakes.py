"""Problems, a judge and a configuration that need no model and no sandbox; importing this loads no torch."""

from __future__ import annotations

from alphadial.agents.runs.config import ModelChoice, RunConfig
from alphadial.agents.types import Request
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox.trusted import Trusted
from alphadial.envs.types import FailureKind, JudgeReport, Limits, Problem, PublicResult, Submission, Test, Verdict

PROGRAMS = ("AC 2", "WA 1", "TLE 1", "TLE 0", "U", "RTE 0")


def answer(request: Request) -> str:
    """One of PROGRAMS, chosen by the seed."""
    return PROGRAMS[request.seed % len(PROGRAMS)]


class ReadingJudge(Judge):
    """The program is its own verdict: "TLE 2" fails with TLE after level 2; "U" is unmeasurable; an error is raised."""

    def __init__(self) -> None:
        super().__init__(Trusted(), workers=2)  # which runs nothing

    def judge(
        self,
        problem: Problem,
        submission: Submission | str | None,
        coverage: int | str | None = None,
        *,
        all_tests: bool = False,
    ) -> JudgeReport:
        source = submission.source if isinstance(submission, Submission) else submission
        if source is None:
            return JudgeReport(Verdict.CE, FailureKind.CORRECTNESS, 0, "no program", public_verdict=Verdict.CE)
        if source == "broken":
            raise RuntimeError("the judge broke")
        if source == "U":
            return JudgeReport(None, FailureKind.UNMEASURABLE, 0, "machinery")
        spelled, _, level = source.partition(" ")
        verdict, reached = Verdict(spelled), int(level or 0)
        slow = verdict in (Verdict.TLE, Verdict.MLE) and reached > 0
        kind = FailureKind.OPTIMISATION if slow else FailureKind.CORRECTNESS
        return JudgeReport(verdict, None if verdict is Verdict.AC else kind, reached, public_verdict=verdict)

    def run_public(self, problem: Problem, submission: Submission | str) -> tuple[PublicResult, ...]:
        shown = next(test for test in problem.tests if test.public)
        verdict = self.judge(problem, submission).public_verdict
        assert verdict is not None
        return (PublicResult(shown, verdict, "", shown.answer if verdict is Verdict.AC else "0"),)


def make_problem(name: str, template: str = "t0", group: str = "late") -> Problem:
    tests = (Test(1, "[[1, 2], 3]", "4", public=True), Test(2, "[[], 0]", "0"))
    return Problem(name, template, group, f"Solve {name}.", f"prompt {name}", "f", tests, Limits(steps=1000))


def make_problems() -> tuple[Problem, ...]:
    groups = ("late", "early")
    return tuple(make_problem(f"p{i}", f"t{i // 2}", groups[i % 2]) for i in range(6))


def make_config(samples: int = 4) -> RunConfig:
    return RunConfig(
        command="frontier",
        family="toy",
        problem_set="fakes",
        split="dev",
        split_hash="abc",
        problems=tuple(problem.id for problem in make_problems()),
        models=(ModelChoice("toy@0", 0.0), ModelChoice("toy@init", None)),
        samples=samples,
        weights="f1-toy",
        temperature=0.6,
        max_tokens=32,
        seed=1,
        prompt="tiny",
        parser="program",
    )
