"""Custom output validators: programs that judge an output, in a sandbox of their own.

Source: Kattis problem package format, "Output Validators" (legacy) and "Output Validator" (2025-09): called with input
file, answer file and feedback directory, the output on stdin; status 42 accepts, 43 rejects, all else is an error. What
it leaves in judgemessage.txt is for the person who set the problem ("Reporting additional feedback").
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from json import dumps

from alphadial.envs.errors import EnvsError
from alphadial.envs.forking import in_child
from alphadial.envs.judging.compiling import Program, compile_program
from alphadial.envs.judging.cores import Cores
from alphadial.envs.judging.retry import twice
from alphadial.envs.raw import readable
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import MIB, Limits, RunResult, Validator

LIMITS = Limits(
    cpu_s=60.0,
    wall_s=180.0,
    memory_bytes=2048 * MIB,
    output_bytes=8 * MIB,
    files_bytes=64 * MIB,
    processes=64,
)
"""Kattis: 60 s and 2048 MiB."""
_ACCEPT, _REJECT = 42, 43
_INPUT, _ANSWER, _FEEDBACK = "judge.in", "judge.ans", "feedback"
_KEPT = 2_000
"""Characters of what it says."""
_SCRIPT = f"""mkdir -p {_FEEDBACK} && "$@" 1>&2
status=$?
[ $status -le 128 ] || kill -$((status - 128)) $$
[ ! -f {_FEEDBACK}/judgemessage.txt ] || head -c {4 * _KEPT} {_FEEDBACK}/judgemessage.txt
exit $status"""
"""Ends as the validator does; its message is on stdout, all that it wrote beside is on stderr."""
_SHELL = ("sh", "-c", _SCRIPT, "sh")


class ValidatorError(EnvsError):
    """A custom validator that does not compile, crashes, hangs or answers neither 42 nor 43; the message names it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a validator says of an output."""

    accepted: bool
    message: str
    """What it says to the judges (judgemessage.txt)."""
    remark: str
    """What it wrote to stdout and stderr."""


class Validators:
    """Compiled validators, each compiled once. Thread-safe."""

    def __init__(self, sandbox: Sandbox, cores: Cores, limits: Limits = LIMITS) -> None:
        self._sandbox = sandbox
        self._cores = cores
        self._limits = limits
        self._begin_process()
        in_child(self, Validators._begin_process)
        self._programs: dict[str, Program | str] = {}
        """Or why it does not compile."""

    def _begin_process(self) -> None:
        self._lock = threading.Lock()

    def judge(self, validator: Validator, input: bytes, answer: bytes, output: bytes) -> Judgement:
        """Whether the output is right, and why. The candidate must have ended.

        Raises:
            ValidatorError: the validator cannot say.
            SandboxFailedError: our machinery broke twice.
            ProblemError: its language is unknown, or has no compiler here.
        """
        program = self._program(validator)
        files = {**program.files, _INPUT: input, _ANSWER: answer}
        held = len(input) + len(answer)
        limits = program.limits(self._limits)
        limits = replace(limits, memory_bytes=limits.memory_bytes + held, files_bytes=limits.files_bytes + held)
        command = [*_SHELL, *program.command(self._limits.memory_bytes), _INPUT, _ANSWER, f"{_FEEDBACK}/"]
        command += validator.arguments
        with self._cores.shared():
            result = twice(lambda: self._sandbox.run(command, files, output, limits), _doubtful)
        if result.killed_by is None and not result.oom and result.exit_status in (_ACCEPT, _REJECT):
            accepted = result.exit_status == _ACCEPT
            return Judgement(accepted, readable(result.stdout)[:_KEPT], readable(result.stderr)[-_KEPT:])
        raise ValidatorError(f"validator {_name(validator)} {_ending(result)}")

    def _program(self, validator: Validator) -> Program:
        key = dumps([validator.language, validator.files])
        with self._lock:
            if key not in self._programs:
                with self._cores.shared():
                    compiled = compile_program(self._sandbox, validator.language, validator.files)
                self._programs[key] = compiled.program or (compiled.message.strip().splitlines() or [""])[0]
            program = self._programs[key]
        if isinstance(program, str):
            raise ValidatorError(f"validator {_name(validator)} does not compile: {program}")
        return program


def _doubtful(result: RunResult) -> bool:
    return result.waited or result.unexplained_kill


def _name(validator: Validator) -> str:
    return next(iter(validator.files), "without files")


def _ending(result: RunResult) -> str:
    said = result.words.splitlines()
    words = f": {said[-1][:200]}" if said else ""
    if result.killed_by is not None:
        return f"was stopped by its limit on {result.killed_by}{words}"
    if result.signal is not None:
        return f"crashed (signal {result.signal}){words}"
    return f"ended with status {result.exit_status}, which is neither {_ACCEPT} nor {_REJECT}{words}"
