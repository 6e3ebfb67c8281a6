"""What labels of submissions mean: the verdicts on single tests that they permit and require.

Source: Kattis problem package format, "Example submissions". In the legacy format the folders of ``submissions/`` are a
fixed table; in 2025-09 ("Default directories") they are defaults, which ``submissions.yaml`` overrides and adds to. The
format knows AC, WA, TLE and RTE: here its WA includes output beyond the limit, its RTE memory beyond the limit.
"""

from __future__ import annotations

from alphadial.envs.labelled import Expectation, LabelledSubmission
from alphadial.envs.types import Verdict

FORMAT_VERDICTS = {
    "AC": (Verdict.AC,),
    "WA": (Verdict.WA, Verdict.OLE),
    "TLE": (Verdict.TLE,),
    "RTE": (Verdict.RTE, Verdict.MLE),
}
"""The verdicts of the package format in the judge's own."""
ACCEPTED, PARTLY = "accepted", "partially_accepted"
_AC, _WA, _TLE, _RTE = FORMAT_VERDICTS.values()
_FAILING = tuple(verdict for verdict in Verdict if verdict is not Verdict.AC)
_REJECTED = Expectation(required=_FAILING)
_BRUTE_FORCE = Expectation(permitted=_AC + _RTE + _TLE, required=_RTE + _TLE)

FOLDERS = {
    ACCEPTED: Expectation(permitted=_AC),
    "rejected": _REJECTED,
    "wrong_answer": Expectation(permitted=_AC + _WA, required=_WA),
    "time_limit_exceeded": Expectation(permitted=_AC + _TLE, required=_TLE),
    "run_time_error": Expectation(permitted=_AC + _RTE, required=_RTE),
    "brute_force": _BRUTE_FORCE,
}
"""The default directories of 2025-09."""
LEGACY_FOLDERS = {
    ACCEPTED: Expectation(permitted=_AC),
    PARTLY: Expectation(required=_FAILING, bounds_limit=False),
    # "Wrong answer for some test case, but is not too slow and does not crash for any test case."
    "wrong_answer": Expectation(permitted=_AC + _WA, required=_WA, bounds_limit=False),
    # "Too slow for some test case. May also give wrong answer but not crash for any test case."
    "time_limit_exceeded": Expectation(permitted=_AC + _WA + _TLE, required=_TLE),
    # "Crashes for some test case."
    "run_time_error": Expectation(required=_RTE, bounds_limit=False),
    # Not of the legacy format, but in many packages of it.
    "rejected": _REJECTED,
    "brute_force": _BRUTE_FORCE,
}
"""The directories of the legacy format. Whether a score is less than the best, ``partially_accepted`` in full, shows in
the groups alone: see ``partly``."""
_VERDICTS = {
    "memory_limit_exceeded": Verdict.MLE,
    "output_limit_exceeded": Verdict.OLE,
    "compile_error": Verdict.CE,
} | {verdict.value: verdict for verdict in Verdict}
LABELS = frozenset(LEGACY_FOLDERS) | frozenset(_VERDICTS)
"""What submissions may be expected to be: directories of ``submissions/`` in Kattis packages, and verdicts."""


def meaning(label: str | None) -> tuple[Expectation, ...]:
    """What a label asks for where nothing else is said: a directory of the legacy format, or the verdict of the whole.

    Returns:
        Nothing where there is no label, or an unknown one.
    """
    if label in LEGACY_FOLDERS:
        return (LEGACY_FOLDERS[label],)
    verdict = _VERDICTS.get(label or "")
    return () if verdict is None else (Expectation(permitted=(verdict,), first_failure=True),)


def partly(groups: tuple[str, ...]) -> Expectation:
    """``partially_accepted``: some test fails, and some group passes: scores are not counted, these are what they need.

    Args:
        groups: of hidden tests; without any, that some test fails is all that can be asked.
    """
    return Expectation(required=_FAILING, passing=groups, bounds_limit=False)


def graded(verdict: Verdict, tests: tuple[str, ...]) -> Expectation:
    """The verdict of a group of tests is that one."""
    return Expectation(permitted=FORMAT_VERDICTS.get(verdict, (verdict,)), tests=tests, first_failure=True)


def expectations_of(labelled: LabelledSubmission) -> tuple[Expectation, ...]:
    """All that the label of a submission asks for."""
    return labelled.expectations or meaning(labelled.expected)


def bounding(labelled: LabelledSubmission) -> list[Expectation]:
    """The expectations by which a time limit must leave the submission time: on some tests it may not be too slow.

    Source: 2025-09, "Timelimit inference".
    """
    return [
        each
        for each in expectations_of(labelled)
        if each.bounds_limit and not each.first_failure and Verdict.TLE not in each.permitted
    ]
