"""Makes the tests of problems that come with a generator instead."""

from __future__ import annotations

from dataclasses import replace

from alphadial.envs.problems.formats.fields import parse, sequence
from alphadial.envs.problems.formats.packages import FormatError, LoadError, Package
from alphadial.envs.sandbox import Sandbox
from alphadial.envs.types import MIB, Limits, Test

LIMITS = Limits(
    cpu_s=120.0, wall_s=300.0, memory_bytes=4096 * MIB, output_bytes=512 * MIB, files_bytes=64 * MIB, processes=8
)
"""Of the generator."""


def generate_tests(package: Package, sandbox: Sandbox) -> Package | LoadError:
    """The package with the tests that its generator makes in the sandbox; unchanged where it has none.

    Raises:
        SandboxFailedError: our machinery broke.
    """
    if package.generator is None:
        return package
    files = package.generator.files
    command = ["python3", "-X", "int_max_str_digits=0", next(iter(files))]
    result = sandbox.run(command, files, "", LIMITS)
    try:
        if result.exit_status != 0:
            lines = result.stderr.strip().splitlines()
            raise FormatError(result.killed_by or (lines[-1] if lines else f"it ended by signal {result.signal}"))
        tests = tuple(_test(row) for row in sequence(parse(result.stdout, "its output"), "its output"))
    except FormatError as error:
        return LoadError(package.source, None, f"the generator of {package.problem.id} failed: {error}")
    return replace(package, problem=replace(package.problem, tests=tests), generator=None)


def _test(row: object) -> Test:
    match row:
        case [int(level), str(arguments), str(answer)] if level >= 1:
            return Test(level, arguments, answer)
    raise FormatError("its output is not an array of [level, arguments, answer], the latter two as texts")
