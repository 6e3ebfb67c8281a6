"""One judged program tells the next nothing, as checks over the protocol; part of ``conformance.BEHAVIOURS``.

What a program finds must not depend on what ran before it, in the same warm server, in a cold run or in a run in a
workspace. Not tried: what can be told by timing alone, through caches or load.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import NotWarmError
from . import channel_programs as programs
from .conformance_warm import LIMITS
from .layout import DEVICES
from .protocol import CommandServer, Sandbox, Server
from .workspace import Workspace

_CALLED = "\ndef f(name):\n    return globals()[name]()\n"
_COMMAND = ("python3", "./main.py")
_NAMED = "\nimport json\nsaid = globals()[input()]()\nprint(json.dumps(said))\n"
_NOT_WARM = "ended: it runs in a fresh sandbox"
_MAIN = "\nimport json\nsaid = globals()[sys.argv[1]]()\nprint(json.dumps(said))\n"

Ask = Callable[[str], Any]
"""Has one function of a program called, in a program of its own."""


def _asked(server: Server, source: str, function: str) -> Any:
    program = server.start(programs.COMMON + source + _CALLED, entry="f")
    result = program.call(json.dumps([function]))
    program.close()
    assert result.answered, f"{function}: {result}"
    return json.loads(result.stdout)


def _cold(sandbox: Sandbox, source: str) -> Ask:
    def ask(function: str) -> Any:
        result = sandbox.run(
            ["python3", "main.py", function], {"main.py": programs.COMMON + source + _MAIN}, "", LIMITS
        )
        assert result.exit_status == 0, f"{function}: {result}"
        return json.loads(result.stdout.splitlines()[-1])

    return ask


def _in_workspace(sandbox: Sandbox, source: str) -> Ask:
    before = Workspace.of({"main.py": programs.COMMON + source + _MAIN})

    def ask(function: str) -> Any:
        result = sandbox.run_in(before, ["python3", "main.py", function], LIMITS).result
        assert result.exit_status == 0, f"{function}: {result}"
        return json.loads(result.stdout.splitlines()[-1])

    return ask


def _repeated(server: CommandServer, source: str) -> Ask:
    def ask(function: str) -> Any:
        try:
            result = server.run({"main.py": programs.COMMON + source + _NAMED}, function, LIMITS)
        except NotWarmError:
            return _NOT_WARM
        assert result.exit_status == 0, f"{function}: {result}"
        return json.loads(result.stdout.splitlines()[-1])

    return ask


def _nothing_is_left(ask: Ask) -> None:
    before = ask("look")
    ask("leave")
    after = ask("look")
    ask("clean")
    assert after == before, f"a program found {str(after)[:2000]}, where nothing was left {str(before)[:2000]}"


def _nothing_is_left_warm(sandbox: Sandbox, source: str) -> None:
    server = sandbox.open(LIMITS)
    try:
        _nothing_is_left(lambda function: _asked(server, source, function))
    finally:
        server.close()


def no_network_left(sandbox: Sandbox) -> None:
    """No port, counter, name or setting of the network is left to the next warm program."""
    _nothing_is_left_warm(sandbox, programs.NETWORK)


def no_shared_memory_left(sandbox: Sandbox) -> None:
    """No shared memory, semaphore, queue or key is left to the next warm program."""
    _nothing_is_left_warm(sandbox, programs.MEMORY)


def no_files_left(sandbox: Sandbox) -> None:
    """No file, mode, time or attribute is left to the next warm program."""
    _nothing_is_left_warm(sandbox, programs.FILES)


def no_process_state_left(sandbox: Sandbox) -> None:
    """No process, priority, flag, limit or name is left to the next warm program."""
    _nothing_is_left_warm(sandbox, programs.PROCESS)


def no_device_times_left(sandbox: Sandbox) -> None:
    """Warm programs cannot set the times of the host's devices, which every sandbox shows."""
    server = sandbox.open(LIMITS)
    try:
        _devices_untouched(lambda function: _asked(server, programs.DEVICES, function))
    finally:
        server.close()


def cold_runs_leave_nothing(sandbox: Sandbox) -> None:
    """Nor does a command leave any of that to the next one, in a workspace or without."""
    for source in (programs.NETWORK, programs.MEMORY, programs.FILES, programs.PROCESS):
        _nothing_is_left(_cold(sandbox, source))
        _nothing_is_left(_in_workspace(sandbox, source))


def repeated_commands_leave_nothing(sandbox: Sandbox) -> None:
    """Nor does a run of a repeated command leave any of that to the next one, or no such run is made."""
    server = sandbox.open_command(_COMMAND, LIMITS)
    try:
        assert server.cold or _repeated(server, programs.NETWORK)("leave") == _NOT_WARM
        for source in (programs.NETWORK, programs.MEMORY, programs.FILES, programs.PROCESS):
            _nothing_is_left(_repeated(server, source))
        if not server.cold:
            _devices_untouched(_repeated(server, programs.DEVICES))
    finally:
        server.close()


def cold_device_times(sandbox: Sandbox) -> None:
    """Nor can commands."""
    _devices_untouched(_cold(sandbox, programs.DEVICES))


def _devices_untouched(ask: Ask) -> None:
    def times() -> list[int]:
        return [os.stat(device).st_mtime_ns for device in DEVICES]  # noqa: PTH116 - of a device

    before = times()
    ask("leave")
    assert times() == before, "a program set the times of the host's devices"


def locks_of_a_neighbour(sandbox: Sandbox) -> None:
    """Warm programs that run at the same time see none of each other's locks, leases and accesses."""
    servers = [sandbox.open(LIMITS) for _ in range(2)]
    try:
        with ThreadPoolExecutor(2) as threads:
            both = zip(servers, ("leave", "look"), strict=True)
            _, seen = threads.map(lambda one: _asked(one[0], programs.LOCKS, one[1]), both)
        _nobody_seen(seen)
    finally:
        for server in servers:
            server.close()


def cold_locks_of_a_neighbour(sandbox: Sandbox) -> None:
    """Commands that run at the same time see none of each other's locks, leases and accesses."""
    with ThreadPoolExecutor(2) as threads:
        _, seen = threads.map(_cold(sandbox, programs.LOCKS), ("leave", "look"))
    _nobody_seen(seen)


def locks_of_a_repeated_neighbour(sandbox: Sandbox) -> None:
    """No repeated command locks what one that runs at the same time could see."""
    servers = [sandbox.open_command(_COMMAND, LIMITS) for _ in range(2)]
    try:
        if not servers[0].cold:
            assert [_repeated(server, programs.LOCKS)("leave") for server in servers] == [_NOT_WARM] * 2
    finally:
        for server in servers:
            server.close()


def _nobody_seen(seen: list[str]) -> None:
    assert seen == [], f"a program saw what another did just then: {seen}"


def no_counters_left(sandbox: Sandbox) -> None:
    """The numbers that the kernel gives to pipes do not tell how many others made."""
    ask = _cold(sandbox, programs.COUNTERS)
    assert ask("leave") > ask("look"), "a program's pipes are numbered after those of the last one"


def no_word_of_cached_pages(sandbox: Sandbox) -> None:
    """No system call tells which pages of the host's files are in memory, where the program before may have read them.

    The time that reading takes and the count of page faults still tell it, on every backend that shows these files.
    """
    source = """
def look():
    with open(sys.executable, 'rb') as file:
        return attempt(os.preadv, file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
"""
    server = sandbox.open(LIMITS)
    try:
        found = [_asked(server, source, "look"), _cold(sandbox, source)("look")]
    finally:
        server.close()
    assert found == ["OSError"] * 2, found


def no_word_of_the_judge(sandbox: Sandbox) -> None:
    """Nothing in /proc names the judge: not its number, its group or its folder."""
    source = """
def look():
    found = {}
    for process in ("self", "1"):
        for name in ("cgroup", "mountinfo", "status", "stat", "environ", "cmdline"):
            try:
                found[f"{process}/{name}"] = open(f"/proc/{process}/{name}").read()
            except OSError:
                pass
    return found
"""
    server = sandbox.open(LIMITS)
    try:
        warm = _asked(server, source, "look")
    finally:
        server.close()
    repeating = sandbox.open_command(_COMMAND, LIMITS)
    try:
        repeated = _repeated(repeating, source)("look")
    finally:
        repeating.close()
    for found in (_cold(sandbox, source)("look"), _in_workspace(sandbox, source)("look"), warm, repeated):
        groups = "".join(text for name, text in found.items() if name.endswith("cgroup"))
        assert all(line.endswith(":/") for line in groups.splitlines()), groups
        parents = [line for line in found.get("self/status", "").splitlines() if line.startswith("PPid:")]
        assert str(os.getpid()) not in " ".join(parents)


def _only_where_contained(check: Callable[[Sandbox], None]) -> Callable[[Sandbox], None]:
    """These programs set modes of /tmp, kernel settings and more: without isolation that would stay on the machine."""

    def guarded(sandbox: Sandbox) -> None:
        contained = sandbox.protection.filesystem and sandbox.protection.processes
        assert contained, "not tried: nothing contains these programs, which would change the machine"
        check(sandbox)

    return guarded


CHANNEL_BEHAVIOURS: dict[str, Callable[[Sandbox], None]] = {
    check.__name__: _only_where_contained(check)
    for check in (
        no_network_left, no_shared_memory_left, no_files_left, no_process_state_left, no_device_times_left,
        cold_runs_leave_nothing, repeated_commands_leave_nothing, cold_device_times, locks_of_a_neighbour,
        cold_locks_of_a_neighbour, locks_of_a_repeated_neighbour, no_counters_left, no_word_of_cached_pages,
        no_word_of_the_judge,
    )
}  # fmt: skip
