"""What every provider of boxes must do, as checks over the protocol: run them over any provider.

``for name, check in BEHAVIOURS.items(): check(yard)``; each raises AssertionError. What a provider does not promise is
listed in ``KNOWN_GAPS`` and must fail there. The image must have sh and python3.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...errors import SandboxFailedError
from ...types import KilledBy
from .box import User
from .box_conformance_files import FILE_BEHAVIOURS
from .box_yard import LIMITS, SMALL, Yard, raised

__all__ = ["BEHAVIOURS", "KNOWN_GAPS", "Yard"]


def exit_status(yard: Yard) -> None:
    """Statuses and signals are told apart, and so is a command that does not exist."""
    assert yard.sh("exit 3").exit_status == 3
    assert yard.box.exec(["no-such-command"], LIMITS).exit_status == 127
    result = yard.sh("kill -11 $$")
    assert (result.exit_status, result.signal, result.killed_by) == (None, 11, None)


def streams(yard: Yard) -> None:
    """Input arrives whole, as a file that can be sought in and opened again, and every byte of output is told."""
    code = """
import os, sys
given = os.read(0, 10), os.lseek(0, 0, 2), open('/dev/stdin', 'rb').read(2)
sys.stdout.buffer.write(b'\\xff' + repr(given).encode())
print('err', file=open('/dev/stderr', 'w'))
"""
    result = yard.python(code, stdin=b"0123456789" * 30_000)
    assert (result.stdout, result.stderr) == ("\udcff(b'0123456789', 300000, b'01')", "err\n")
    assert yard.python("print(open(0).read() == '')").stdout == "True\n"


def places_and_variables(yard: Yard) -> None:
    """A command begins in the working directory, or in a named one, with variables of its own and of the box."""
    assert yard.sh("pwd; echo $X").stdout == f"{yard.workdir}\n\n"
    assert yard.sh("pwd; echo $X", cwd="/tmp", env={"X": "y"}).stdout == "/tmp\ny\n"
    assert yard.sh('test -n "$PATH" && touch "$HOME/x" && rm "$HOME/x"').exit_status == 0
    assert yard.sh("true", cwd="/nowhere").exit_status not in (0, None)


def files_last(yard: Yard) -> None:
    """What one command writes the next one finds, in the working directory and in /tmp."""
    box = yard.box
    assert box.exec(["sh", "-c", "echo 1 > a; echo 2 > /tmp/b"], LIMITS).exit_status == 0
    assert box.exec(["sh", "-c", "cat a /tmp/b; rm /tmp/b"], LIMITS).stdout == "1\n2\n"


def the_agent_has_no_powers(yard: Yard) -> None:
    """The policy's commands are not root, have no capabilities, and cannot get any."""
    status = yard.sh("cat /proc/self/status").stdout
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in facts["Uid"].split()
    assert {int(facts[name], 16) for name in ("CapPrm", "CapEff", "CapAmb", "CapInh")} == {0}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")


def root_is_another_user(yard: Yard) -> None:
    """What root makes the agent cannot change; root can change what is the agent's."""
    yard.sh("mkdir d; echo 1 > d/a; chmod 700 d")
    result = yard.sh("id -u; echo 2 > d/a; echo 3 > b; mkdir e", user=User.ROOT)
    assert (result.stdout, result.exit_status) == ("0\n", 0)
    assert yard.sh("cat d/a; echo 4 > b; touch e/f").stdout == "2\n"
    assert yard.left.read(f"{yard.workdir}/b", 9) == b"3\n"


def cpu_limit(yard: Yard) -> None:
    """CPU time ends a command, whatever signals it ignores, and is told."""
    code = "import signal\nfor s in (24, 14, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: pass"
    result = yard.python(code, limits=replace(LIMITS, cpu_s=0.3))
    assert (result.killed_by, 0.3 <= result.cpu_s < 1.5) == (KilledBy.CPU, True)
    code = "import time\nwhile time.process_time() < 0.4: pass"
    assert 0.38 < yard.python(code).cpu_s < 1.0
    assert yard.sh("sleep 0.2").cpu_s < 0.15


def cpu_of_the_tree(yard: Yard) -> None:
    """Children count, those too that nobody waits for: none of them uses the limit up alone."""
    code = """
import os, time
while True:
    if os.fork() == 0:
        if os.fork() == 0:
            while time.process_time() < 0.1: pass
        os._exit(0)
    os.wait()
    time.sleep(0.05)
"""
    assert yard.python(code, limits=replace(LIMITS, cpu_s=0.5)).killed_by is KilledBy.CPU


def wall_limit(yard: Yard) -> None:
    """Sleeping ends by the wall clock."""
    result = yard.sh("sleep 60", limits=replace(LIMITS, wall_s=0.3))
    assert (result.killed_by, result.cpu_s < 0.3) == (KilledBy.WALL, True)


def output_limit(yard: Yard) -> None:
    """Output is cut at the limit, stdout and stderr together, and nothing more of it is kept anywhere."""
    limits = replace(LIMITS, output_bytes=50_000)
    code = "import os\nwhile True: os.write(1, b'x' * 4096); os.write(2, b'y' * 4096)"
    result = yard.python(code, limits=limits)
    assert result.killed_by is KilledBy.OUTPUT
    assert len(result.stdout) + len(result.stderr) <= limits.output_bytes
    assert yard.python("print('x' * 49_999)", limits=limits).exit_status == 0


def memory_limit(yard: Yard) -> None:
    """Commands cannot hold more memory than the box, shared memory included; the next box is as new."""
    for code in ("x = b'x' * (400 << 20)", "import mmap; m = mmap.mmap(-1, 400 << 20); m.write(b'x' * (400 << 20))"):
        result = yard.python(f"{code}\nprint('held')")
        assert (result.stdout, result.oom, result.killed_by) == ("", True, KilledBy.MEMORY)
        assert yard.sh("echo $((6 * 7))").stdout == "42\n"


def memory_of_the_tree(yard: Yard) -> None:
    """Children count, together."""
    code = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(b'x') * (60 << 20)
        time.sleep(1)
        os._exit(0)
for _ in range(4): os.wait()
"""
    assert yard.python(code).killed_by is KilledBy.MEMORY


def memory_is_told(yard: Yard) -> None:
    """The most that was held at once, within a third."""
    peak = yard.python("x = bytearray(b'x') * (60 << 20)").peak_bytes
    assert peak is not None
    assert 55 << 20 < peak < 90 << 20


def process_limit(yard: Yard) -> None:
    """Forking ends at the limit, and the next command can fork again."""
    code = """
import os, time
made = 0
try:
    while made < 100:
        if os.fork() == 0: time.sleep(30); os._exit(0)
        made += 1
except OSError:
    pass
print(made)
"""
    for _ in range(2):
        made = int(yard.python(code).stdout)
        assert SMALL.processes // 2 <= made <= SMALL.processes


def file_limit(yard: Yard) -> None:
    """Neither the working directory nor temporary files can outgrow their limit; both can be emptied again."""
    for folder in (".", "/tmp", "/dev/shm", "/logs"):
        code = f"for i in range(40):\n with open(f'{folder}/{{i}}', 'wb') as f: f.write(bytes(1 << 20))"
        result = yard.python(code)
        assert "No space left" in result.stderr or "No such file" in result.stderr, result
        assert yard.sh(f"rm -f {folder}/[0-9]*; echo x > {folder}/x; rm {folder}/x").exit_status == 0


def the_image_stays_as_it_is(yard: Yard) -> None:
    """Nobody writes into what the image holds, or beside it."""
    for user in User:
        for path in ("/x", "/etc/x", "/usr/x", "/usr/bin/env", "/var/x"):
            assert yard.sh(f"echo x >> {path}", user=user).exit_status != 0, path


def no_network(yard: Yard) -> None:
    """There is nothing but a loopback of the box's own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 1)"
        assert yard.box.exec(["python3", "-c", code, str(server.getsockname()[1])], LIMITS).exit_status != 0
    assert yard.python("import socket; print([name for _, name in socket.if_nameindex()])").stdout == "['lo']\n"


def sockets_of_the_host(yard: Yard) -> None:
    """Commands connect to the unix sockets of the folder that the box was opened with, and change nothing in it."""
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as listening:
        folder = Path(name)
        folder.chmod(0o755)
        listening.bind(str(folder / "model"))
        (folder / "model").chmod(0o666)
        listening.listen()
        with yard.open(sockets=folder) as box:
            code = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/sockets/model'); s.send(b'hello')"
            assert box.exec(["python3", "-c", code], LIMITS).exit_status == 0
            connection, _ = listening.accept()
            with connection:
                assert connection.recv(9) == b"hello"
            assert box.exec(["touch", "/sockets/x"], LIMITS).exit_status != 0
            assert box.exec(["rm", "-f", "/sockets/model"], LIMITS).exit_status != 0


def nothing_of_the_host(yard: Yard) -> None:
    """Neither its files nor its processes nor its variables nor its keys can be seen."""
    os.environ["ALPHADIAL_SECRET"] = "of the host"
    try:
        with tempfile.TemporaryDirectory() as folder:
            secret = Path(folder) / "secret"
            secret.write_text("of the host")
            for path in (Path(folder), secret):
                path.chmod(0o777)
            said = yard.sh(f"cat {secret} /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/keys; env").stdout
            assert "of the host" not in said
            yard.sh(f"echo changed > {secret}")
            assert secret.read_text() == "of the host"
    finally:
        del os.environ["ALPHADIAL_SECRET"]
    assert len(yard.sh("ls -d /proc/[0-9]*").stdout.splitlines()) <= 4


def system_calls_are_filtered(yard: Yard) -> None:
    """No namespaces, no io_uring, no AF_VSOCK, no tracing, no keys, no mounts."""
    code = """
import ctypes, socket
libc = ctypes.CDLL(None, use_errno=True)
calls = {"unshare": (libc.unshare, 0x10000000), "io_uring_setup": (libc.syscall, 425, 1, 0),
    "ptrace": (libc.ptrace, 0, 0, 0, 0), "keyctl": (libc.syscall, 250, 0, -3, 0), "bpf": (libc.syscall, 321, 0, 0, 0),
    "mount": (libc.mount, b"tmpfs", b"/tmp", b"tmpfs", 0, None), "clone": (libc.syscall, 56, 0x10000011, 0, 0, 0, 0)}
for name, (call, *arguments) in calls.items():
    if call(*arguments) >= 0 or ctypes.get_errno() != 1: print(name, ctypes.get_errno())
for family in (17, 38, 40, 44):
    try: socket.socket(family, socket.SOCK_STREAM); print(family)
    except OSError as error: assert error.errno == 97, error
socket.socket(socket.AF_INET), socket.socketpair()
"""
    result = yard.python(code)
    assert (result.stdout, result.exit_status) == ("", 0), result


def background_ends(yard: Yard) -> None:
    """Nothing that a command started lives on, not even in a session of its own; no word of it comes late."""
    box = yard.box
    command = "(setsid sh -c 'echo early; sleep 0.1; while :; do echo late; done') & sleep 0.05; echo done"
    assert "done" in box.exec(["sh", "-c", command], LIMITS).stdout
    living = "for c in /proc/[0-9]*/comm; do cat $c; done"
    assert "sleep" not in box.exec(["sh", "-c", living], LIMITS).stdout.splitlines()
    assert box.exec(["true"], LIMITS).stdout == ""


def the_keeper_is_out_of_reach(yard: Yard) -> None:
    """The agent's commands can neither end, stop, trace nor read what runs them, nor speak in its place."""
    code = """
import os
for pid in {1, os.getppid(), *(int(name) for name in os.listdir('/proc') if name.isdigit())} - {os.getpid()}:
    for number in range(1, 65):
        try: os.kill(pid, number)
        except OSError: pass
    for name in ('fd/0', 'fd/1', 'fd/3', 'mem', 'environ', 'root', 'cwd'):
        for flags in (os.O_RDONLY, os.O_WRONLY):
            try: os.open(f'/proc/{pid}/{name}', flags); print(pid, name)
            except OSError: pass
"""
    result = yard.python(code)
    assert (result.stdout, result.exit_status) == ("", 0), result
    assert yard.sh("echo here").stdout == "here\n"


def boxes_are_apart(yard: Yard) -> None:
    """Two boxes of one provider share nothing."""
    with yard.open() as one, yard.open() as other:
        one.exec(["sh", "-c", "echo 1 > a; echo 1 > /tmp/a; mkdir -p /logs/a"], LIMITS)
        assert other.exec(["sh", "-c", "ls; ls /tmp /logs"], LIMITS).stdout.split() == ["/logs:", "/tmp:"]


def a_closed_box_is_gone(yard: Yard) -> None:
    """Closing twice does no harm; whatever is asked of it then is our failure."""
    box = yard.open()
    assert box.alive
    box.close()
    box.close()
    assert not box.alive
    for ask in (lambda: box.exec(["true"], LIMITS), box.snapshot, lambda: box.read("/etc/passwd", 1)):
        assert "gone" in raised(SandboxFailedError, ask)


def closing_ends_a_command(yard: Yard) -> None:
    """A box that is closed while another thread runs a command in it keeps nobody waiting."""
    box = yard.open()
    began, ended = time.monotonic(), threading.Timer(0.5, box.close)
    ended.start()
    said = raised(SandboxFailedError, lambda: box.exec(["sleep", "20"], LIMITS))
    ended.join()
    assert time.monotonic() - began < 5, said


BEHAVIOURS: dict[str, Callable[[Yard], None]] = {
    check.__name__: check
    for check in (
        exit_status, streams, places_and_variables, files_last, the_agent_has_no_powers, root_is_another_user,
        cpu_limit, cpu_of_the_tree, wall_limit, output_limit, memory_limit, memory_of_the_tree, memory_is_told,
        process_limit, file_limit, the_image_stays_as_it_is, no_network, sockets_of_the_host, nothing_of_the_host,
        system_calls_are_filtered, background_ends, the_keeper_is_out_of_reach, boxes_are_apart, a_closed_box_is_gone,
        closing_ends_a_command,
    )
} | FILE_BEHAVIOURS  # fmt: skip

KNOWN_GAPS: dict[str, frozenset[str]] = {
    # One uid does for all: what root may do in a box, the agent may.
    "rootfs": frozenset(("root_is_another_user",)),
    "docker": frozenset(),
}
"""Provider's name to the behaviours that it does not promise."""
