"""Boxes that are containers of Docker's: what only they do. The rest is in the conformance suite of boxes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path

import docker
import docker.errors
import pytest

from alphadial.envs import SandboxFailedError, SandboxUnavailableError
from alphadial.envs.errors import ImageError
from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes import (
    Box,
    Boxes,
    BoxLimits,
    Image,
    User,
    container_kit,
    docker_daemon,
    leases,
    open_boxes,
)
from alphadial.envs.sandbox.cgroups import started
from alphadial.envs.sandbox.workspace import Workspace
from alphadial.envs.types import Limits
from alphadial.envs.units import MIB

pytestmark = pytest.mark.docker
IMAGE = ImageSource("repository")
LIMITS = Limits(cpu_s=10.0, wall_s=30.0)


@pytest.fixture(scope="module")
def boxes() -> Iterator[Boxes]:
    with open_boxes("docker") as opened:
        yield opened


@pytest.fixture
def box(boxes: Boxes) -> Iterator[Box]:
    with boxes.open(boxes.find(IMAGE), "/app") as opened:
        yield opened


def test_a_box_runs_commands_and_keeps_its_files(box: Box) -> None:
    before = Workspace({"a/b": File(b"1"), "run": File(b"#!/bin/sh\n", executable=True), "l": File(b"run", link=True)})
    box.restore(before)
    assert box.exec(["sh", "-c", "cat a/b; pwd; cat"], LIMITS, stdin=b"given").stdout == "1/app\ngiven"
    assert box.snapshot() == before
    box.exec(["sh", "-c", "echo 2 > a/b; rm run; mkdir empty"], LIMITS)
    after = box.snapshot()
    assert (after.files["a/b"].data, set(after.files), after.folders) == (b"2\n", {"a/b", "l"}, frozenset({"empty"}))
    assert after.files["l"] is before.files["l"]
    box.restore(before)
    assert box.snapshot() == before


OWNER = """
import sys
from alphadial.envs import Limits
from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.sandbox.workspace import Workspace
boxes = open_boxes("docker")
box = boxes.open(boxes.find(ImageSource(sys.argv[1])), "/app")
trees = [Workspace({str(n): File(bytes([n + k]) * 50_000) for n in range(200)}, max_bytes=1 << 30) for k in range(2)]
print("open", flush=True)
while True:
    if sys.argv[2] == "command":
        box.exec(["sh", "-c", "setsid sleep 600 & while :; do :; done"], Limits(cpu_s=600, wall_s=600))
    elif sys.argv[2] == "files":
        for tree in trees: box.restore(tree); box.exec(["touch", "0"], Limits()); box.snapshot()
"""


@pytest.mark.parametrize("doing", ["nothing", "command", "files"])
def test_a_box_ends_with_its_owner(doing: str) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, IMAGE.name, doing], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    client = docker_daemon.client()
    with owner.stdout, closing(client):
        assert owner.stdout.readline() == "open\n"
        time.sleep(0.3)
        (container,) = _containers(client, owner.pid)
        first = client.inspect_container(container)["State"]["Pid"]
        owner.kill()
        owner.wait()
        ended = time.monotonic()
        while _lives(first):
            assert time.monotonic() < ended + 30
            time.sleep(0.01)
        while _containers(client, owner.pid):
            assert time.monotonic() < ended + 60  # the daemon tidies up as soon as a busy machine lets it
            time.sleep(0.05)


def test_what_an_owner_could_not_end_is_reaped(boxes: Boxes) -> None:
    client = docker_daemon.client()
    with closing(client):
        boot, namespace, pid, _ = leases.owner().split("/")
        mark = {leases.LABEL: f"{boot}/{namespace}/{pid}/1"}
        made = client.create_container(boxes.find(IMAGE).id, ["none"], labels=mark)["Id"]
        with open_boxes("docker"):
            pass
        with pytest.raises(docker.errors.NotFound):
            client.inspect_container(made)


def test_a_forked_child_holds_no_box_of_its_parent(boxes: Boxes) -> None:
    with boxes.open(boxes.find(IMAGE), "/app") as box:
        child = os.fork()
        if child == 0:
            time.sleep(60 if not box.alive and boxes.find(IMAGE).workdir else 0)
            os._exit(0)
        time.sleep(0.2)
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        assert box.exec(["true"], LIMITS).exit_status == 0
        first = _first()
        box._link.close()  # type: ignore[attr-defined] # as the kernel does for an owner that is killed
        ended = time.monotonic()
        while _lives(first):
            assert time.monotonic() < ended + 30
            time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)


def test_closed_boxes_leave_nothing() -> None:
    with closing(docker_daemon.client()) as client:
        volumes = len(client.volumes()["Volumes"])
        with open_boxes("docker") as boxes:
            closed, left_open = (boxes.open(boxes.find(IMAGE), "/app") for _ in range(2))
            closed.close()
            assert left_open.exec(["true"], LIMITS).exit_status == 0
            first = _first()
        assert not left_open.alive
        assert not _lives(first)
        assert not _containers(client, os.getpid())
        assert len(client.volumes()["Volumes"]) <= volumes


def test_eight_boxes_at_once(boxes: Boxes) -> None:
    image = boxes.find(IMAGE)

    def work(number: int) -> str:
        with boxes.open(image, "/app") as box:
            return "".join(box.exec(["sh", "-c", f"echo {number} >> a; cat a"], LIMITS).stdout for _ in range(3))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    assert [set(each.split()) for each in found] == [{str(number)} for number in range(8)]


def test_an_image_without_python_or_a_shell_will_do(boxes: Boxes) -> None:
    client = docker_daemon.client()
    with closing(client):
        client.import_image_from_data(_bare(), repository="alphadial-test-bare", tag="1")
        try:
            with boxes.open(boxes.find(ImageSource("alphadial-test-bare:1")), "/app") as box:
                tree = Workspace({"a/b": File(b"1"), "run": File(b"x", executable=True)})
                box.restore(tree)
                assert box.exec(["/bin/loader", "--help"], LIMITS).exit_status == 0
                assert box.exec(["sh", "-c", "true"], LIMITS).exit_status == 127
                assert box.snapshot() == tree
        finally:
            client.remove_image("alphadial-test-bare:1", force=True)


def test_a_volume_of_an_image_is_no_way_to_the_disk(boxes: Boxes) -> None:
    with closing(docker_daemon.client()) as client:
        changes = ["VOLUME /data", "VOLUME /app"]
        client.import_image_from_data(_bare(), repository="alphadial-test-volume", tag="1", changes=changes)
        try:
            with boxes.open(boxes.find(ImageSource("alphadial-test-volume:1")), "/app") as box:
                with pytest.raises(SandboxFailedError, match="Permission denied"):
                    box.write("/data/x", File(b"1"))
                box.write("/data/x", File(b"1"), User.ROOT)
                with pytest.raises(SandboxFailedError, match="No space left"):
                    box.write("/data/x", File(bytes(100 * MIB)), User.ROOT)
                box.write("/app/x", File(b"1"))
                assert set(box.snapshot().files) == {"x"}
        finally:
            client.remove_image("alphadial-test-volume:1", force=True)


def _bare() -> bytes:
    """An image with one program that needs no library."""
    with BytesIO() as packed:
        with tarfile.open(fileobj=packed, mode="w") as tar:
            content = _program_without_libraries()
            entry = tarfile.TarInfo("bin/loader")
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, BytesIO(content))
        return packed.getvalue()


def _program_without_libraries() -> bytes:
    with tarfile.open(fileobj=BytesIO(container_kit.archive())) as kit:
        loader = kit.extractfile("loader")
        assert loader is not None
        return loader.read()


def test_a_keeper_that_is_not_there_is_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    client = docker_daemon.client()
    name = f"{container_kit.name()}-{os.getpid()}"
    monkeypatch.setattr(container_kit, "name", lambda: name)
    with closing(client):
        client.create_volume(name)  # empty, as of an owner that was killed before it had filled it
        try:
            with open_boxes("docker") as boxes, boxes.open(boxes.find(IMAGE), "/app") as box:
                assert box.exec(["echo", "1"], LIMITS).stdout == "1\n"
        finally:
            client.remove_volume(name, force=True)


def test_what_cannot_be_begun_does_not_go_on_as_the_keeper(box: Box) -> None:
    for argv, env in (([], {}), (["true"], {"a=b": "c"}), (["true"], {"a": "\0"}), (["a\0b"], {})):
        assert box.exec(argv, LIMITS, env=env).exit_status in (126, 127)
        assert box.exec(["ls", "/proc"], LIMITS).stdout.count("\n1\n") <= 1
        assert box.exec(["echo", "1"], LIMITS).stdout == "1\n"


def test_a_box_that_is_interrupted_is_closed(boxes: Boxes) -> None:
    with boxes.open(boxes.find(IMAGE), "/app") as box:
        previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                box.exec(["sleep", "20"], LIMITS)
        finally:
            signal.signal(signal.SIGALRM, previous)
        assert not box.alive


def test_a_tree_that_did_not_fit_is_not_remembered(boxes: Boxes) -> None:
    with boxes.open(boxes.find(IMAGE), "/app", BoxLimits(files_bytes=8 * MIB)) as box:
        small, large = (Workspace({"a": File(bytes(size * MIB))}, max_bytes=100 * MIB) for size in (1, 20))
        box.restore(small)
        assert box.snapshot() == small
        with pytest.raises(SandboxFailedError, match="No space left"):
            box.restore(large)
        box.exec(["rm", "-f", "a"], LIMITS)
        assert box.snapshot() == Workspace()


def test_a_box_that_is_ended_from_outside_is_our_failure(boxes: Boxes) -> None:
    with boxes.open(boxes.find(IMAGE), "/app") as box:
        os.kill(_first(), 9)
        with pytest.raises(SandboxFailedError, match=r"^the box broke: [^\n]+$"):
            box.exec(["true"], LIMITS)
        assert not box.alive
        with pytest.raises(SandboxFailedError, match="gone"):
            box.exec(["true"], LIMITS)


class Relay:
    """A socket behind which the daemon answers until it is ended, as a daemon would be."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "docker.sock"
        self._daemon = os.environ["DOCKER_HOST"].removeprefix("unix://")
        self._sockets = [socket.socket(socket.AF_UNIX)]
        self._sockets[0].bind(str(self.path))
        self._sockets[0].listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._sockets[0].accept()
                daemon = socket.socket(socket.AF_UNIX)
                daemon.connect(self._daemon)
                self._sockets += [client, daemon]
                for ends in ((client, daemon), (daemon, client)):
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        self.path.unlink()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def test_a_daemon_that_dies_is_one_line_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{relay.path}")
    with open_boxes("docker") as boxes:
        image = boxes.find(IMAGE)
        with boxes.open(image, "/app") as box:
            assert box.exec(["echo", "1"], LIMITS).stdout == "1\n"
            threading.Timer(0.3, relay.end).start()
            for ask in (lambda: box.exec(["sleep", "9"], LIMITS), box.snapshot, lambda: boxes.open(image, "/app")):
                with pytest.raises(SandboxFailedError) as caught:
                    ask()
                assert "\n" not in str(caught.value)
            assert not box.alive
        with pytest.raises(SandboxUnavailableError, match="does not answer any more"):
            boxes.find(IMAGE)
    with pytest.raises(SandboxUnavailableError, match="no Docker daemon answers"):
        open_boxes("docker")


def test_an_image_that_was_removed_meanwhile_is_named(boxes: Boxes) -> None:
    gone = Image("sha256:" + "0" * 64, "gone:1")
    with pytest.raises(ImageError, match="'gone:1' is gone"):
        boxes.open(gone, "/app")
    with pytest.raises(ImageError, match="'gone:1' is gone"):
        boxes.tree(gone, "/app")


def _first() -> int:
    """The host's number of the first process of the box that was opened last."""
    with closing(docker_daemon.client()) as client:
        return int(client.inspect_container(_containers(client, os.getpid())[0])["State"]["Pid"])


def _containers(client: docker.APIClient, pid: int) -> list[str]:
    found = client.containers(all=True, filters={"label": leases.LABEL})
    return [each["Id"] for each in found if f"/{pid}/" in each["Labels"][leases.LABEL]]


def _lives(pid: int) -> bool:
    try:
        return bool(started(pid))
    except OSError:
        return False
