"""What is kept of a judgement: enough to recompute its verdict at other limits, coverages and checkers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from alphadial.envs.types import FailureKind, KilledBy, Verdict

VERSION = 1
"""Of the JSON form."""


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
    """Of the whole process tree; the least of ``runs``."""
    wall_s: float
    allowed_s: float
    """CPU seconds after which it was stopped: its true time is known up to here."""
    runs: tuple[float, ...] = ()
    """CPU seconds of every run, in order: the first, then those alone, where that one came near the limit."""
    contended: bool = False
    """It waited for the CPU, or slept, or only ran beside others: its CPU time may be longer than it had to be."""
    uncounted_s: float = 0.0
    """CPU seconds that may have been used beside, in processes too short to be seen; 0 where a cgroup counts them."""
    peak_bytes: int | None = None
    exit_status: int | None = None
    signal: int | None = None
    killed_by: KilledBy | None = None
    oom: bool = False
    output: str | None = None
    """stdout; None where it is the answer itself (``output_sha256`` is the answer's), or was too long to keep."""
    output_bytes: int = 0
    output_sha256: str = ""
    stderr: str = ""
    """Its end."""
    checked: bool | None = None
    """Whether the output is right; None where the program did not end well."""
    message: str = ""
    """The validator's to the judges (judgemessage.txt): its beginning."""
    remark: str = ""
    """What the validator wrote beside: the end of its output."""
    error: str = ""
    """Why our side cannot say, in one line that names the file at fault; "" where it can."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its problem a test stands."""

    group: str
    level: int
    public: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class SolutionRecord:
    """All runs of one solution. ``to_json`` and ``from_json`` are inverse."""

    problem: str
    solution: str
    language: str
    expected: str | None = None
    compile_error: str | None = None
    """The compiler's message; None: it compiled."""
    compile_s: float = 0.0
    tests: tuple[TestRecord, ...] = ()
    """In the order in which they ran; fewer than the problem has where the judge stopped after a failing one."""
    unrun: tuple[Place, ...] = ()
    """The tests that did not run, in order."""
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """See ``Problem``."""
    error: str = ""
    """Why nothing could be judged (no compiler, the sandbox fails), in one line."""
    wall_s: float = 0.0
    """That judging took."""
    extra_s: float = 0.0
    """Of it, what came after the first failing test: for other groups, and until the label was decided."""
    counted_by: str = ""
    """See ``Protection``; "" in records that are older than this field."""

    @property
    def complete(self) -> bool:
        """Every test of the problem ran."""
        return not self.unrun

    @property
    def levels(self) -> int:
        """The highest level of any test."""
        return max((place.level for place in self.places), default=0)

    @property
    def places(self) -> list[TestRecord | Place]:
        """All tests of the problem, in the order in which they count."""
        return sorted([*self.tests, *self.unrun], key=lambda place: (place.level, not place.public))

    @property
    def cpu_s(self) -> float:
        """Of the slowest test that ran."""
        return max((test.cpu_s for test in self.tests), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SolutionRecord:
        """From what ``to_json`` gave.

        Raises:
            ValueError: another version, or not such a record.
        """
        fields = dict(values)
        if fields.pop("version", None) != VERSION:
            raise ValueError(f"not a judging record of version {VERSION}")
        try:
            tests = tuple(_test(test) for test in fields.pop("tests"))
            unrun = tuple(Place(**place) for place in fields.pop("unrun"))
            requires = {group: tuple(needed) for group, needed in fields.pop("requires", {}).items()}
            return cls(**fields, tests=tests, unrun=unrun, requires=requires)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a judging record: {error}") from None


@dataclass(frozen=True, slots=True)
class SolutionReport:
    """The verdict on a record at one limit and coverage. Only the tests of the record may quote a test, in what a
    program or a validator wrote.
    """

    verdict: Verdict | None
    """None: our side cannot say; ``judge_error`` tells why."""
    groups: dict[str, Verdict | None]
    """Every group, and every folder of groups, to its verdict, by its own tests and those of the groups that it
    requires; None where too few of them ran."""
    level_reached: int
    """The highest level whose tests, and all before it, passed; 0 if none."""
    failure_kind: FailureKind | None
    """None when solved."""
    borderline: bool
    """A time near the limit decides (see ``verdicts.around``): to be left out of claims."""
    cause: str
    """For TLE: "cpu" or "wall"; for CE the message; for RTE the signal or status; the checker's or "" otherwise."""
    limit_s: float
    public_verdict: Verdict | None
    """Of the public tests alone."""
    judge_error: str
    """"" where there is none."""
    first_failure: TestRecord | None
    """The first test that decides against it, if one ran."""
    record: SolutionRecord

    @property
    def solved(self) -> bool:
        """Every test of the coverage passed."""
        return self.verdict is Verdict.AC

    @property
    def cpu_s(self) -> float:
        """Of the slowest test that ran."""
        return self.record.cpu_s


def _test(values: Mapping[str, Any]) -> TestRecord:
    fields = dict(values)
    killed_by = fields.pop("killed_by")
    runs = tuple(fields.pop("runs"))
    return TestRecord(**fields, runs=runs, killed_by=None if killed_by is None else KilledBy(killed_by))
