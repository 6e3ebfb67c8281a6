"""Boxes without Docker: what they keep, what they forbid, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from alphadial.envs import KilledBy, Limits, SandboxFailedError
from alphadial.envs.errors import ImageError
from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox import Workspace
from alphadial.envs.sandbox.boxes import Box, Boxes, BoxLimits, open_boxes
from alphadial.envs.sandbox.cgroups import started
from alphadial.envs.units import MIB

LIMITS = Limits(cpu_s=10.0, wall_s=20.0)
SMALL = BoxLimits(memory_bytes=128 * MIB, processes=24, files_bytes=16 * MIB)


@pytest.fixture(scope="module")
def boxes() -> Iterator[Boxes]:
    with open_boxes("rootfs") as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(boxes: Boxes) -> Iterator[Box]:
    with boxes.open(boxes.find(ImageSource("host")), "/srv/app", SMALL) as opened:
        yield opened


@pytest.fixture
def box(boxes: Boxes, shared: Box) -> Iterator[Box]:
    """The shared one where no test has broken it, else another."""
    if shared.alive:
        shared.restore(Workspace())
        yield shared
        return
    with boxes.open(boxes.find(ImageSource("host")), "/srv/app", SMALL) as opened:
        yield opened


def sh(box: Box, command: str, limits: Limits = LIMITS) -> str:
    result = box.exec(["sh", "-c", command], limits)
    assert result.exit_status == 0, result
    return result.stdout


def test_a_command_runs_in_a_working_directory_that_lasts(box: Box) -> None:
    assert sh(box, "pwd; id -u; echo one > a; mkdir -p d/e") == "/srv/app\n1000\n"
    assert sh(box, "cat a; ls d") == "one\ne\n"
    result = box.exec(["cat"], LIMITS, stdin=b"given", cwd="/tmp", env={"X": "y"})
    assert (result.stdout, result.exit_status) == ("given", 0)
    assert box.exec(["sh", "-c", "pwd; echo $X"], LIMITS, cwd="/tmp", env={"X": "y"}).stdout == "/tmp\ny\n"
    assert box.exec(["no-such-command"], LIMITS).exit_status == 127
    assert box.exec(["sh", "-c", "kill -11 $$"], LIMITS).signal == 11


def test_the_host_image_has_python_and_pytest(box: Box) -> None:
    box.write("/srv/app/test_it.py", File(b"def test_it(): assert 1 + 1 == 2\n"))
    assert "1 passed" in sh(box, "python3 -I -B -m pytest -q -p no:cacheprovider test_it.py")
    assert box.exec(["python3", "-c", "import alphadial"], LIMITS).exit_status == 1


def test_snapshots_hold_files_links_bits_and_empty_folders(box: Box) -> None:
    sh(box, "echo a > a; chmod +x a; mkdir -p d/e f; echo b > f/b; ln -s ../../etc/passwd d/l; mkfifo p")
    first = box.snapshot()
    assert dict(first.files) == {
        "a": File(b"a\n", executable=True),
        "f/b": File(b"b\n"),
        "d/l": File(b"../../etc/passwd", link=True),
    }
    assert first.folders == {"d/e"}
    sh(box, "echo c > f/b; rm -r d a; mkdir a; echo x > a/x")
    second = box.snapshot()
    assert dict(second.files) == {"f/b": File(b"c\n"), "a/x": File(b"x\n")}
    box.restore(first)
    assert box.snapshot() == first
    assert sh(box, "test -x a; test ! -e p; cat f/b; readlink d/l") == "b\n../../etc/passwd\n"
    box.restore(second)
    assert box.snapshot() == second


def test_a_snapshot_shares_what_did_not_change_and_sees_every_change(box: Box) -> None:
    box.restore(Workspace({f"d{n % 7}/f{n}": File(b"%d" % n) for n in range(50)}))
    before = box.snapshot()
    sh(box, "cp d1/f1 /tmp/stamp; printf 9 > d1/f1; touch -r /tmp/stamp d1/f1; chmod +x d2/f2; mv d3/f3 d3/g3")
    after = box.snapshot()
    assert after.files["d1/f1"] == File(b"9")
    assert after.files["d2/f2"] == File(b"2", executable=True)
    assert "d3/f3" not in after.files
    assert after.files["d3/g3"] == File(b"3")
    assert all(
        after.files[path] is before.files[path]
        for path in before.files.keys() & after.files.keys() - {"d1/f1", "d2/f2"}
    )


def test_a_snapshot_sees_what_was_written_through_a_mapping(box: Box) -> None:
    box.restore(Workspace({"a": File(bytes(8192))}))
    box.snapshot()
    code = "import mmap; f = open('a', 'r+b'); m = mmap.mmap(f.fileno(), 8192); m[0]; m[0] = 1; m[5000] = 2"
    for _ in range(2):
        sh(box, f'python3 -c "{code}"')
        assert box.snapshot().files["a"].data.count(b"\0") == 8190
        code = code.replace("= 2", "= 3")


def test_folders_that_forbid_reading_and_writing_are_no_obstacle(box: Box) -> None:
    sh(box, "mkdir d; echo a > d/a; chmod 0 d/a d")
    assert box.snapshot().files["d/a"].data == b"a\n"
    box.restore(Workspace({"d/b": File(b"b")}))
    assert dict(box.snapshot().files) == {"d/b": File(b"b")}


@pytest.mark.parametrize("workdir", ["/usr/src/new/app", "/usr/share/app", "/var/tmp/x", "/home/user/app", "/tmp"])
def test_any_folder_can_be_the_working_directory(boxes: Boxes, workdir: str) -> None:
    with boxes.open(boxes.find(ImageSource("host")), workdir) as box:
        assert (
            sh(box, "pwd; echo a > a; ls -d /usr/bin /usr/share/git-core")
            == f"{workdir}\n/usr/bin\n/usr/share/git-core\n"
        )
        assert dict(box.snapshot().files) == {"a": File(b"a\n")}
        beside = [f"{workdir}/../x", "/usr/src/x", "/usr/share/x", "/x"]
        for path in beside if workdir.startswith("/usr") else beside[1:]:
            assert box.exec(["touch", path], LIMITS).exit_status == 1


def test_nothing_is_sealed_where_commands_may_write(boxes: Boxes) -> None:
    with boxes.open(boxes.find(ImageSource("host")), "/app") as box:
        for at in ("/logs", "/tmp", "/app", "/gradex"):
            with pytest.raises(SandboxFailedError, match="choose from /grade, /tests, /solution"):
                box.seal({"x": File(b"1")}, at)
    for workdir in ("/", "/dev", "/tests"):
        with pytest.raises(SandboxFailedError, match="no box can work"):
            boxes.open(boxes.find(ImageSource("host")), workdir)


def test_files_are_read_and_written_at_absolute_paths(box: Box) -> None:
    box.write("/logs/verifier/x", File(b"yes", executable=True))
    assert sh(box, "test -x /logs/verifier/x; echo no > /logs/verifier/y; cat /logs/verifier/x") == "yes"
    assert (box.read("/logs/verifier/y", 3), box.read("/logs/verifier/y", 2)) == (b"no\n", None)
    sh(box, "ln -s /etc/passwd l; ln -s /proc/self/environ m")
    assert (box.read("/srv/app/l", 10_000) or b"").startswith(b"root:x:0:0:root:/:")
    for path in ("/srv/app/m", "/srv/app", "/dev/zero", "/nowhere"):
        assert box.read(path, 10_000) is None
    for path in ("relative", "/a/../b"):
        with pytest.raises(ValueError, match="absolute"):
            box.read(path, 1)
    with pytest.raises(SandboxFailedError, match="Read-only"):
        box.write("/usr/x", File(b""))
    assert sh(box, "true") == ""


def test_limits_end_a_command_and_leave_the_box(box: Box) -> None:
    box.restore(Workspace({"a": File(b"a")}))
    assert box.exec(["sleep", "60"], Limits(wall_s=0.2)).killed_by is KilledBy.WALL
    assert box.exec(["sh", "-c", "while :; do :; done"], Limits(cpu_s=0.2)).killed_by is KilledBy.CPU
    assert box.exec(["yes"], Limits(output_bytes=1000)).killed_by is KilledBy.OUTPUT
    assert box.alive
    assert sh(box, "cat a") == "a"


def test_what_a_command_leaves_running_ends_with_it(box: Box) -> None:
    sh(box, "setsid sleep 61 & (sleep 61 & ) ; setsid sh -c 'sleep 0.2; echo late > late' & ")
    time.sleep(0.3)
    assert "sleep" not in sh(box, "cat /proc/[0-9]*/comm; ls")
    assert not box.snapshot().files


def test_too_much_memory_ends_the_box_and_another_goes_on(boxes: Boxes) -> None:
    image = boxes.find(ImageSource("host"))
    with boxes.open(image, "/app", SMALL) as box:
        result = box.exec(["python3", "-c", "x = b'x' * (300 << 20)"], LIMITS)
        assert (result.oom, result.killed_by) == (True, KilledBy.MEMORY)
        assert not box.alive
        with pytest.raises(SandboxFailedError, match="gone"):
            box.snapshot()


def test_files_have_their_limit(box: Box) -> None:
    for folder in (".", "/tmp", "/dev/shm", "/var/tmp"):
        code = f"dd if=/dev/zero of={folder}/x bs=1M count=15 2>&1; dd if=/dev/zero of={folder}/y bs=1M count=9 2>&1"
        assert "No space left" in box.exec(["sh", "-c", f"{code}; rm {folder}/x {folder}/y"], LIMITS).stdout


def test_a_tree_of_an_image_comes_without_its_history(boxes: Boxes) -> None:
    image = boxes.find(ImageSource("host"))
    assert set(boxes.tree(image, "/etc").files) >= {"passwd", "hosts"}
    with pytest.raises(ImageError, match="no readable folder /nowhere"):
        boxes.tree(image, "/nowhere")


def test_an_image_that_is_not_there_is_named(boxes: Boxes) -> None:
    with pytest.raises(ImageError, match="the image other"):
        boxes.find(ImageSource("other"))


def test_a_box_ends_with_its_owner() -> None:
    code = """
import sys
from alphadial.envs import Limits
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes import open_boxes
boxes = open_boxes()
box = boxes.open(boxes.find(ImageSource("host")), "/app")
print(box._init, flush=True)
box.exec(["sleep", "60"], Limits(wall_s=60))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        first = int(owner.stdout.readline())
        time.sleep(0.2)
        os.kill(owner.pid, signal.SIGKILL)
        ended = time.monotonic()
        while _lives(first):
            assert time.monotonic() - ended < 1
            time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return bool(started(pid))
    except OSError:  # it may be that nobody has waited for it
        return False
