"""What only gVisor does; what every sandbox does is in the conformance suite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alphadial.envs import SandboxFailedError, SandboxUnavailableError
from alphadial.envs.sandbox import Sandbox, open_sandbox
from alphadial.envs.sandbox.conformance import LIMITS
from alphadial.envs.sandbox.gvisor import Gvisor
from alphadial.envs.sandbox.launch import Contained
from alphadial.envs.sandbox.slot import Slot
from alphadial.envs.sandbox.usage import Meter

from .tempting import NOTHING, added, descendants, groups, traces

installed = pytest.mark.skipif(shutil.which("runsc") is None, reason="gVisor is not installed")
PYTHON = ["python3", "-I", "-S", "-c"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox("gvisor") as opened:
        yield opened


def _only(monkeypatch: pytest.MonkeyPatch, folder: Path, runsc: str = "") -> None:
    """A PATH with bwrap and a runsc of ours, or none."""
    (folder / "bwrap").symlink_to(shutil.which("bwrap") or "/usr/bin/bwrap")
    if runsc:
        (folder / "runsc").write_text(f"#!/guest/bin/sh\n{runsc}\n")
        (folder / "runsc").chmod(0o755)
    for parent in (folder, *folder.parents[:-2]):
        parent.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_missing_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _only(monkeypatch, tmp_path)
    with pytest.raises(SandboxUnavailableError, match="gVisor is not installed; run: apt-get install runsc"):
        open_sandbox("gvisor")


def test_a_runsc_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = traces()
    _only(monkeypatch, tmp_path, "not a program")
    with pytest.raises(SandboxUnavailableError, match=r"gvisor does not work here \(gVisor failed: .+\); run: "):
        open_sandbox("gvisor")
    assert added(before) == NOTHING


@installed
def test_the_kernel_is_its_own_and_its_start_is_not_the_commands_time(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, used_s = Gvisor._begin, []

    def noting(self: Gvisor, slot: Slot, contained: Contained) -> Meter:
        meter = begin(self, slot, contained)
        used_s.append(slot.meter(contained.init)().cpu_s)
        return meter

    monkeypatch.setattr(Gvisor, "_begin", noting)
    result = sandbox.run(["cat", "/proc/version"], {}, "", LIMITS)
    assert result.stdout.startswith("Linux version 4.4.0")
    assert Path("/proc/version").read_text() != result.stdout
    assert result.cpu_s < used_s[0]  # 0.03 s on a quiet machine; starting takes 0.1 s


@installed
@pytest.mark.slow
def test_files_that_do_not_fit_are_our_failure(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFailedError, match="No space left"):
        sandbox.run(["true"], {"large": bytes(LIMITS.files_bytes + 1)}, "", LIMITS)


@installed
@pytest.mark.slow
def test_forged_marks_are_the_programs_own(sandbox: Sandbox) -> None:
    result = sandbox.run([*PYTHON, "import os; os.write(2, b'\\6\\6'); os._exit(128)"], {}, "", LIMITS)
    assert (result.exit_status, result.stderr) == (128, "\6\6")


@installed
@pytest.mark.slow
def test_many_runs_leave_nothing(sandbox: Sandbox) -> None:
    before = traces()
    for _ in range(30):
        assert sandbox.run(["true"], {}, "", LIMITS).exit_status == 0
    server = sandbox.open(LIMITS)
    for _ in range(20):
        server.start("def f(x):\n    return x\n", entry="f").close()
    server.close()
    assert added(before) == NOTHING


KILLED = """
import threading, time
from alphadial.envs import Limits
from alphadial.envs.sandbox import open_sandbox
sandbox = open_sandbox("gvisor")
limits = Limits(wall_s=1000.0)
threading.Thread(target=sandbox.run, args=(["sleep", "1000"], {}, "", limits), daemon=True).start()
program = sandbox.open(limits).start("import time\\ndef f(x): time.sleep(1000)", entry="f")
threading.Thread(target=program.call, args=("[1]",), daemon=True).start()
print("ready", flush=True)
time.sleep(1000)
"""


@installed
@pytest.mark.slow
def test_a_judge_that_is_killed_leaves_nothing() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, env=environment) as judge:
        assert judge.stdout is not None
        assert judge.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 120
        # Twice bwrap, its init, runsc, its file server and its kernel.
        while len(inside := descendants(judge.pid)) < 10:
            assert time.monotonic() < deadline, inside
            time.sleep(0.02)
        judge.kill()
    deadline = time.monotonic() + 60
    while (left := [process for process in inside if process.exists()]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left
    with open_sandbox("gvisor"):  # sweeps
        assert not groups(judge.pid)


@installed
@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_an_ordinary_user_may_use_it(tmp_path: Path) -> None:
    code = (
        "from alphadial.envs import Limits\nfrom alphadial.envs.sandbox import open_sandbox\n"
        "with open_sandbox('gvisor') as sandbox:\n"
        "    result = sandbox.run(['sh', '-c', 'id -u; while :; do :; done'], {}, '', Limits(cpu_s=0.5))\n"
        "    print(result.stdout.strip(), result.killed_by, sandbox.protection.own_uid)\n"
    )
    source = shutil.copytree(Path(sys.modules[Gvisor.__module__].__file__ or "").parents[2], tmp_path / "alphadial")
    for path in (source, *source.rglob("*"), *tmp_path.parents[:-2], tmp_path):
        path.chmod(0o755 if path.is_dir() else 0o644)
    done = subprocess.run(
        ["/usr/bin/python3", "-c", code],
        env={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}, cwd="/", user=61_990, group=61_990,
        extra_groups=[], capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["1000", "cpu", "False"], done.stderr
