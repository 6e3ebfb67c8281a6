"""What ``Sandbox.open_command`` must do, as checks over the protocol; part of ``conformance.BEHAVIOURS``.

A program finds in a warm server what it finds in a fresh sandbox, and says the same: all of ``command_programs``. A
server that is cold only runs what ``Sandbox.run`` does, which other checks look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..types import KilledBy, Limits, RunResult
from .command_programs import FILES, SAME
from .conformance_warm import LIMITS as WARM_LIMITS
from .protocol import CommandServer, Sandbox

COMMAND = ("python3", "-X", "int_max_str_digits=0", "./main.py")
LIMITS = replace(WARM_LIMITS, processes=12)
_MORE = 6
SHORT = replace(LIMITS, cpu_s=0.3, wall_s=5.0)


@contextmanager
def _served(sandbox: Sandbox, command: tuple[str, ...] = COMMAND) -> Iterator[CommandServer]:
    """Whatever ran in it, the next program finds the server as new."""
    server = sandbox.open_command(command, LIMITS)
    try:
        yield server
        if command == COMMAND:
            canary = server.run({"main.py": "print(int(input()) * 2)"}, "21\n", LIMITS)
            assert (canary.stdout, canary.exit_status) == ("42\n", 0), f"the next program was harmed: {canary}"
    finally:
        server.close()


def _ran(server: CommandServer, source: str, stdin: str | bytes = "", limits: Limits = LIMITS) -> RunResult:
    return server.run({"main.py": source}, stdin, limits)


def same_as_fresh(sandbox: Sandbox) -> None:
    """Streams, exits, errors, ends of all kinds, modules and processes: nothing tells a warm run from a cold one."""
    with _served(sandbox) as server:
        for name, source in () if server.cold else SAME.items():
            files = {**FILES, "main.py": source}
            warm = server.run(files, STDIN, LIMITS)
            cold = sandbox.run(COMMAND, files, STDIN, LIMITS)
            said = [(each.exit_status, each.signal, each.killed_by, each.stdout, each.stderr) for each in (warm, cold)]
            assert said[0] == said[1], f"{name}: {said[0]} in a warm server, {said[1]} in a fresh sandbox"


STDIN = "3\n1 2 3\nlast line"


def other_commands(sandbox: Sandbox) -> None:
    """Any command may be repeated; one that does not exist exits with 127."""
    with _served(sandbox, ("sh", "-c", "cat; cat a/b; exit 3")) as server:
        for text in ("one", "two"):
            result = server.run({"a/b": b"\xff"}, text, LIMITS)
            assert (result.exit_status, result.stdout) == (3, f"{text}\udcff")
    with _served(sandbox, ("no-such-command",)) as server:
        assert server.run({}, "", LIMITS).exit_status == 127


def limits_of_commands(sandbox: Sandbox) -> None:
    """Times, output, memory, files and processes are limited, each time anew."""
    with _served(sandbox) as server:
        for _ in range(0 if server.cold else 2):
            assert _ran(server, "while True: pass", limits=SHORT).killed_by is KilledBy.CPU
            slow = _ran(server, "import time; time.sleep(60)", limits=replace(LIMITS, wall_s=0.3))
            assert (slow.killed_by, slow.cpu_s < 0.3) == (KilledBy.WALL, True)
            flood = _ran(server, "import os\nwhile True: os.write(1, b'x' * 4096); os.write(2, b'y' * 4096)")
            assert flood.killed_by is KilledBy.OUTPUT
            assert len(flood.stdout) + len(flood.stderr) <= LIMITS.output_bytes
            large = _ran(server, "x = bytearray(b'x') * (512 << 20); print(len(x))")
            assert (large.stdout, large.exit_status == 0) == ("", False)
            full = _ran(server, "for i in range(8):\n  with open(f'/tmp/{i}', 'wb') as f: f.write(bytes(1 << 20))")
            assert "No space left" in full.stderr
            children = "import os, time\ntry:\n  while os.fork(): print('x', flush=True)\nexcept OSError: pass\n"
            assert _ran(server, f"{children}time.sleep(0.2)").stdout.count("x") <= LIMITS.processes + _MORE


def the_whole_tree_counts(sandbox: Sandbox) -> None:
    """CPU time of children that nobody waits for counts, and none of them outlives the program or says more."""
    orphans = """
import os, sys, time
for _ in range(2):
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            while time.process_time() < 0.2: pass
            open('done', 'a').write('x')
            while True: time.sleep(0.01); os.write(1, b'late')
        os._exit(0)
    os.wait()
while not (os.path.exists('done') and os.path.getsize('done') == 2): time.sleep(0.01)
"""
    with _served(sandbox) as server:
        if server.cold:
            return
        assert _ran(server, orphans).cpu_s > 0.35
        assert _ran(server, "import os\nprint(len([n for n in os.listdir('/proc') if n.isdigit()]))").stdout == "2\n"


def input_of_one_run(sandbox: Sandbox) -> None:
    """Each run has its own input, whole, whatever the last one did with its own."""
    source = "import os, sys\nprint(len(sys.stdin.read()))\ntry: os.ftruncate(0, 0)\nexcept OSError: pass"
    with _served(sandbox) as server:
        for size in (0, 10, 3_000_000):
            assert _ran(server, source, "x" * size).stdout == f"{size}\n"


COMMAND_BEHAVIOURS: dict[str, Callable[[Sandbox], None]] = {
    check.__name__: check
    for check in (same_as_fresh, other_commands, limits_of_commands, the_whole_tree_counts, input_of_one_run)
}
