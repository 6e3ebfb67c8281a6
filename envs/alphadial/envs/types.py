"""The words of judging: problems, tests, limits, verdicts and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .kinds import FailureKind as FailureKind
from .kinds import KilledBy as KilledBy
from .kinds import Verdict as Verdict
from .raw import readable
from .repository import Repository as Repository
from .submissions import PATCH as PATCH
from .submissions import Submission as Submission
from .units import MIB as MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use. All sizes in bytes, all times in seconds."""

    cpu_s: float = 2.0
    """CPU time of the whole process tree, per run (Sandbox.run) or per call (Program.call)."""
    wall_s: float = 10.0
    """Wall time; a bound against sleeping, never the measure."""
    memory_bytes: int = 256 * MIB
    output_bytes: int = 1 * MIB
    """stdout and stderr together."""
    files_bytes: int = 16 * MIB
    """Size of the private tmpfs, and of any one file in it."""
    processes: int = 32
    steps: int | None = None
    """Ticks of loops, comprehensions and calls, per call, in the restricted language; None: full Python, CPU time."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How one run (or one call of a warm program) ended. Every field describes the program, none our machinery."""

    exit_status: int | None
    """None while the program lives on (a warm call that answered), or when a signal ended it."""
    signal: int | None = None
    stdout: str = ""
    """Text from ``raw.as_text``, so that ``raw.as_bytes`` gives back the bytes; cut at the output limit."""
    stderr: str = ""
    """Undecodable bytes are replaced."""
    cpu_s: float = 0.0
    uncounted_s: float = 0.0
    """CPU seconds that its processes may have used beside, where no cgroup counts them: see ``sandbox/usage.py``."""
    wall_s: float = 0.0
    peak_bytes: int | None = None
    """Bytes that the process tree held at most; without a cgroup as far as was seen. None: nothing measures it."""
    oom: bool = False
    """The memory limit was hit: an OOM kill in the cgroup, more than it seen without one, or a refused allocation."""
    killed_by: KilledBy | None = None
    steps: int | None = None
    """Ticks used by this call; None without a step limit."""
    compile_error: str | None = None
    """The message, when the source did not compile or left the allowed language."""
    error: str | None = None
    """One line on an uncaught exception ("IndexError: list index out of range")."""

    @property
    def answered(self) -> bool:
        """The call returned an answer (warm programs)."""
        return (
            self.exit_status is None
            and self.signal is None
            and self.killed_by is None
            and not self.oom
            and self.compile_error is None
            and self.error is None
        )

    @property
    def words(self) -> str:
        """What it said on stderr, or else on stdout, as text for a message."""
        return self.stderr.strip() or readable(self.stdout).strip()

    @property
    def waited(self) -> bool:
        """The wall clock stopped it after little CPU time: it may have waited for the machine."""
        return self.killed_by is KilledBy.WALL and self.cpu_s < 0.5 * self.wall_s

    @property
    def unexplained_kill(self) -> bool:
        """SIGKILL or SIGTERM ended it although it hit no limit: it sent that to itself, or someone outside sent it.

        Those are the two by which people and services end processes, first the second, then the first.
        """
        return self.signal in (9, 15) and self.killed_by is None and not self.oom


@dataclass(frozen=True, slots=True)
class Test:
    """One test. Its answer never enters the candidate's sandbox."""

    __test__ = False  # not a pytest class

    level: int
    """1-based; levels are nested: coverage at level 3 means all tests of levels 1, 2 and 3."""
    input: str
    """A JSON array, the arguments of one call; under ``Interface.STDIO`` the text of stdin."""
    answer: str
    """JSON of the expected return value; under ``Interface.STDIO`` the text that the checker compares stdout with."""
    public: bool = False
    name: str = ""
    """The test's name in the package that it comes from."""
    group: str = ""
    """The group of tests that get a verdict together, such as "secret/small"; "" where a format has no groups."""
    checker: Checker | None = None
    """The checker of this test; None: the problem's."""
    arguments: tuple[str, ...] | None = None
    """Arguments for the problem's validator, in place of its own ones."""
    check: str = ""
    """Python that asserts something of the function, in place of one call: it passes where it raises nothing. It runs
    in a sandbox of its own, and calls the program in the other. ``input`` and ``answer`` only show it to people."""


class Interface(StrEnum):
    """How tests speak to a program."""

    CALL = "call"
    """They call ``Problem.entry``, in Python."""
    STDIO = "stdio"
    """stdin in, stdout out, in any language."""
    REPOSITORY = "repository"
    """Tests of a code base, whose submission is a patch: see ``Problem.repository``."""


class Rule(StrEnum):
    """A way of comparing, by its origin: ``judging.graders`` compares outputs, ``judging.equality`` values of calls."""

    KATTIS = "kattis"
    """The default output validator, with its flags; values that calls return are compared as JSON."""
    LIVECODEBENCH = "livecodebench"
    APPS = "apps"
    """The way of APPS, and of TACO."""
    CODECONTESTS = "codecontests"


@dataclass(frozen=True, slots=True)
class Checker:
    """The default checker: tokens, compared one by one (Kattis problem package format 2025-09, "Default output
    validator"). The values that calls return are equal, or numbers within the tolerances.
    """

    float_absolute: float | None = None
    """Tolerance of numbers; None: numbers are compared as text."""
    float_relative: float | None = None
    case_sensitive: bool = False
    space_sensitive: bool = False
    """White space counts too."""
    rule: Rule = Rule.KATTIS
    """The way of comparing; under any but Kattis's the flags above say nothing."""


@dataclass(frozen=True, slots=True)
class Validator:
    """A custom output validator: a program that ends with 42 to accept and with 43 to reject."""

    language: str
    files: dict[str, str]
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with nested tests, in order of level."""

    id: str
    template: str = ""
    """Problems made alike, by which intervals are clustered; its id where it is made like no other."""
    group: str = ""
    """Which part of its split it belongs to ("late", "early"); "" where a set has no groups."""
    statement: str = ""
    """In natural language, for general models."""
    prompt: str = ""
    """The compact form that the shipped tiny model reads; "" where a set has none."""
    entry: str = ""
    """Name of the function that the tests call."""
    tests: tuple[Test, ...] = ()
    limits: Limits = Limits()
    coverages: dict[str, int] = field(default_factory=dict)
    """Named coverages: the highest level that each requires, as ``{"low": 2, "mid": 3, "high": 4}``."""
    interface: Interface = Interface.CALL
    checker: Checker = Checker()
    """How stdout, or the value of a call, is compared with the answer."""
    validator: Validator | None = None
    """A validator that decides in place of the checker; None: the checker does."""
    time_limit_s: float | None = None
    """CPU seconds per test; None: to be calibrated, but for calls, where ``limits.cpu_s`` holds then. ``limits`` bounds
    all else."""
    requires: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Group of tests to the groups without which it does not pass."""
    continues: tuple[str, ...] = ()
    """Folders of tests that are judged on after one of their groups or tests has failed, "" for the one of all; the
    others end there."""
    files: dict[str, str] = field(default_factory=dict)
    """What an agentic workspace holds at first, beside the statement: relative path to text."""
    starter: dict[str, str] = field(default_factory=dict)
    """Language to the code that a program in it begins with, where the problem gives some."""
    input_rules: str = ""
    """What the input looks like, where the problem states it apart from its statement."""
    output_rules: str = ""
    """What the output must look like, likewise."""
    languages: tuple[str, ...] = ()
    """Languages that a program may be in, those of Python by the name of the interpreter that runs them; empty: all
    that the judge knows, and for tests that call a function Python."""
    repository: Repository | None = None
    """The code base, under ``Interface.REPOSITORY``."""
    features: Mapping[str, float | str] = field(default_factory=dict)
    """What is known of it beside its statement, for controllers and never for policies: ``difficulty``, ``platform``,
    ``rating``, ``date`` (days since 1970), ``tags``, and whatever else a set of one's own states. Absent: unknown."""

    def __post_init__(self) -> None:
        if not self.template:
            object.__setattr__(self, "template", self.id)

    @property
    def levels(self) -> int:
        """The highest level of any test."""
        return max(test.level for test in self.tests)


class Setting(StrEnum):
    """How an attempt may go about a problem."""

    REASONING = "reasoning"
    """Answer once."""
    TOOLS = "tools"
    """Run programs on the public tests, answer again, up to so many turns."""
    AGENTIC = "agentic"
    """A workspace with shell, file view and edit, run and submit."""


DEFAULT_TURNS = {Setting.REASONING: 1, Setting.TOOLS: 3, Setting.AGENTIC: 20}
"""Answers per attempt. With tools three are compute-optimal in arXiv 2410.08105."""


class EndReason(StrEnum):
    """How an attempt ended."""

    SUBMITTED = "submitted"
    """A program was handed in and judged."""
    NO_PROGRAM = "no program"
    """The only answer held no program."""
    TURNS = "turns"
    """Every turn was spent, and nothing was submitted."""
    CONTEXT = "context"
    """The chat, or the problem itself, did not fit the model's context."""
    POLICY = "policy"
    """An answer of the model or its server could not be used."""
    MACHINERY = "machinery"
    """Ours failed twice: nothing was measured."""


class Feedback(StrEnum):
    """What a tool says of a program within an attempt."""

    PUBLIC = "public"
    """The public tests alone."""
    JUDGE = "judge"
    """The judge's verdict at the coverage asked for: for studies, since no user has such a judge."""


TOOL_LIMITS = Limits(cpu_s=10.0, wall_s=30.0, memory_bytes=1024 * MIB, files_bytes=64 * MIB, processes=128)
"""What one tool call may use by default: there is room for the compilers of every language."""
BOX_TOOL_LIMITS = Limits(cpu_s=240.0, wall_s=300.0)
"""What one tool call in a repository may use by default: its own tests may take a while. The problem always says how
much memory, how many bytes of files and how many processes it may use."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one attempt is allowed."""

    setting: Setting = Setting.REASONING
    max_turns: int = 1
    """Answers of the policy; an attempt that has not submitted by then is truncated."""
    feedback: Feedback = Feedback.PUBLIC
    coverage: str | None = None
    """The named coverage that the reward requires; None: every level."""
    tool_limits: Limits | None = None
    """What one tool call may use; None: ``TOOL_LIMITS``, or in a repository ``BOX_TOOL_LIMITS``."""
    language: str | None = None
    """The program's language, by its name in ``alphadial.envs.languages``; None: the policy chooses."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """The verdict of one test that ran."""

    __test__ = False  # not a pytest class

    level: int
    verdict: Verdict | None
    """None where our machinery cannot say."""
    steps: int | None
    cpu_s: float
    uncounted_s: float = 0.0
    """See ``RunResult``."""
    wall_s: float = 0.0
    peak_bytes: int | None = None
    name: str = ""
    group: str = ""
    ratio: float | None = None
    """CPU time divided by the gold patch's; None but in tests of performance."""


@dataclass(frozen=True, slots=True)
class PublicResult:
    """How a program did on one public test."""

    test: Test
    verdict: Verdict
    cause: str
    """See ``JudgeReport``; for RTE the last line that the program wrote to stderr, where it wrote one."""
    got: str
    """JSON of what the function returned, "" where it returned nothing; or what the program wrote to stdout."""


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that a program failed, in words for people: long texts are cut in the middle."""

    test: str
    """Its name, or its position in the problem."""
    input: str
    """The call in Python, such as "f([1, 2], 3)", or its assertions, or what the program read from stdin."""
    expected: str
    """The value in Python, or the right output; "" for assertions."""
    got: str
    """What came in its place; "" for nothing, or for what was too long to keep."""
    verdict: Verdict
    cause: str
    """See ``JudgeReport``; for RTE the last line that the program wrote to stderr, where it wrote one."""


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """What the judge found. Nothing in it quotes a hidden test's input or answer."""

    verdict: Verdict | None
    """The verdict at the coverage asked for: AC when every test up to that level passed, else that of the first failing
    test; None when unmeasurable."""
    failure_kind: FailureKind | None
    """None when solved."""
    level_reached: int
    """The highest level whose tests, and all before it, passed; 0 if none."""
    cause: str = ""
    """Why it fails. TLE: "steps", "cpu" or "wall"; MLE and OLE: "memory" and "output"; RTE: the error, the exit status
    or the signal; CE: the compiler's message; "machinery" when unmeasurable."""
    public_verdict: Verdict | None = None
    """The verdict of the public tests alone, all that a policy may ever see; None when unmeasurable, or without any."""
    tests: tuple[TestResult, ...] = ()
    """The tests that ran and count for the coverage, in order; empty where the program did not compile."""
    cpu_s: float = 0.0
    """CPU time of all tests that ran."""
    wall_s: float = 0.0
    """Wall time of the judgement."""
    groups: Mapping[str, Verdict | None] = field(default_factory=dict)
    """Every group of tests, and every folder of groups, to its verdict, by its own tests and those of the groups that
    it requires; None where too few of them ran."""
    borderline: bool = False
    """A time near the limit decides (see ``judging.verdicts.around``): to be left out of claims."""
    limit_s: float | None = None
    """CPU seconds per test that the verdict was given at; None where nothing ran."""
    first_failure: str = ""
    """Name of the first test that decides against the program, where one ran."""
    message: str = ""
    """What a custom validator said of that test, where it is public."""
    public_failure: FailedTest | None = None
    """The first public test that failed."""
    error: str = ""
    """Why it is unmeasurable, in one line; "" where there is a verdict."""
    counted_by: str = ""
    """How CPU time and memory are known: "cgroup" or "polling" (see ``sandbox.Protection``)."""
    shared_verifier: bool = False
    """The verdict is a script's that ran in the candidate's own box, and can have been deceived."""

    @property
    def solved(self) -> bool:
        """Every test of the coverage level passed."""
        return self.verdict is Verdict.AC and self.failure_kind is None
