"""Boxes without Docker: what they keep, what they forbid, and that nothing of them is left."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs import KilledBy, Limits, SandboxFailedError
from alphadial.envs.errors import ImageError
from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox import Workspace, cgroups
from alphadial.envs.sandbox.boxes import Box, Boxes, BoxLimits, Image, open_boxes
from alphadial.envs.sandbox.boxes.rootfs_boxes import RootfsBoxes
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


def test_the_host_image_has_python_and_pytest(box: Box) -> None:
    box.write("/srv/app/test_it.py", File(b"def test_it(): assert 1 + 1 == 2\n"))
    assert "1 passed" in sh(box, "python3 -I -B -m pytest -q -p no:cacheprovider test_it.py")
    assert box.exec(["python3", "-c", "import alphadial"], LIMITS).exit_status == 1


def test_a_snapshot_sees_what_was_written_through_a_mapping(box: Box) -> None:
    box.restore(Workspace({"a": File(bytes(8192))}))
    box.snapshot()
    code = "import mmap; f = open('a', 'r+b'); m = mmap.mmap(f.fileno(), 8192); m[0]; m[0] = 1; m[5000] = 2"
    for _ in range(2):
        sh(box, f'python3 -c "{code}"')
        assert box.snapshot().files["a"].data.count(b"\0") == 8190
        code = code.replace("= 2", "= 3")


def test_this_machine_is_an_image_only_where_pytest_is_installed(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(ImageError, match=r"run: pip install 'alphadial\[repositories\]'"):
        boxes.find(ImageSource("host"))


@pytest.mark.parametrize("workdir", ["/usr/src/new/app", "/usr/share/app", "/var/tmp/x", "/data/user/app", "/tmp"])
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
            with pytest.raises(SandboxFailedError, match="nothing is sealed in"):
                box.seal({"x": File(b"1")}, at)
    for workdir in ("/", "/dev", "/proc/self", "/tests/new"):
        with pytest.raises(SandboxFailedError, match="no box can work"):
            boxes.open(boxes.find(ImageSource("host")), workdir)


@pytest.mark.parametrize("later_s", [0.0, pytest.param(0.5, marks=pytest.mark.thorough)])
def test_a_box_that_cannot_start_says_why(boxes: Boxes, monkeypatch: pytest.MonkeyPatch, later_s: float) -> None:
    """Whether it is asked before it has ended or after."""
    settings = RootfsBoxes._settings

    def later(self: RootfsBoxes, *of: Any) -> dict[str, object]:
        time.sleep(later_s)
        return settings(self, *of)

    monkeypatch.setattr(RootfsBoxes, "_settings", later)
    with pytest.raises(SandboxFailedError, match="nowhere"):
        boxes.open(boxes.find(ImageSource("host")), "/app", sockets=Path("/nowhere"))


@pytest.mark.thorough
def test_limits_end_a_command_and_leave_the_box(box: Box) -> None:
    box.restore(Workspace({"a": File(b"a")}))
    for wall_s in (0.2, *[0.0001] * 5):  # so short that it may be over before the keeper has read what to run
        assert box.exec(["sleep", "60"], Limits(wall_s=wall_s)).killed_by is KilledBy.WALL
    assert box.exec(["sh", "-c", "while :; do :; done"], Limits(cpu_s=0.2)).killed_by is KilledBy.CPU
    assert box.exec(["yes"], Limits(output_bytes=1000)).killed_by is KilledBy.OUTPUT
    assert box.alive
    assert sh(box, "cat a") == "a"


@pytest.mark.thorough
def test_a_box_ends_with_its_owner() -> None:
    code = """
import sys
from alphadial.envs import Limits
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes import Box, BoxLimits, Boxes, Image, open_boxes
boxes = open_boxes()
box = boxes.open(boxes.find(ImageSource("host")), "/app")
print(box._init, flush=True)
box.exec(["sleep", "600"], Limits(wall_s=600))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        first = int(owner.stdout.readline())
        time.sleep(0.2)
        os.kill(owner.pid, signal.SIGKILL)
        ended = time.monotonic()
        while _lives(first):
            assert time.monotonic() - ended < 30
            time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return bool(started(pid))
    except OSError:  # it may be that nobody has waited for it
        return False


@pytest.mark.thorough
@pytest.mark.skipif(cgroups.find() is None, reason="CPUs are limited by a cgroup alone")
def test_a_box_has_no_more_than_its_cpus(boxes: Boxes) -> None:
    limits = BoxLimits(cpus=0.25)
    code = "import os, time\nos.fork(); end = time.time() + 0.6\nwhile time.time() < end: pass"
    with boxes.open(boxes.find(ImageSource("host")), "/app", limits) as box:
        done = box.exec(["python3", "-c", code], LIMITS)
    assert done.cpu_s < 0.35 * done.wall_s + 0.05


def test_a_terminal_can_be_made(box: Box) -> None:
    assert sh(box, "python3 -c 'import pty; pty.spawn([\"tty\"])'") == "/dev/pts/0\r\n"


def test_where_temporary_files_lie_cannot_be_taken_away(box: Box) -> None:
    box.exec(["sh", "-c", "rm -rf /.box/* /tmp /logs; mv /.box/tmp /.box/x; mv /.box/logs /tmp/x"], LIMITS)
    assert sh(box, "echo x > /tmp/a; echo x > /logs/a; cat /tmp/a /logs/a") == "x\nx\n"


@pytest.mark.thorough
def test_a_box_that_files_have_filled_is_opened_anew(boxes: Boxes) -> None:
    limits = BoxLimits(memory_bytes=24 * MIB, files_bytes=16 * MIB)
    with boxes.open(boxes.find(ImageSource("host")), "/app", limits) as box:
        assert box.exec(["sh", "-c", "head -c 15M /dev/zero > a"], LIMITS).exit_status == 0
        assert len(box.snapshot().files["a"].data) == 15 * MIB
        assert box.exec(["sh", "-c", "head -c 15M /dev/zero > /tmp/a"], LIMITS).exit_status == 0
        assert not box.alive


def test_a_forked_child_has_boxes_of_its_own(boxes: Boxes, box: Box) -> None:
    sh(box, "echo of the parent > a")
    child = os.fork()
    if child == 0:
        wrong = 1
        try:
            with boxes.open(boxes.find(ImageSource("host")), "/app") as own:
                wrong = int(sh(own, "ls; echo b") != "b\n" or box.alive)
            boxes.close()
        finally:
            os._exit(wrong)
    assert os.waitpid(child, 0)[1] == 0
    assert sh(box, "cat a") == "of the parent\n"


@pytest.mark.thorough
def test_a_box_whose_answer_nobody_has_read_is_gone(boxes: Boxes) -> None:
    with boxes.open(boxes.find(ImageSource("host")), "/app") as box:
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            box.exec(["sleep", "5"], LIMITS)
        signal.signal(signal.SIGALRM, before)
        with pytest.raises(SandboxFailedError, match="the box is gone"):
            box.exec(["true"], LIMITS)
        assert not box.alive


@pytest.mark.thorough
def test_boxes_are_used_in_many_threads(boxes: Boxes) -> None:
    def use(number: int) -> str:
        with boxes.open(boxes.find(ImageSource("host")), "/app", SMALL) as box:
            box.restore(Workspace({"a": File(b"%d" % number)}))
            return sh(box, "cat a; ls | wc -l")

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(use, range(8))) == [f"{number}1\n" for number in range(8)]


@pytest.fixture(scope="module")
def folder(boxes: Boxes, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """An image that is a folder, which nobody but its owner can reach."""
    top = tmp_path_factory.mktemp("image")
    top.chmod(0o700)
    root = top / "rootfs"
    for name in ("bin", "lib", "lib64"):
        if Path(f"/{name}").is_symlink():
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
        else:
            (root / name).mkdir(parents=True)
    for program in ("sh", "cat"):
        found = shutil.which(program)
        assert found is not None
        shutil.copy(found, root / "bin" / program)
        for library in re.findall(r"(/\S+) \(", subprocess.run(["ldd", found], capture_output=True, text=True).stdout):
            (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root / library[1:])
    for path in ("srv/app/.git", "srv/app/src", "tests"):
        (root / path).mkdir(parents=True)
        (root / path / "file").write_text(path)
    (root / "srv/app/secret").write_text("of root alone")
    (root / "srv/app/secret").chmod(0o600)
    (root / "srv/link").symlink_to("/etc")
    return Image("an id", str(top), {"WHAT": "of the image"}, "/srv/app")


def test_a_folder_is_an_image_though_its_owner_alone_can_reach_it(boxes: Boxes, folder: Image) -> None:
    with boxes.open(folder, folder.workdir) as box:
        assert sh(box, "echo $WHAT; echo /tests/*; echo x > a; cat a") == "of the image\n/tests/*\nx\n"
        for path in ("/srv/b", "/srv/app/../b", "/bin/sh", "/b", "/tests/b"):
            assert box.exec(["sh", "-c", f"echo > {path}"], LIMITS).exit_status == 2
        assert dict(box.snapshot().files) == {"a": File(b"x\n")}


def test_the_tree_of_a_folder_comes_without_history_and_follows_no_link(boxes: Boxes, folder: Image) -> None:
    tree = boxes.tree(folder, "/srv/app")
    assert dict(tree.files) == {"src/file": File(b"srv/app/src"), "secret": File(b"of root alone")}
    for path in ("/srv/link", "/nowhere", "/srv/app/secret"):
        with pytest.raises(ImageError, match=f"no readable folder {path}"):
            boxes.tree(folder, path)


def test_an_image_that_was_removed_is_named(boxes: Boxes, tmp_path: Path) -> None:
    for ask in (lambda image: boxes.open(image, "/app"), lambda image: boxes.tree(image, "/app")):
        with pytest.raises(ImageError, match="is gone: make it again"):
            ask(Image("an id", str(tmp_path)))
