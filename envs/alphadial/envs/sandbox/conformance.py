"""What every sandbox must do, as checks over the protocol: run them over any backend.

``for name, check in BEHAVIOURS.items(): check(sandbox)``; each raises AssertionError. What a backend does not promise
is listed in ``KNOWN_GAPS`` and must fail there.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..types import KilledBy, Limits, RunResult
from .conformance_channels import CHANNEL_BEHAVIOURS
from .conformance_commands import COMMAND_BEHAVIOURS
from .conformance_warm import HASTY, LIMITS, WARM_BEHAVIOURS
from .conformance_workspace import WORKSPACE_BEHAVIOURS
from .protocol import Sandbox

__all__ = ["BEHAVIOURS", "KNOWN_GAPS", "LIMITS"]


def _python(
    sandbox: Sandbox, code: str, *arguments: str, stdin: str | bytes = "", limits: Limits = LIMITS
) -> RunResult:
    return sandbox.run(["python3", "-I", "-S", "main.py", *arguments], {"main.py": code}, stdin, limits)


def exit_status(sandbox: Sandbox) -> None:
    """The status of the command is reported, and so is a command that does not exist."""
    assert _python(sandbox, "raise SystemExit(3)").exit_status == 3
    assert sandbox.run(["no-such-command"], {}, "", LIMITS).exit_status == 127


def ended_by_signal(sandbox: Sandbox) -> None:
    """A signal is told apart from a status."""
    result = _python(sandbox, "import os; os.kill(os.getpid(), 11)")
    assert (result.exit_status, result.signal, result.killed_by) == (None, 11, None)


def files_and_pipes(sandbox: Sandbox) -> None:
    """Files lie in the working directory, stdin arrives whole, every byte of stdout is told."""
    code = """
import sys
data = sys.stdin.read()
sys.stdout.buffer.write(b'\\xff' + str(len(data)).encode())
print(open('a/b').read(), file=sys.stderr)
"""
    files: dict[str, str | bytes] = {"main.py": code, "a/b": b"data"}
    result = sandbox.run(["python3", "main.py"], files, "x" * 300_000, LIMITS)
    assert (result.stdout, result.stderr) == ("\udcff300000", "data\n")


def stdin_is_a_file(sandbox: Sandbox) -> None:
    """Input can be sought in, mapped and opened again, whether or not it is read."""
    code = """
import mmap, os, stat
assert stat.S_ISREG(os.fstat(0).st_mode)
size = os.lseek(0, 0, os.SEEK_END)
os.lseek(0, 2, os.SEEK_SET)
with mmap.mmap(0, size, mmap.MAP_PRIVATE, mmap.PROT_READ) as mapped:
    print(os.read(0, 3), os.pread(0, 2, 0), mapped[-4:], open('/dev/stdin', 'rb').read(4))
"""
    given = b"".join(b"%06d\n" % number for number in range(100_000))
    assert _python(sandbox, code, stdin=given).stdout == "b'000' b'00' b'999\\n' b'0000'\n"
    assert _python(sandbox, "print(open(0).read() == '')").stdout == "True\n"
    assert _python(sandbox, "print('done')", stdin=given).stdout == "done\n"


def stdin_is_constant(sandbox: Sandbox) -> None:
    """Nothing can be kept in the input's file, and no run finds what another did with its own."""
    code = """
import mmap, os
def again(): return os.open('/proc/self/fd/0', os.O_RDWR)
for change in (
    lambda: os.write(0, b'y'), lambda: os.ftruncate(0, 0), lambda: os.posix_fallocate(0, 0, 1 << 20),
    lambda: mmap.mmap(0, 5, mmap.MAP_SHARED, mmap.PROT_WRITE), lambda: os.fchmod(0, 0o777),
    lambda: os.pwrite(again(), b'y', 0), lambda: os.ftruncate(again(), 0), lambda: os.ftruncate(again(), 1 << 20),
    lambda: mmap.mmap(again(), 5), lambda: os.truncate('/proc/self/fd/0', 0),
):
    try: change()
    except (OSError, ValueError): pass
print(os.lseek(0, 0, os.SEEK_CUR), os.read(0, 9))
"""
    for _ in range(2):
        assert _python(sandbox, code, stdin="given").stdout == "0 b'given'\n"


def paths_stay_inside(sandbox: Sandbox) -> None:
    """A file cannot be laid outside the working directory."""
    for name in ("/etc/x", "../x", "a/../../x", ""):
        try:
            sandbox.run(["true"], {name: "x"}, "", LIMITS)
        except ValueError:
            continue
        raise AssertionError(f"{name!r} was accepted")


def cpu_limit(sandbox: Sandbox) -> None:
    """CPU time ends a run, whatever signals it ignores."""
    code = "import signal\nfor s in (24, 14, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: pass"
    assert _python(sandbox, code, limits=HASTY).killed_by is KilledBy.CPU


def cpu_of_the_tree(sandbox: Sandbox) -> None:
    """Children count: none of them uses the limit up alone."""
    code = """
import os, time
while True:
    if os.fork() == 0:
        while time.process_time() < 0.1: pass
        os._exit(0)
    os.wait()
"""
    assert _python(sandbox, code, limits=HASTY).killed_by is KilledBy.CPU


def wall_limit(sandbox: Sandbox) -> None:
    """Sleeping ends by the wall clock."""
    result = _python(sandbox, "import time; time.sleep(60)", limits=replace(LIMITS, wall_s=0.3))
    assert (result.killed_by, result.cpu_s < 0.3) == (KilledBy.WALL, True)


def output_limit(sandbox: Sandbox) -> None:
    """Output is cut at the limit, stdout and stderr together."""
    result = _python(sandbox, "import os\nwhile True: os.write(1, b'x' * 4096); os.write(2, b'y' * 4096)")
    assert result.killed_by is KilledBy.OUTPUT
    assert len(result.stdout) + len(result.stderr) <= LIMITS.output_bytes


def no_network(sandbox: Sandbox) -> None:
    """Not even the host's loopback can be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 1)"
        assert _python(sandbox, code, str(server.getsockname()[1])).exit_status != 0


def no_host_files(sandbox: Sandbox) -> None:
    """The host's files can neither be read nor written."""
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text("secret")
        for path in (Path(folder), secret):
            path.chmod(0o777)
        result = _python(sandbox, "import sys; print(open(sys.argv[1]).read())", str(secret))
        assert "secret" not in result.stdout
        _python(sandbox, "import sys; open(sys.argv[1], 'w').write('changed')", str(secret))
        assert secret.read_text() == "secret"


def no_foreign_processes(sandbox: Sandbox) -> None:
    """Only the sandbox's own processes can be seen, and nothing of the judge's environment."""
    code = "import os; print(len([p for p in os.listdir('/proc') if p.isdigit()]))"
    assert int(_python(sandbox, code).stdout or 99) <= 3
    os.environ["ALPHADIAL_SECRET"] = "of the judge"
    try:
        assert "of the judge" not in _python(sandbox, "print(open('/proc/1/environ').read())").stdout
    finally:
        del os.environ["ALPHADIAL_SECRET"]


def no_keys(sandbox: Sandbox) -> None:
    """The kernel's keys are the machine's: neither their names nor how many there are can be read."""
    code = """
for name in ("/proc/keys", "/proc/key-users"):
    try: print(end=open(name).read())
    except OSError: pass
"""
    assert _python(sandbox, code).stdout == ""


def memory_limit(sandbox: Sandbox) -> None:
    """A run cannot hold more memory than its limit."""
    result = _python(sandbox, "x = bytearray(512 << 20); print(len(x))")
    assert (result.stdout, result.exit_status == 0) == ("", False)


def memory_of_the_tree(sandbox: Sandbox) -> None:
    """Children count: the command ends well, and the run hit its limit all the same."""
    code = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(b'x') * (80 << 20)
        time.sleep(0.5)
        os._exit(0)
for _ in range(4): os.wait()
"""
    result = _python(sandbox, code)
    assert (result.oom, result.killed_by) == (True, KilledBy.MEMORY)


def no_namespaces(sandbox: Sandbox) -> None:
    """A program cannot become the root of namespaces of its own."""
    code = "import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))"
    assert _python(sandbox, code).stdout == "-1\n"


def process_limit(sandbox: Sandbox) -> None:
    """Forking ends at the limit."""
    code = """
import os, signal
children = []
try:
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            signal.alarm(5)
            signal.pause()
            os._exit(0)
        children.append(pid)
except OSError:
    pass
print(len(children), flush=True)
for pid in children:
    os.kill(pid, 9)
"""
    assert int(_python(sandbox, code).stdout) <= LIMITS.processes


def file_limit(sandbox: Sandbox) -> None:
    """Files together cannot outgrow their limit, wherever they may lie."""
    for folder in (".", "/tmp", "/dev/shm"):
        code = f"for i in range(8):\n  with open(f'{folder}/{{i}}', 'wb') as f: f.write(bytes(1 << 20))"
        assert "No space left" in _python(sandbox, code).stderr


BEHAVIOURS: dict[str, Callable[[Sandbox], None]] = {
    check.__name__: check
    for check in (
        exit_status, ended_by_signal, files_and_pipes, stdin_is_a_file, stdin_is_constant, paths_stay_inside,
        cpu_limit, cpu_of_the_tree, wall_limit, output_limit, no_network, no_host_files, no_foreign_processes, no_keys,
        memory_limit, memory_of_the_tree, no_namespaces, process_limit, file_limit,
    )
} | WARM_BEHAVIOURS | COMMAND_BEHAVIOURS | WORKSPACE_BEHAVIOURS | CHANNEL_BEHAVIOURS  # fmt: skip

KNOWN_GAPS = {
    # bwrap 0.8 cannot show a device or a file of the host as one of the sandbox's own; the kernel's counters are one.
    "bubblewrap": frozenset(("cold_device_times", "cold_locks_of_a_neighbour", "no_counters_left")),
    # Namespaces are the guest kernel's own, no way to the host's; ls(1) fails in release 20221219, that of Debian 12.
    "gvisor": frozenset(("no_namespaces", "ordinary_tools")),
    "trusted": frozenset((
        "no_network", "no_host_files", "no_foreign_processes", "no_keys", "no_namespaces", "process_limit",
        "file_limit", "only_the_folder_comes_back", "background_ends",
        *CHANNEL_BEHAVIOURS,
    ))
}  # fmt: skip
"""Backend name to the behaviours that it does not promise."""
