"""What is kept of a judgement: enough to recompute its verdict at other limits, coverages and checkers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from alphadial.envs.types import KilledBy

VERSION = 2
"""The version of the JSON form."""
KEPT_BYTES = 1024 * 1024
"""Longer outputs are not kept."""


@dataclass(frozen=True, slots=True)
class TestRecord:
    """How a program did on one test."""

    __test__ = False  # not a pytest class

    index: int
    """Position in ``Problem.tests``."""
    name: str
    group: str
    level: int
    public: bool
    cpu_s: float
    """CPU seconds of the whole process tree; the least of ``runs``."""
    wall_s: float
    allowed_s: float
    """CPU seconds after which it was stopped: its true time is known up to here."""
    runs: tuple[float, ...] = ()
    """CPU seconds of every run, in order: the first, then those alone, where that one came near the limit."""
    contended: bool = False
    """It waited for the CPU, or slept, or only ran beside others: its CPU time may be longer than it had to be."""
    uncounted_s: float = 0.0
    """CPU seconds that may have been used beside, in processes too short to be seen; 0 where a cgroup counts them."""
    steps: int | None = None
    """Ticks used; None where the problem limits none."""
    peak_bytes: int | None = None
    exit_status: int | None = None
    signal: int | None = None
    killed_by: KilledBy | None = None
    oom: bool = False
    output: str | None = None
    """stdout; None where it is the answer itself (``output_sha256`` is the answer's), or was too long to keep. Of a
    call the JSON of what the function returned, where that is wrong."""
    output_bytes: int = 0
    output_sha256: str = ""
    stderr: str = ""
    """The end of stderr; for a call the error in one line, which quotes nothing of a hidden test."""
    checked: bool | None = None
    """Whether the output, or what the function returned, is right; None where the program did not end well."""
    message: str = ""
    """The beginning of the validator's message to the judges (judgemessage.txt)."""
    remark: str = ""
    """The end of what the validator wrote to its stdout and stderr."""
    error: str = ""
    """Why our side cannot say, in one line that names the file at fault; "" where it can."""
    ratio: float | None = None
    """CPU time divided by the gold patch's, which decides in place of ``cpu_s``; None but in tests of performance."""
    allowed_ratio: float = 0.0
    """The largest ``ratio`` that passes where the time limit is ``allowed_s``; it grows in proportion to it."""


@dataclass(frozen=True, slots=True)
class TestRef:
    """The place of a test that did not run in its problem."""

    __test__ = False  # not a pytest class

    group: str
    level: int
    public: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class SubmissionRecord:
    """All runs of one submission. ``to_json`` and ``from_json`` are inverse."""

    problem: str
    submission: str
    """Its name; "" where it has none."""
    language: str
    expected: str | None = None
    compile_error: str | None = None
    """The compiler's message; None: it compiled."""
    compile_s: float = 0.0
    tests: tuple[TestRecord, ...] = ()
    """The tests that ran, in that order; fewer than the problem has where the judge stopped after a failing one."""
    unrun: tuple[TestRef, ...] = ()
    """The tests that did not run, in order."""
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """See ``Problem``."""
    error: str = ""
    """Why nothing could be judged (no compiler, the sandbox fails), in one line."""
    wall_s: float = 0.0
    """Wall seconds that judging took."""
    extra_s: float = 0.0
    """The part of it that came after the first failing test: for other groups, and until the label was decided."""
    counted_by: str = ""
    """See ``Protection``."""
    by_steps: bool = False
    """The problem limits steps, which decide in place of times."""

    @property
    def complete(self) -> bool:
        """Every test of the problem ran."""
        return not self.unrun

    @property
    def levels(self) -> int:
        """The highest level of any test."""
        return max((place.level for place in self.places), default=0)

    @property
    def places(self) -> list[TestRecord | TestRef]:
        """All tests of the problem, in the order in which they count."""
        return sorted([*self.tests, *self.unrun], key=lambda place: (place.level, not place.public))

    @property
    def slowest_s(self) -> float:
        """CPU seconds of the slowest test that ran."""
        return max((test.cpu_s for test in self.tests), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SubmissionRecord:
        """The record that ``to_json`` was called on.

        Raises:
            ValueError: another version, or not such a record.
        """
        fields = dict(values)
        if fields.pop("version", None) != VERSION:
            raise ValueError(f"not a judging record of version {VERSION}")
        try:
            tests = tuple(_test(test) for test in fields.pop("tests"))
            unrun = tuple(TestRef(**place) for place in fields.pop("unrun"))
            requires = {group: tuple(needed) for group, needed in fields.pop("requires", {}).items()}
            return cls(**fields, tests=tests, unrun=unrun, requires=requires)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a judging record: {error}") from None


def _test(values: Mapping[str, Any]) -> TestRecord:
    fields = dict(values)
    killed_by = fields.pop("killed_by")
    runs = tuple(fields.pop("runs"))
    return TestRecord(**fields, runs=runs, killed_by=None if killed_by is None else KilledBy(killed_by))
