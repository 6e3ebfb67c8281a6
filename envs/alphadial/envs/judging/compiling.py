"""Sources are made into a program that runs, inside the sandbox and under limits of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from alphadial.envs.errors import NoCompilerError, ProblemError, SandboxFailedError, WorkspaceError
from alphadial.envs.judging.retry import canary, twice
from alphadial.envs.judging.warm_runs import WarmRuns
from alphadial.envs.languages import Language, find_language
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.sandbox.workspace import Workspace, WorkspaceRun
from alphadial.envs.types import MIB, Limits, RunResult

LIMITS = Limits(
    cpu_s=60.0,
    wall_s=180.0,
    memory_bytes=2048 * MIB,
    output_bytes=256 * 1024,
    files_bytes=256 * MIB,
    processes=128,
)
MAX_PROGRAM_BYTES = 128 * MIB
"""What sources, and all that the compiler makes of them, may hold: programs with large tables are large."""
_LONGEST_MESSAGE = 4_000
_NO_COMMAND = 127
_PART_KILLED = tuple(
    words
    for number, name in ((9, "Killed"), (15, "Terminated"))
    for words in (f"{name} signal terminated program", f"terminated with signal {number}")
)
"""What gcc says, and its linker's driver, when a process of theirs was ended by SIGKILL or SIGTERM."""


@dataclass(frozen=True, slots=True)
class Program:
    """Ready to run."""

    language: Language
    sources: tuple[str, ...]
    files: Mapping[str, str | bytes]
    """What is laid in its working directory."""
    own_memory_bytes: int = 0
    """Memory of the runtime itself."""

    def command(self, memory_bytes: int) -> tuple[str, ...]:
        """The command line under a memory limit."""
        return tuple(self.language.expand(self.language.run, self.sources, memory_bytes))

    def limits(self, limits: Limits) -> Limits:
        """The limits with room for the runtime and for the program itself."""
        held = sum(len(content) for content in self.files.values())
        held = -(-held // MIB) * MIB  # so that most programs have the same limits
        return Limits(
            cpu_s=limits.cpu_s,
            wall_s=limits.wall_s,
            memory_bytes=limits.memory_bytes + self.own_memory_bytes + held,
            output_bytes=limits.output_bytes,
            files_bytes=limits.files_bytes + held,
            processes=limits.processes + self.language.own_processes,
        )


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of it."""

    program: Program | None
    message: str = ""
    """The compiler's, where there is no program."""
    cpu_s: float = 0.0


def compile_program(
    sandbox: Sandbox,
    language: str,
    files: Mapping[str, str],
    limits: Limits = LIMITS,
    warm: WarmRuns | None = None,
) -> Compiled:
    """Compiles sources.

    Args:
        sandbox: where the compiler runs.
        language: by name.
        files: the first one is the main one.
        limits: of the compiler.
        warm: for compilers that only say whether sources are a program.

    Raises:
        ProblemError: an unknown language.
        NoCompilerError: the language's compiler is not installed.
        SandboxFailedError: our machinery broke twice.
    """
    known = find_language(language)
    sources = tuple(files)
    if not sources:
        return Compiled(None, "there is no source file")
    try:
        before = Workspace.of(files, MAX_PROGRAM_BYTES)
    except (UnicodeEncodeError, WorkspaceError) as error:
        return Compiled(None, f"the sources: {error}")
    own = known.own_memory_bytes
    command = known.expand(known.compile, sources, limits.memory_bytes)
    if warm is not None and known.artefacts is None:
        said = warm.run(tuple(command), files, b"", limits)
        if said is not None:
            program = Program(known, sources, files, own) if said.exit_status == 0 else None
            return Compiled(program, "" if program else _message(said), said.cpu_s)
    # Not again where it waited: sources can have a compiler wait for ever.
    run = twice(lambda: sandbox.run_in(before, command, limits), _killed)
    if _killed(run):
        canary(sandbox)
    if run.result.exit_status == _NO_COMMAND:
        raise NoCompilerError(f"no {known.compile[0]} for {language} programs; run: apt-get install {known.package}")
    if run.result.exit_status != 0:
        return Compiled(None, _message(run.result), run.result.cpu_s)
    if known.artefacts is None:
        return Compiled(Program(known, sources, files, own), cpu_s=run.result.cpu_s)
    made = {
        path: file.data
        for path, file in run.workspace.files.items()
        if fnmatchcase(path.rpartition("/")[2], known.artefacts)
    }
    if not made:
        return Compiled(None, run.note or "the compiler made no program", run.result.cpu_s)
    if known.entry is not None:
        stem = known.entry(made, PurePosixPath(sources[0]).stem)
        sources = (f"{stem}{known.extensions[0]}",)
    return Compiled(Program(known, sources, made, own), cpu_s=run.result.cpu_s)


def self_test(sandbox: Sandbox, language: str) -> str:
    """Compiles and runs the language's self-test program.

    Returns:
        "" if it works, else what is wrong, in one line.
    """
    known = find_language(language)
    try:
        compiled = compile_program(sandbox, language, {f"{known.main}{known.extensions[0]}": known.self_test})
        if compiled.program is None:
            return (compiled.message.strip().splitlines() or ["it does not compile"])[-1]
        limits = compiled.program.limits(Limits(cpu_s=10.0, wall_s=60.0))
        result = sandbox.run(compiled.program.command(256 * MIB), compiled.program.files, "21\n", limits)
    except (ProblemError, SandboxFailedError) as error:
        return str(error)
    if result.stdout.strip() == "42":
        return ""
    return (result.stderr.strip().splitlines() or [f"it printed {result.stdout[:80]!r}"])[-1]


def _killed(run: WorkspaceRun) -> bool:
    """Someone else may have ended the compiler, or a part of it."""
    result = run.result
    part = result.exit_status not in (0, None) and not result.oom and result.killed_by is None
    return result.unexplained_kill or (part and any(words in result.stderr for words in _PART_KILLED))


def _message(result: RunResult) -> str:
    said = result.words[:_LONGEST_MESSAGE]
    if result.killed_by is not None:
        return f"the compiler was stopped by its limit on {result.killed_by}\n{said}".strip()
    return said or f"the compiler ended with status {result.exit_status} (signal {result.signal}) and no message"
