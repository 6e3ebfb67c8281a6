from __future__ import annotations

import gc
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import alphadial
from alphadial.envs import Limits, RunResult, SandboxFailedError, SandboxUnavailableError
from alphadial.envs.errors import MachineFullError
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import Sandbox, cgroups, interpreter, launch, namespaces, open_sandbox, orphans, seccomp
from alphadial.envs.sandbox.channel import Channel, channel_ends
from alphadial.envs.sandbox.conformance import LIMITS
from alphadial.envs.sandbox.guest import frames
from alphadial.envs.sandbox.layout import BOX
from alphadial.envs.sandbox.probe import checks
from alphadial.envs.types import Interface, Problem, Test, Verdict

from .labelled import judged_at, labelled
from .tempting import groups

ECHO = "def f(x):\n    return x\n"
STEPS = replace(LIMITS, steps=1000)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as opened:
        yield opened


def call(sandbox: Sandbox, limits: Limits = STEPS) -> RunResult:
    server = sandbox.open(limits)
    try:
        return server.start(ECHO, entry="f").call("[1]")
    finally:
        server.close()


_ORDINARY = """
import asyncio, multiprocessing, sqlite3, socket, threading
def child(end):
    end.send(socket.AF_UNIX)
async def later(x):
    await asyncio.sleep(0)
    return x
def f(x):
    left, right = socket.socketpair()
    threading.Thread(target=left.sendall, args=(b'x',)).start()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context('fork').Process(target=child, args=(theirs,))
    process.start()
    base = sqlite3.connect(':memory:')
    return [asyncio.run(later(x)), right.recv(1).decode(), ours.recv(), *base.execute('select 7').fetchone()]
"""


def test_warm_programs_without_sockets_still_have_loops_and_processes(sandbox: Sandbox) -> None:
    server = sandbox.open(Limits(cpu_s=20.0, wall_s=60.0))
    try:
        result = server.start(_ORDINARY, entry="f").call("[3]")
        assert result.stdout == '[3, "x", 1, 7]', result
    finally:
        server.close()


def test_a_process_proves_its_sandbox_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sandbox), "run", None)
    with open_sandbox() as another:
        assert another.protection == sandbox.protection


def test_names() -> None:
    with pytest.raises(SandboxUnavailableError, match="named 'docker'; choose from: bubblewrap, gvisor, trusted"):
        open_sandbox("docker")


def test_bubblewrap_missing_names_the_command_and_never_falls_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailableError, match="run: apt-get install bubblewrap"):
        open_sandbox()
    assert [(check.name, check.ok, check.mend) for check in checks()] == [
        ("bubblewrap", False, "apt-get install bubblewrap")
    ]


def _fake_bwrap(monkeypatch: pytest.MonkeyPatch, folder: Path, says: str) -> None:
    fake = folder / "bwrap"
    fake.write_text(f"#!/bin/sh\necho 'bwrap: {says}' >&2\nexit 1\n")
    fake.chmod(0o755)
    for parent in (folder, *folder.parents[:-2]):
        parent.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_bubblewrap_that_is_refused_or_too_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(namespaces, "mend", lambda: "sudo sysctl -w user.max_user_namespaces=15000")
    _fake_bwrap(monkeypatch, tmp_path, "No permissions to create new namespace")
    said = r"\(bwrap: No permissions to create new namespace\); run: sudo sysctl -w user.max_user_namespaces=15000"
    with pytest.raises(SandboxUnavailableError, match=said):
        open_sandbox()
    assert [check.mend for check in checks() if not check.ok] == ["sudo sysctl -w user.max_user_namespaces=15000"]
    _fake_bwrap(monkeypatch, tmp_path, "Unknown option --size")
    with pytest.raises(SandboxUnavailableError, match=r"older than 0\.7; run: apt-get install bubblewrap"):
        open_sandbox()


def test_the_mend_names_only_the_switches_that_refuse(tmp_path: Path) -> None:
    for name, value in (("kernel/unprivileged_userns_clone", "1"), ("user/max_user_namespaces", "0")):
        (tmp_path / "proc/sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc/sys" / name).write_text(value + "\n")
    assert namespaces.mend(tmp_path) == "sudo sysctl -w user.max_user_namespaces=15000"
    (tmp_path / "proc/sys/user/max_user_namespaces").write_text("9\n")
    assert namespaces.mend(tmp_path) == ""
    (tmp_path / ".dockerenv").touch()
    assert namespaces.mend(tmp_path).startswith("docker run --security-opt")


def test_checks_report_what_is_reached(sandbox: Sandbox) -> None:
    found = {check.name: check for check in checks()}
    assert found["sandbox"].ok
    assert found["cgroup"].ok is (sandbox.protection.cgroup is not None)
    assert ("verdicts" in found) is (sandbox.protection.cgroup is None)
    assert found["own host uid"].ok is (os.geteuid() == 0)
    assert all(check.ok or check.mend or check.name == "seccomp" for check in found.values())


@pytest.mark.parametrize(("managed", "mend"), [(True, "systemd-run --user --scope"), (False, "sudo alphadial")])
def test_without_a_cgroup_the_doctor_says_which_verdicts_differ(
    monkeypatch: pytest.MonkeyPatch, managed: bool, mend: str
) -> None:
    exists = Path.exists
    monkeypatch.setattr(cgroups, "find", lambda: None)
    monkeypatch.setattr(Path, "exists", lambda path: managed if path.match("/run/user/*/systemd") else exists(path))
    found = {check.name: check for check in checks()}
    assert "looked at every few milliseconds" in found["cgroup"].detail
    assert "children that nobody waits for" in found["verdicts"].detail
    assert all(found[name].mend.startswith(mend) for name in ("cgroup", "verdicts"))


def test_a_server_outlives_the_thread_that_opened_it(sandbox: Sandbox) -> None:
    servers = []
    thread = threading.Thread(target=lambda: servers.append(sandbox.open(STEPS)))
    thread.start()
    thread.join()
    time.sleep(0.05)
    assert servers[0].start(ECHO, entry="f").call("[1]").stdout == "1"
    servers[0].close()


def test_a_server_that_dies_is_our_failure_and_a_new_one_works(sandbox: Sandbox) -> None:
    server = sandbox.open(STEPS)
    program = server.start(ECHO, entry="f")
    assert program.call("[1]").stdout == "1"
    server._host.kill()  # type: ignore[attr-defined]
    with pytest.raises(SandboxFailedError, match="does not answer"):
        program.call("[1]")
    assert not server.alive()
    with pytest.raises(SandboxFailedError):
        server.start(ECHO, entry="f")
    assert call(sandbox).stdout == "1"


def test_a_server_that_does_not_come_up_says_why(sandbox: Sandbox) -> None:
    # Too little memory for the fork server is not the program's failure: none has started.
    with pytest.raises(SandboxFailedError, match="could not be isolated"):
        call(sandbox, replace(STEPS, files_bytes=-1))


def test_steps_counts_do_not_depend_on_the_order_of_sets(sandbox: Sandbox) -> None:
    source = "def f(n):\n    return [w for w in set(['a' * i for i in range(1, n)])]\n"
    answers = []
    for _ in range(2):
        server = sandbox.open(STEPS)
        answers.append(server.start(source, entry="f").call("[20]").stdout)
        server.close()
    assert answers[0] == answers[1]


@pytest.fixture
def small_parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sandboxes' groups lie within one that holds 128 MiB."""
    found = cgroups.find()
    if found is None:
        pytest.skip("no cgroup to make others in")
    around = found.create(128 << 20, 64)
    small = cgroups.Parent(found.version, around._memory, around._pids, around._folders[-1])
    if found.version == "v2":
        (around._memory / "cgroup.subtree_control").write_text("+memory +pids")
    monkeypatch.setattr(cgroups, "find", lambda: small)
    yield
    around.close()


@pytest.mark.thorough
@pytest.mark.usefixtures("small_parent")
def test_a_machine_out_of_memory_is_our_failure() -> None:
    code = "print(len(bytearray(b'x') * ({} << 20)))"
    with open_sandbox() as sandbox:
        for limit, held in ((64, 256), (1024, 32)):
            limits = Limits(cpu_s=5, wall_s=20, memory_bytes=limit << 20)
            result = sandbox.run(["python3", "-c", code.format(held)], {}, "", limits)
            assert result.oom is (held > limit)
        limits = replace(limits, memory_bytes=1024 << 20)
        with pytest.raises(MachineFullError, match="the machine ran out of memory, not the program"):
            sandbox.run(["python3", "-c", code.format(256)], {}, "", limits)
        with Judge(sandbox, workers=1) as judge:
            problem = Problem("p", "", "", "", "", "f", (Test(1, "[]", "1"),), replace(limits, files_bytes=1 << 20))
            assert judge.judge(problem, "def f(): return 1").verdict is Verdict.AC
            assert judge.judge(problem, "def f(): return len(bytearray(b'x') * (256 << 20))").verdict is None
        problem = replace(problem, interface=Interface.STDIO)
        solution = labelled("s", "python3", {"main.py": code.format(256)})
        assert "the machine ran out of memory" in judged_at(Judge(sandbox), problem, solution, 2.0).error


def test_a_run_that_cannot_begin_leaves_no_descriptor(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise SandboxFailedError("no group")

    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    monkeypatch.setattr("alphadial.envs.sandbox.bubblewrap.Slot", refuse)
    before = count()
    for _ in range(3):
        with pytest.raises(SandboxFailedError):
            sandbox.run(["true"], {"a": "b"}, "", Limits())
        with pytest.raises(SandboxFailedError):
            sandbox.open(STEPS)
    assert count() == before


@pytest.mark.thorough
def test_what_a_program_uses_while_the_judge_waits_for_the_cpu_counts(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = Channel.ready

    def late(channel: Channel) -> int:
        pid = ready(channel)
        time.sleep(0.8)
        return pid

    monkeypatch.setattr(Channel, "ready", late)
    server = sandbox.open(replace(LIMITS, cpu_s=5.0))
    busy = "import time\nwhile time.process_time() < 0.2: pass\ndef f(x): return x\n"
    assert server.start(busy, entry="f").call("[1]").cpu_s >= 0.1
    server.close()


def test_a_program_that_is_ready_at_once_is_known_by_its_process() -> None:
    ours, theirs = channel_ends()
    with theirs:
        theirs.send(frames.READY)
        channel = Channel(ours, 1000)
        assert channel.ready() == os.getpid()
        channel.close()


def test_null_bytes_in_a_command_are_our_failure(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFailedError, match="null byte"):
        sandbox.run(["echo", "a\0b"], {}, "", Limits())


@pytest.mark.thorough
def test_a_run_reports_cpu_time_and_peak_of_its_children(sandbox: Sandbox) -> None:
    code = "import os\nif not os.fork():\n  x = bytearray(b'x') * (40 << 20)\n  while os.times().user < 0.1: pass\n  os._exit(0)\nos.wait()"  # noqa: E501
    result = sandbox.run(["python3", "-I", "-S", "-c", code], {}, "", replace(LIMITS, cpu_s=5.0, wall_s=30.0))
    assert result.exit_status == 0
    assert result.cpu_s >= 0.1
    assert result.peak_bytes is None or result.peak_bytes > 40 << 20


KILLED = """
import sys, time
from alphadial.envs import Limits
from alphadial.envs.sandbox import open_sandbox
sandbox = open_sandbox()
source = "import os, time\\ndef f(x):\\n    os.fork()\\n    time.sleep(1000)\\n"
program = sandbox.open(Limits()).start(source, entry="f")
import threading
threading.Thread(target=program.call, args=("[1]",), daemon=True).start()
print("ready", flush=True)
time.sleep(1000)
"""


@pytest.mark.thorough
def test_a_judge_that_is_killed_leaves_nothing(sandbox: Sandbox) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, env=environment) as judge:
        assert judge.stdout is not None
        assert judge.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 60
        while len(inside := _tree(judge.pid) - {judge.pid}) < 5:  # bwrap, its init, the server, the program, its child
            assert time.monotonic() < deadline, inside
            time.sleep(0.02)
        judge.kill()
    deadline = time.monotonic() + 60
    while (left := [pid for pid in inside if _lives(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left
    with open_sandbox():  # sweeps
        assert not groups(judge.pid)


def _tree(pid: int) -> set[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return set()
    return {pid}.union(*map(_tree, children))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_uids_are_not_shared() -> None:
    first, second = launch.Uid(), launch.Uid()
    assert first.number != second.number
    released = first.number
    first.release()
    third = launch.Uid()
    assert third.number == released
    for uid in (second, third):
        uid.release()


def test_the_interpreter_is_within_reach_of_the_uid_that_runs_it() -> None:
    for another_uid in (False, True):
        found = interpreter.choose(another_uid)
        assert found is not None
        if another_uid:
            assert all(folder.stat().st_mode & 0o001 for folder in found.executable.parents)
        assert not any(Path("/usr/lib/python3.11") == hidden for hidden in found.hidden())


def test_installed_packages_and_our_own_are_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own, packages = tmp_path / "lib/python3.11/alphadial", tmp_path / "lib/python3.11/site-packages"
    for folder in (own, packages):
        folder.mkdir(parents=True)
    monkeypatch.setattr(alphadial, "__path__", [str(own)])
    hidden = interpreter.Interpreter(tmp_path / "bin/python3", tmp_path).hidden()
    assert {own, packages} <= set(hidden)
    (packages / "alphadial").mkdir()
    monkeypatch.setattr(alphadial, "__path__", [str(packages / "alphadial")])
    hidden = interpreter.Interpreter(tmp_path / "bin/python3", tmp_path).hidden()
    assert packages / "alphadial" not in hidden
    assert packages in hidden


def test_a_sandbox_that_someone_has_stopped_ends() -> None:
    with open_sandbox() as sandbox:
        server = sandbox.open(Limits())
        for bwrap in Path("/proc/self/task").glob("*/children"):
            for child in bwrap.read_text().split():
                if Path(f"/proc/{child}/comm").read_text() == "bwrap\n":
                    os.kill(int(child), signal.SIGSTOP)
        server.close()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_decides_every_call(machine: str) -> None:
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    numbers = {
        "x86_64": {"read": 0, "ptrace": 101, "clone3": 435, "clone": 56, "socket": 41, "ioctl": 16, "bpf": 321},
        "aarch64": {"read": 63, "ptrace": 117, "clone3": 435, "clone": 220, "socket": 198, "ioctl": 29, "bpf": 280},
    }[machine]
    code = seccomp.deny_list(machine)

    def decide(name: str, *arguments: int, arch: int = arch) -> int:
        return _interpret(code, numbers[name], arch, arguments)

    allow, kill, eperm, enosys, eafnosupport = 0x7FFF0000, 0x80000000, 0x50001, 0x50026, 0x50061
    assert [decide(name) for name in ("read", "ptrace", "bpf", "clone3")] == [allow, eperm, eperm, enosys]
    assert decide("read", arch=0x40000003) == kill
    assert [decide("clone", flags) for flags in (0x11, 0x3D0F00, 0x10000011, 0x20000011)] == [
        allow,
        allow,
        eperm,
        eperm,
    ]
    assert [decide("socket", family) for family in (1, 2, 10, 16, 17, 38, 40)] == [allow] * 4 + [eafnosupport] * 3
    assert [decide("ioctl", 0, command) for command in (0x5401, 0x5412, 0x541C)] == [allow, eperm, eperm]
    denied = [n for n in range(600) if _interpret(code, n, arch, ()) not in (allow, eafnosupport)]
    column = 0 if machine == "x86_64" else 1
    listed = {row[column] for row in seccomp.DENIED.values()} - {None} | {435, 437, (327, 286)[column]}
    assert set(denied) == listed
    openat, fcntl = ((257, 72), (56, 25))[column]
    assert [_interpret(code, openat, arch, (0, 0, flags)) for flags in (0x2, 0x40002)] == [allow, eperm]
    assert [_interpret(code, fcntl, arch, (0, 4, flags)) for flags in (0x800, 0x40800)] == [allow, eperm]
    assert [_interpret(code, fcntl, arch, (0, call, 0x40000)) for call in (3, 1024, 1026)] == [allow, eperm, eperm]
    assert _interpret(code, 0x40000000, arch, ()) == kill
    told = seccomp.deny_list(machine, warm=True, told=True)
    asks = [n for n in range(600) if _interpret(told, n, arch, (1, 1)) == 0x7FC00000]
    of_warm_programs = {"x86_64": [41, 42, 49, 73], "aarch64": [32, 198, 200, 203]}
    assert asks == of_warm_programs[machine]
    fcntl = {"x86_64": 72, "aarch64": 25}[machine]
    assert [_interpret(told, fcntl, arch, (0, n)) for n in (1, 6, 37, 1026)] == [allow, 0x7FC00000, 0x7FC00000, eperm]


def _interpret(code: bytes, number: int, arch: int, arguments: tuple[int, ...]) -> int:
    """Classic BPF over ``struct seccomp_data``, as the kernel runs it."""
    filled = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<iIQ6Q", number if number < 1 << 31 else number - (1 << 32), arch, 0, *filled)
    program = [struct.unpack_from("=HBBI", code, offset) for offset in range(0, len(code), 8)]
    accumulator = position = 0
    while True:
        operation, if_true, if_false, value = program[position]
        position += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == 0x06:
            return int(value)
        else:
            true = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
            position += if_true if true else if_false


def test_v1_groups_are_found_from_the_text_of_proc() -> None:
    memberships = "8:pids:/a\n4:memory:/docker/x/b\n3:cpu,cpuacct:/\n0::/\n"
    mountinfo = (
        "30 25 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        "31 25 0:27 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "32 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    )
    (parent,) = cgroups.candidates(memberships, mountinfo)
    top = Path("/sys/fs/cgroup")
    assert parent == cgroups.Parent("v1", top / "memory/b", top / "pids/a", top / "cpu,cpuacct")


def test_v2_groups_are_made_where_controllers_are_handed_down(tmp_path: Path) -> None:
    own = tmp_path / "user.slice" / "app.slice" / "run.scope"
    own.mkdir(parents=True)
    for folder, handed in ((own, ""), (own.parent, "cpu memory pids"), (own.parent.parent, "memory"), (tmp_path, "")):
        (folder / "cgroup.subtree_control").write_text(handed)
    (own / "cgroup.subtree_control").chmod(0o444)
    if os.geteuid() == 0:
        (own / "cgroup.subtree_control").unlink()
        (own / "cgroup.subtree_control").mkdir()  # not even root writes there
    mountinfo = f"30 25 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n"
    found = list(cgroups.candidates("0::/user.slice/app.slice/run.scope\n", mountinfo))
    assert found == [cgroups.Parent("v2", own.parent, own.parent, own.parent, own.parent)]


def test_v2_counters(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    (tmp_path / "memory.swap.max").write_text("max")
    (tmp_path / "memory.peak").write_text("4096\n")
    group = cgroups.Group("v2", tmp_path, tmp_path, tmp_path, tmp_path)
    group.limit(1 << 20, 5, 1.5)
    assert (group.cpu_s(), group.oom_kills(), group.peak_bytes()) == (1.5, 2, 4096)
    (tmp_path / "memory.events").write_text("low 0\noom 0\noom_kill 1\n")
    with pytest.raises(MachineFullError):  # killed, but not for a limit of its own
        group.oom_kills()
    limits = [(tmp_path / name).read_text() for name in ("memory.max", "memory.swap.max", "pids.max", "cpu.max")]
    assert limits == [str(1 << 20), "0", "5", "150000 100000"]
    for path in tmp_path.iterdir():
        path.unlink()
    group.close()
    assert not tmp_path.exists()


def test_groups_of_a_dead_owner_are_swept() -> None:
    parent = cgroups.find()
    if parent is None:
        pytest.skip("no cgroup is writable here")
    with subprocess.Popen(["true"]) as gone:
        pass
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    orphan = f"{cgroups.PREFIX}{namespace}-{gone.pid}-1-0"
    foreign = f"{cgroups.PREFIX}1-{gone.pid}-1-0"
    for folder in parent.folders:
        (folder / orphan).mkdir()
        (folder / foreign).mkdir()
    with subprocess.Popen(["sleep", "100"]) as sleeping:
        (parent.pids / orphan / "cgroup.procs").write_text(str(sleeping.pid))
        orphans.sweep_groups(parent)
        assert sleeping.wait() == -signal.SIGKILL
    for folder in parent.folders:
        assert not (folder / orphan).exists()
        (folder / foreign).rmdir()  # of another pid namespace, whose owner we cannot see


_HANGS_IN_THE_START = """
import time
from alphadial.envs import Limits
from alphadial.envs.sandbox import Workspace, launch, open_sandbox
sandbox = open_sandbox()
first_process = launch._first_process
def hang(status):
    print(first_process(status), flush=True)
    time.sleep(60)
launch._first_process = hang
sandbox.run_in(Workspace.of({}), ["sleep", "60"], Limits())
"""


def _await_end(pid: int) -> None:
    deadline = time.monotonic() + 60
    while (proc := Path(f"/proc/{pid}/cmdline")).exists() and proc.read_bytes():
        assert time.monotonic() < deadline, proc.read_bytes()[-200:]
        time.sleep(0.01)


def test_a_judge_that_is_killed_while_a_sandbox_starts_lets_no_command_begin() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _HANGS_IN_THE_START]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        inner = int(owner.stdout.readline())
        time.sleep(0.1)  # bwrap has bound itself to its owner, and waits to be let go
        owner.kill()
    _await_end(inner)


def test_a_judge_that_is_killed_before_bwrap_has_its_options_leaves_nothing() -> None:
    hangs = _HANGS_IN_THE_START.replace("_first_process", "_admit").replace("(status)", "(start, *_)")
    hangs = hangs.replace("print(first_process(start, *_), flush=True)", "print(start.process.pid, flush=True)")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", hangs], env=environment, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        waiting = int(owner.stdout.readline())
        owner.kill()
    _await_end(waiting)


def test_a_run_that_is_refused_leaves_no_descriptor(sandbox: Sandbox) -> None:
    gc.collect()  # what earlier tests dropped
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("/outside", "../outside"):
        with pytest.raises(ValueError, match="outside"):
            sandbox.run(["true"], {"inside": "", path: ""}, "", Limits())
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_never_began_is_swept_and_what_lives_is_not(sandbox: Sandbox) -> None:
    bwrap, mark = shutil.which("bwrap"), f"mark-{os.getpid()}"
    assert bwrap is not None
    reader, writer = os.pipe()
    os.close(reader)  # writing to it kills bwrap, before it lets its child begin
    arguments = ["--unshare-all", "--setenv", "HOME", BOX, "--setenv", "MARK", mark, "--json-status-fd", str(writer)]
    subprocess.run([bwrap, *arguments, "--ro-bind", "/", "/", "--", "true"], pass_fds=[writer], check=False)
    os.close(writer)

    def left() -> list[int]:
        lines = {int(line.parent.name): line for line in Path("/proc").glob("[0-9]*/cmdline")}
        return [pid for pid, line in lines.items() if line.exists() and mark.encode() in line.read_bytes()]

    (stuck,) = left()
    server = sandbox.open(STEPS)
    program = server.start(ECHO, entry="f")
    orphans.sweep()
    _await_end(stuck)
    assert program.call("[1]").stdout == "1"
    server.close()


_INTERRUPTED = """
import signal
from alphadial.envs import Limits
from alphadial.envs.sandbox import open_sandbox
signal.signal(signal.SIGINT, lambda *_: None)
with open_sandbox() as sandbox:
    print("opened", flush=True)
    print(sandbox.run(["sh", "-c", "sleep 1; echo done"], {}, "", Limits()).stdout)
"""


@pytest.mark.thorough
def test_ctrl_c_reaches_no_sandbox() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _INTERRUPTED]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "opened\n"
        for _ in range(6):
            time.sleep(0.1)
            os.killpg(owner.pid, signal.SIGINT)
        said, errors = owner.communicate(timeout=120)
    assert said == "done\n\n", errors
