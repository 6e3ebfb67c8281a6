"""What is believed of a box: reports, rewards and times, and what happens where boxes break. Nothing real is run."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from alphadial.envs.errors import MachineFullError, PatchError, ProblemError, SandboxFailedError
from alphadial.envs.files import File
from alphadial.envs.judging import Judge, Resolution, resolution
from alphadial.envs.judging.records import SubmissionRecord, TestRecord
from alphadial.envs.judging.repositories.graded_tree import graded_tree
from alphadial.envs.judging.repositories.paired_times import PairedTimes, UnmeasuredError
from alphadial.envs.judging.verdicts import report
from alphadial.envs.patches import diff
from alphadial.envs.raw import as_text
from alphadial.envs.repository import Performance, Repository, Verifier, VerifierKind
from alphadial.envs.sandbox import Sandbox, Workspace
from alphadial.envs.sandbox.boxes.box import Boxes
from alphadial.envs.types import (
    FailureKind,
    JudgeReport,
    KilledBy,
    Limits,
    Problem,
    RunResult,
    Submission,
    Test,
    Verdict,
)

from . import shop
from .idle_boxes import FakeBox, FakeBoxes, Run, reported

CALLS = (replace(shop.CALL, public=True), replace(shop.CALL, level=2, name="another"))


NO_SANDBOX = cast(Sandbox, SimpleNamespace(open=None, close=lambda: None))


def judged(run: Run, problem: Problem, patch: str | Submission | None = "", **options: Any) -> JudgeReport:
    boxes: Boxes = FakeBoxes(run)
    with Judge(NO_SANDBOX, boxes=boxes, **options) as judge:
        return judge.judge(problem, patch)


def calls(*tests: Test) -> Problem:
    return shop.shop(*(tests or CALLS), performance=False)


def value(number: int, found: object) -> dict[str, object]:
    return {"call": number, "value": found}


def outcome(
    run: Run, problem: Problem | None = None, **options: Any
) -> tuple[int, Verdict | None, FailureKind | None, str]:
    found = judged(run, problem or calls(), **options)
    return found.level_reached, found.verdict, found.failure_kind, found.cause


RIGHT = {"$tuple": [["tea", 4]]}
WRONG, SLOW = FailureKind.CORRECTNESS, FailureKind.OPTIMISATION


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([value(0, [["tea", 4]]), value(1, [{"$tuple": ["tea", 4]}])], (2, Verdict.AC, None, "")),
        ([value(0, [["tea", 4.0]]), value(1, RIGHT)], (2, Verdict.AC, None, "")),
        ([value(0, [["tea", 4]]), value(1, [["tea", 5]])], (1, Verdict.WA, FailureKind.CORRECTNESS, "")),
        ([value(0, RIGHT), value(0, RIGHT), value(1, RIGHT)], (0, Verdict.RTE, WRONG, "reported twice")),
        ([value(0, {"$other": "x"}), value(1, RIGHT)], (0, Verdict.WA, FailureKind.CORRECTNESS, "")),
        ([{"call": 0, "raised": ["KeyError", "Exception"]}], (0, Verdict.RTE, FailureKind.CORRECTNESS, "KeyError")),
        ([{"call": 0, "raised": ["Secret", "Exception"]}], (0, Verdict.RTE, FailureKind.CORRECTNESS, "Exception")),
        ([{"call": 0}], (0, Verdict.WA, FailureKind.CORRECTNESS, "")),
        ([], (0, Verdict.RTE, FailureKind.CORRECTNESS, "ended before the test did")),
    ],
)  # fmt: skip
def test_calls_are_compared_here(lines: list[object], expected: object) -> None:
    assert outcome(lambda box, argv, stdin: reported(stdin, *lines)) == expected


def test_a_call_may_have_to_raise() -> None:
    problem = calls(replace(shop.CALL, answer='{"$raises": "LookupError"}'))

    def level(line: dict[str, object]) -> int:
        return outcome(lambda box, argv, stdin: reported(stdin, line), problem)[0]

    assert level({"call": 0, "raised": ["KeyError", "LookupError"]}) == 1
    assert level({"call": 0, "raised": ["ValueError"]}) == 0
    assert level(value(0, {"$raises": "LookupError"})) == 0


def test_only_lines_with_the_nonce_count() -> None:
    forged = "".join(f"\n{json.dumps(value(number, [['tea', 4]]))}\n" for number in (0, 1))

    def run(box: FakeBox, argv: Sequence[str], stdin: bytes) -> RunResult:
        honest = reported(stdin, value(0, [["tea", 4]]))
        return replace(honest, stdout=honest.stdout + forged + "\n\x00{[")

    assert outcome(run)[:2] == (1, Verdict.RTE)


@pytest.mark.parametrize(
    ("result", "verdict", "kind", "cause"),
    [
        ({"killed_by": KilledBy.CPU, "exit_status": None, "cpu_s": 24.0}, Verdict.TLE, SLOW, "cpu"),
        ({"killed_by": KilledBy.WALL, "exit_status": None, "cpu_s": 20.0}, Verdict.TLE, SLOW, "wall"),
        ({"oom": True, "exit_status": None}, Verdict.MLE, SLOW, "memory"),
        ({"killed_by": KilledBy.OUTPUT, "exit_status": None}, Verdict.OLE, FailureKind.CORRECTNESS, "output"),
        ({"exit_status": None, "signal": 11}, Verdict.RTE, FailureKind.CORRECTNESS, "signal 11"),
        ({"exit_status": 3}, Verdict.RTE, FailureKind.CORRECTNESS, "ended before the test did"),
    ],
)  # fmt: skip
def test_what_ended_the_run_ends_the_test_at_hand(
    result: dict[str, object], verdict: Verdict, kind: FailureKind, cause: str
) -> None:
    found = outcome(lambda box, argv, stdin: reported(stdin, value(0, [["tea", 4]]), **result))
    assert found == (1, verdict, kind, cause)


def failing(error: SandboxFailedError, times: int, *, patched_only: bool) -> Run:
    """Breaks so many times, always or only where the patch is."""
    left = [times]

    def run(box: FakeBox, argv: Sequence[str], stdin: bytes) -> RunResult:
        patched = "new.py" in box.tree.files
        if left[0] and (patched or not patched_only):
            left[0] -= 1
            raise error
        return reported(stdin, value(0, [["tea", 4]]), value(1, [["tea", 4]]))

    return run


NEW = shop.patch({"new.py": ""})
BROKE = SandboxFailedError("the box is gone")


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (failing(BROKE, 1, patched_only=False), (2, Verdict.AC, None)),
        (failing(BROKE, 99, patched_only=False), (0, None, FailureKind.UNMEASURABLE)),
        (failing(BROKE, 99, patched_only=True), (0, Verdict.RTE, FailureKind.CORRECTNESS)),
        (failing(MachineFullError("full"), 99, patched_only=True), (0, None, FailureKind.UNMEASURABLE)),
    ],
    ids=["once", "always", "by this patch", "full machine"],
)
def test_what_breaks_is_tried_again_and_held_against_the_repository_as_it_is(run: Run, expected: object) -> None:
    found = judged(run, calls(), NEW)
    assert (found.level_reached, found.verdict, found.failure_kind) == expected


def test_a_signal_from_outside_is_no_failure_of_the_patch() -> None:
    killed = {"exit_status": None, "signal": 9}
    assert judged(lambda box, argv, stdin: reported(stdin, **killed), calls()).failure_kind is FailureKind.UNMEASURABLE

    def by_the_patch(box: FakeBox, argv: Sequence[str], stdin: bytes) -> RunResult:
        return reported(stdin, **(killed if "new.py" in box.tree.files else {}))

    assert judged(by_the_patch, calls(), NEW).cause == "signal 9"


def test_a_run_that_waited_for_the_machine_is_repeated() -> None:
    ran: list[None] = []

    def run(box: FakeBox, argv: Sequence[str], stdin: bytes) -> RunResult:
        ran.append(None)
        if len(ran) == 1:
            return reported(stdin, killed_by=KilledBy.WALL, exit_status=None, cpu_s=0.1, wall_s=50.0)
        return reported(stdin, value(0, [["tea", 4]]), value(1, [["tea", 4]]))

    assert outcome(run)[1] is Verdict.AC
    assert len(ran) == 2


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (RunResult(127, stderr="python3: not found"), "no python3"),
        (RunResult(1, stderr="cannot run"), "cannot run"),
    ],
)
def test_an_image_that_cannot_grade_is_no_failure_of_the_patch(result: RunResult, said: str) -> None:
    found = judged(lambda box, argv, stdin: result, calls())
    assert found.failure_kind is FailureKind.UNMEASURABLE
    assert said in found.error


def test_an_image_without_pytest_is_told() -> None:
    found = judged(lambda box, argv, stdin: reported(stdin, {"lacks": "pytest"}), shop.shop(shop.NODES[0]))
    assert "no pytest" in found.error


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("no patch at all", ""),
        (diff({"other": File(b"a\n")}, {"other": File(b"b\n")}), "other"),
        ("--- a/../x\n+++ b/../x\n@@ -0,0 +1 @@\n+a\n", ""),
    ],
)
def test_a_patch_that_does_not_fit_is_the_programs_failure(patch: str, said: str) -> None:
    found = judged(lambda box, argv, stdin: reported(stdin), calls(), patch)
    assert (found.verdict, found.failure_kind) == (Verdict.CE, FailureKind.CORRECTNESS)
    assert said in found.cause


def test_what_is_no_patch_is_refused() -> None:
    def run(box: FakeBox, argv: Sequence[str], stdin: bytes) -> RunResult:
        raise AssertionError

    program = judged(run, calls(), Submission.of("print()"))
    assert (program.verdict, program.cause) == (Verdict.CE, "the problem takes a patch, not python3")
    assert judged(run, calls(), None).cause == "no program"


def test_without_boxes_and_with_a_shared_verifier_a_line_says_what_to_do() -> None:
    with (
        Judge(NO_SANDBOX) as judge,
        pytest.raises(ProblemError, match="boxes="),
    ):
        judge.judge(calls(), "")
    shared = script(VerifierKind.SHARED_SCRIPT)
    found = judged(rewarding(json_text='{"reward": 1}'), shared)
    assert found.failure_kind is FailureKind.UNMEASURABLE
    assert "--allow-shared-verifier" in found.error
    found = judged(rewarding(json_text='{"reward": 1}'), shared, allow_shared_verifier=True)
    assert (found.verdict, found.shared_verifier) == (Verdict.AC, True)


def repository(**more: Any) -> Repository:
    given = shop.shop().repository
    assert given is not None
    return replace(given, **more)


@pytest.mark.parametrize(
    ("more", "path", "counts"),
    [
        ({}, "src/shop/new.py", True),
        ({}, "src/shop/conftest.py", False),
        ({}, "deep/.git/config", False),
        ({}, ".git/hooks/pre-commit", False),
        ({}, "a.pth", False),
        ({}, "tests/test_sums.py", False),
        ({}, "pyproject.toml", True),
        ({"editable": ("src/*",)}, "README.md", False),
        ({"editable": ("src/*",)}, "src/shop/new.py", True),
        ({"verifier": Verifier(VerifierKind.PROJECT_TESTS)}, "pyproject.toml", False),
        ({"verifier": Verifier(VerifierKind.PROJECT_TESTS)}, "tests/helpers.py", False),
        ({"verifier": Verifier(VerifierKind.PROJECT_TESTS)}, "evil.dist-info/entry_points.txt", False),
    ],
)
def test_only_what_may_be_changed_is_graded(more: dict[str, Any], path: str, counts: bool) -> None:
    tree = graded_tree(repository(**more), shop.TREE, shop.patch({path: "changed"}))
    assert (tree.get(path) == File(b"changed")) is counts
    if not counts:
        assert tree.get(path) == shop.TREE.get(path)


def test_what_is_removed_is_gone_where_it_may_be() -> None:
    patch = shop.patch({}, gone=("README.md", "tests/test_shop.py"))
    assert graded_tree(repository(editable=("README.md",)), shop.TREE, patch).keys() == shop.TREE.keys() - {"README.md"}


def test_a_change_never_makes_a_folder_of_a_file_that_stays() -> None:
    rest = {path: file for path, file in shop.TREE.items() if path != "pyproject.toml"}
    patch = diff(shop.TREE, {**rest, "pyproject.toml/a": File(b"")})
    tree = graded_tree(repository(protected=("pyproject.toml",)), shop.TREE, patch)
    assert tree == shop.TREE
    with pytest.raises(PatchError):
        graded_tree(repository(), shop.TREE, "what is this")


def script(kind: VerifierKind = VerifierKind.SCRIPT, *names: str) -> Problem:
    files = {"test.sh": File(b"exit 0\n", True)}
    verifier = Verifier(
        kind,
        files,
        command=("bash", "/tests/test.sh"),
        artifacts=("/logs/artifacts/model.patch",),
        collect=("collect",),
    )
    tests = [Test(level, "", "", name=name) for level, name in enumerate(names or ("reward",), 1)]
    return shop.shop(*tests, performance=False, verifier=verifier)


def rewarding(json_text: str | None = None, text: str | None = None, status: int = 0, **result: Any) -> Run:
    def run(box: FakeBox, argv: Sequence[str], stdin: bytes) -> RunResult:
        if argv[0] == "tar":
            return RunResult(0, stdout=as_text(archive()))
        if argv[0] == "bash":
            for path, content in (("reward.json", json_text), ("reward.txt", text)):
                box.files.pop(f"/logs/verifier/{path}", None)
                if content is not None:
                    box.files[f"/logs/verifier/{path}"] = content.encode()
            return RunResult(**{"exit_status": status, **result})
        return RunResult(0)

    return run


def archive() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as opened:
        for name, kind in (
            ("logs/artifacts/model.patch", tarfile.REGTYPE),
            ("../etc/x", tarfile.REGTYPE),
            ("link", tarfile.SYMTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            member.size = 5 if kind == tarfile.REGTYPE else 0
            opened.addfile(member, io.BytesIO(b"hello"))
    return made.getvalue()


@pytest.mark.parametrize(
    ("json_text", "text", "passes"),
    [
        ('{"reward": 1}', "0", True),
        ('{"reward": 0.5}', "1", False),
        (None, "1", True),
        (None, " 1.0\n", True),
        (None, "0", False),
        (None, None, False),
        (None, "nan", False),
        (None, "inf", False),
        ('{"reward": Infinity}', None, False),
        ('{"reward": true}', None, False),
        ('{"accuracy": 1}', None, True),
        ('{"accuracy": 1, "style": 1}', None, False),
        ("1", None, True),
        ("not json", "1", False),
        ("[" * 100_000, None, False),
    ],
)
def test_rewards_are_finite_numbers_and_json_beats_text(json_text: str | None, text: str | None, passes: bool) -> None:
    found = judged(rewarding(json_text, text, status=3), script())
    assert (found.level_reached, found.solved) == (int(passes), passes)
    if not passes:
        assert (found.verdict, found.cause) in ((Verdict.WA, ""), (Verdict.RTE, "no reward"))


def test_a_script_may_reward_level_by_level() -> None:
    found = judged(
        rewarding('{"reward": 0, "level_1": 1, "level_2": 0}'), script(VerifierKind.SCRIPT, "level_1", "level_2")
    )
    assert (found.level_reached, [test.name for test in found.tests]) == (1, ["level_1", "level_2"])


def test_a_script_that_runs_out_of_time_is_too_slow() -> None:
    found = judged(rewarding(killed_by=KilledBy.CPU, exit_status=None, cpu_s=30.0), script())
    assert (found.verdict, found.failure_kind) == (Verdict.TLE, FailureKind.CORRECTNESS)


def test_a_separate_verifier_sees_the_artifacts_alone() -> None:
    boxes = FakeBoxes(rewarding('{"reward": 1}'))
    given: Boxes = boxes
    with Judge(NO_SANDBOX, boxes=given) as judge:
        assert judge.judge(script(), NEW).solved
    worked, verified = boxes.opened
    assert "new.py" in worked.tree.files
    assert "/tests/test.sh" not in worked.files
    assert verified.tree.files == shop.TREE
    assert verified.files["/logs/artifacts/model.patch"] == b"hello"
    assert not any("etc" in path for path in verified.files)


def paired(
    gold: Sequence[float], candidate: Sequence[float], printed: str = "1", **result: Any
) -> tuple[PairedTimes, list[FakeBox]]:
    """Times of a gold patch and a candidate, of which the last is repeated."""
    times = {"gold": list(gold), "candidate": list(candidate)}
    opened: list[FakeBox] = []

    def run(box: FakeBox, argv: Sequence[str], stdin: bytes) -> RunResult:
        if argv[-1] == "pass":
            return RunResult(0, cpu_s=0.02)
        side = "gold" if box.tree.files else "candidate"
        cpu_s = 0.02 + (times[side].pop(0) if len(times[side]) > 1 else times[side][0])
        if cpu_s > box.limits[-1].cpu_s:
            return RunResult(None, 9, cpu_s=box.limits[-1].cpu_s, killed_by=KilledBy.CPU)
        said = "1" if side == "gold" else printed
        return RunResult(**{"exit_status": 0, "stdout": said, "cpu_s": cpu_s, **(result if side != "gold" else {})})

    def make(tree: Workspace) -> FakeBox:
        opened.append(FakeBox(run))
        opened[-1].restore(tree)
        return opened[-1]

    return PairedTimes(Performance(("python3", "bench.py")), make, Limits(cpu_s=20.0), {}), opened


GOLD_TREE, TREE = Workspace(shop.TREE), Workspace()


@pytest.mark.parametrize(
    ("gold", "candidate", "ratio", "pairs"),
    [
        ([0.1], [0.1], 1.0, 3),
        ([0.1], [0.18], 1.8, 7),
        ([0.1], [0.35], 3.5, 3),
        ([0.1, 0.1, 0.15, 0.1], [0.16], 1.6, 7),
        ([0.1], [5.0], 7.0, 1),
    ],
)  # fmt: skip
def test_ratios_without_the_time_of_starting(
    gold: list[float], candidate: list[float], ratio: float, pairs: int
) -> None:
    times, opened = paired(gold, candidate)
    found = times.measure(GOLD_TREE, TREE)
    assert found.ratio == pytest.approx(ratio)
    assert len(found.ratios) == pairs
    assert len(opened) == 1 + pairs, "the candidate has a fresh box for every run"


def test_other_output_and_failures_are_told() -> None:
    assert not paired([0.1], [0.1], printed="2")[0].measure(GOLD_TREE, TREE).same
    for ended in (
        {"exit_status": 1},
        {"exit_status": None, "oom": True},
        {"exit_status": None, "killed_by": KilledBy.OUTPUT},
        {"exit_status": None, "killed_by": KilledBy.WALL},
    ):
        assert paired([0.1], [0.1], **ended)[0].measure(GOLD_TREE, TREE).failed
    assert paired([15.0], [19.0], exit_status=None, killed_by=KilledBy.CPU)[0].measure(GOLD_TREE, TREE).failed
    assert not paired([0.1], [0.1])[0].measure(GOLD_TREE, TREE).failed


def test_a_gold_patch_whose_times_differ_is_no_measure_unless_they_agree_later() -> None:
    with pytest.raises(UnmeasuredError, match="factor of 2"):
        paired([0.1, 0.2] * 14, [0.1])[0].measure(GOLD_TREE, TREE)
    assert paired([0.1, 0.2] * 3 + [0.1], [0.1])[0].measure(GOLD_TREE, TREE).ratio == pytest.approx(1.0)


def test_one_disturbed_time_of_many_does_not_count() -> None:
    found = paired([0.1, 0.3, 0.1], [0.1])[0].measure(GOLD_TREE, TREE)
    assert len(found.ratios) == 5


TIMED = TestRecord(0, "performance", "", 1, False, 0.0, 0.0, 20.0, exit_status=0, checked=True, allowed_ratio=2.0)


def test_a_ratio_near_what_is_allowed_is_borderline() -> None:
    def found(ratio: float) -> JudgeReport:
        record = SubmissionRecord("p", "", "patch")
        test = replace(TIMED, ratio=ratio)
        return report(replace(record, tests=(test,)), 20.0)

    assert [found(ratio).verdict for ratio in (1.0, 1.99, 2.01, 5.0)] == [
        Verdict.AC,
        Verdict.AC,
        Verdict.TLE,
        Verdict.TLE,
    ]
    assert [found(ratio).borderline for ratio in (1.0, 1.99, 2.01, 5.0)] == [False, True, True, False]
    assert found(1.5).tests[0].ratio == 1.5


ALL = (value(0, [["tea", 4]]), value(1, [["tea", 4]]))


@pytest.mark.parametrize(
    ("run", "patch", "expected"),
    [
        (lambda box, argv, stdin: reported(stdin, *ALL), "", Resolution.RESOLVED),
        (lambda box, argv, stdin: reported(stdin, ALL[0]), "", Resolution.UNRESOLVED),
        (lambda box, argv, stdin: reported(stdin, *ALL), "not a patch", Resolution.ERROR),
        (
            lambda box, argv, stdin: reported(stdin, ALL[0], killed_by=KilledBy.CPU, exit_status=None),
            "",
            Resolution.ERROR,
        ),
        (failing(BROKE, 99, patched_only=False), "", Resolution.ERROR),
    ],
    ids=["resolved", "unresolved", "does not apply", "out of time", "machinery"],
)
def test_the_rule_of_swe_bench(run: Run, patch: str, expected: Resolution) -> None:
    assert resolution(judged(run, calls(), patch)) is expected
