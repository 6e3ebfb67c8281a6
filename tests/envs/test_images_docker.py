"""Images in a real daemon: built, found again, exported, removed, and what becomes of it when things go wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.errors import ImageError
from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.sandbox.boxes.images import (
    DockerImages,
    FolderImages,
    build_image,
    clean_images,
    connect,
    list_images,
)
from alphadial.envs.sandbox.boxes.leases import LABEL
from alphadial.envs.types import MIB, Limits

from .own_daemon import own_daemon

pytestmark = pytest.mark.docker


def source(dockerfile: str, **files: bytes) -> ImageSource:
    return ImageSource(context={"Dockerfile": File(dockerfile.encode()), **{k: File(v) for k, v in files.items()}})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "alphadial" / "images"


@pytest.fixture
def client() -> Iterator[Any]:
    with closing(connect()) as opened:
        yield opened


@pytest.fixture
def forgotten(client: Any) -> Iterator[list[str]]:
    """Tags that a test makes, removed after it."""
    tags: list[str] = []
    yield tags
    for tag in tags:
        client.remove_image(tag, force=True)


@pytest.fixture(scope="module")
def empty_daemon() -> Iterator[Path]:
    with own_daemon() as folder:
        yield folder


@pytest.fixture
def empty(empty_daemon: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a daemon with nothing in it."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{empty_daemon}/docker.sock")
    with closing(connect()) as opened:
        yield opened
        opened.prune_images({"dangling": False})  # in an order that suits images which stand on others


def test_an_image_is_built_once_whoever_asks_for_it(client: Any, forgotten: list[str]) -> None:
    steps: list[str] = []
    wanted = source(f"FROM alphadial/repository\nWORKDIR /srv/x\nENV A={time.time()}\nRUN echo made >b", a=b"1")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: DockerImages(client, steps.append).find(wanted), range(4)))
    forgotten.append(found[0].reference)
    assert len({image.id for image in found}) == 1
    assert sum(step.startswith("Step 1/") for step in steps) == 1
    assert found[0].workdir == "/srv/x"
    assert found[0].env["A"] in steps[2]


def _unnamed(client: Any) -> set[str]:
    """What a failed build could leave in a daemon: images without a tag, and containers that are no boxes."""
    containers = [entry for entry in client.containers(all=True) if LABEL not in (entry["Labels"] or {})]
    return {entry["Id"] for entry in (*client.images(filters={"dangling": True}), *containers)}


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        ("RUN echo one; echo the last word >&2; exit 3", r"Step 2/.* failed: .*the last word.*non-zero code: 3"),
        ("COPY nothing /", r"Step 2/.* COPY nothing / failed: COPY failed"),
        ("RUN python3 -m pip install no-such-package", r"non-zero code: 1"),
        ("RUN <<E\necho x\nE", "which only BuildKit reads"),
        ("COPY --from=no/such:image /a /b", "the image no/such:image"),
    ],
)
def test_a_dockerfile_that_does_not_build(client: Any, dockerfile: str, said: str) -> None:
    before = _unnamed(client)
    with pytest.raises(ImageError, match=said) as caught:
        DockerImages(client).find(source(f"FROM alphadial/repository\n{dockerfile}\n"))
    assert len(str(caught.value).splitlines()) == 1
    assert "\x1b" not in str(caught.value)
    until = time.monotonic() + 60
    while left := _unnamed(client) - before:  # builds of tests that run beside this one have such too, for a while
        assert time.monotonic() < until, left
        time.sleep(0.1)


def test_a_dockerfile_that_wants_a_registry(client: Any) -> None:
    with pytest.raises(ImageError, match=r"the image python:no-such-tag, which is not here: docker pull"):
        DockerImages(client).find(source("FROM python:no-such-tag\n"))


def test_images_of_the_project_are_asked_for_by_name(empty: Any) -> None:
    with pytest.raises(ImageError, match="alphadial images build repository --box docker"):
        DockerImages(empty).find(ImageSource("repository"))
    with pytest.raises(ImageError, match="alphadial images build repository --box docker"):
        DockerImages(empty).find(source("FROM alphadial/repository\n"))


def test_an_image_that_was_removed_in_mid_run(client: Any) -> None:
    wanted = source(f"FROM alphadial/repository\nENV A={time.time()}\n")
    with open_boxes("docker") as boxes:
        image = boxes.find(wanted)
        client.remove_image(image.reference, force=True)
        with pytest.raises(ImageError, match="is gone"):
            boxes.open(image, "/work")
        again = boxes.find(wanted)
        with boxes.open(again, "/work") as box:
            assert box.exec(["true"], Limits()).exit_status == 0
    client.remove_image(again.reference, force=True)


def test_the_same_image_as_a_folder(client: Any, cache: Path, forgotten: list[str]) -> None:
    wanted = source("FROM alphadial/repository\nWORKDIR /srv/x\nENV A=b\nCOPY a .\nRUN ln -s a l", a=b"1")
    with open_boxes("rootfs") as boxes:
        image = boxes.find(wanted)
        forgotten.append(DockerImages(client).find(wanted).reference)
        with boxes.open(image, "/work") as box:
            ran = box.exec(["sh", "-c", "cat /srv/x/l; echo $A; python3 -m pytest --version"], Limits())
        assert ran.stdout.startswith("1b\npytest ")
        assert boxes.find(wanted) == image
    (row,) = list_images(["rootfs"])
    assert (row.name, row.current) == ("task", True)
    clean_images(["rootfs"], everything=True)
    assert list(cache.iterdir()) == []


def test_a_base_of_somebodys(client: Any, forgotten: list[str]) -> None:
    """It has all that ours need, so no step of it needs a network."""
    ours = DockerImages(client).find(ImageSource("base"))
    client.tag(ours.id, "somebodys/debian", "1")
    steps: list[str] = []
    row = build_image("base", "docker", "somebodys/debian:1", steps.append)
    forgotten += [row.reference, "somebodys/debian:1"]
    assert (row.name, row.current) == ("base", True)
    assert DockerImages(client).find(ImageSource("base")).reference == row.reference
    built = len(steps)
    assert build_image("base", "docker", "somebodys/debian:1", steps.append) == row
    assert len(steps) == built
    client.tag(ours.id, "alphadial/base", "latest")
    with pytest.raises(ImageError, match="the image somebodys/other:1, which is not here"):
        build_image("base", "docker", "somebodys/other:1")


def test_nothing_that_is_not_ours_is_removed(empty: Any) -> None:
    ours = DockerImages(empty).find(source("FROM scratch\nCOPY a /\n", a=b"1"))
    used = DockerImages(empty).find(source("FROM scratch\nCOPY a /\n", a=b"2"))
    container = empty.create_container(used.id, ["none"])["Id"]
    for dockerfile, tag in ((f"FROM {ours.reference}\nCOPY b /\n", "mine/task:1"), ("FROM scratch\nCOPY b /\n", "b:2")):
        build(empty, dockerfile, tag)
    empty.tag(ours.reference, "mine/copy", "1")
    empty.tag("b:2", "alphadial/other", "1")
    rows = {row.reference: row.kept for row in clean_images(["docker"], everything=True)}
    assert rows.keys() == {ours.reference, used.reference}
    assert rows[ours.reference] == ""
    assert "container" in rows[used.reference]
    left = {tag for entry in empty.images() for tag in entry["RepoTags"] or []}
    assert left == {"mine/task:1", "b:2", "mine/copy:1", "alphadial/other:1", used.reference}
    empty.remove_container(container)


def build(client: Any, dockerfile: str, tag: str) -> None:
    import io
    import tarfile

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in (("Dockerfile", dockerfile.encode()), ("b", tag.encode())):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    stream.seek(0)
    done = list(client.build(fileobj=stream, custom_context=True, tag=tag, decode=True))
    assert not [event for event in done if "error" in event], done


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "small", str(small)], check=True)
    try:
        with own_daemon("--data-root", str(small)) as folder:
            monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
            with pytest.raises(ImageError, match=r"no space left on device.*alphadial images clean"):
                build_large(folder)
            with closing(connect()) as client:
                image = DockerImages(client).find(source("FROM scratch\nCOPY a /\n", a=b"1"))
                assert [row.reference for row in list_images(["docker"])] == [image.reference]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def build_large(folder: Path) -> None:
    with closing(connect()) as client:
        DockerImages(client).find(source("FROM scratch\nCOPY a /\n", a=os.urandom(64 * MIB)))


def test_a_daemon_that_dies_in_mid_build(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    with own_daemon(dies=True) as folder:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
        pid = int((folder / "docker.pid").read_text())

        def kill(step: str) -> None:
            if step.startswith("Step 2/"):
                threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)).start()
                time.sleep(0.5)

        with closing(connect()) as client, pytest.raises(ImageError, match=r"cannot build the image alphadial/task"):
            DockerImages(client, kill).find(source("FROM scratch\nCOPY a /\nCOPY a /b\n", a=os.urandom(MIB)))
        with pytest.raises(ImageError, match="no Docker daemon answers"):
            connect()
        with pytest.raises(ImageError, match="Docker is not there for it: no Docker daemon answers"):
            FolderImages().find(source("FROM scratch\n"))
        assert not cache.exists() or list(cache.iterdir()) == []


UNCONFINED = ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"]
"""Options by which Docker lets bubblewrap make namespaces within a container."""
JUDGED = """
import sys
from alphadial.envs import Judge, load_split, open_sandbox
problem = load_split("tiny-problems", "dev").problems[0]
with open_sandbox() as sandbox, Judge(sandbox) as judge:
    print(judge.judge(problem, "def f(a, k):\\n return 0\\n").verdict, sandbox.protection.own_uid)
"""


def ran_in(client: Any, image: str, *command: str, unconfined: bool = False) -> tuple[int, str]:
    settings = client.create_host_config(network_mode="none")
    if unconfined:
        # The last option is the client's: to the daemon it says that nothing of /proc is covered.
        settings |= {"SecurityOpt": UNCONFINED[:2], "MaskedPaths": [], "ReadonlyPaths": []}
    made = client.create_container(image, list(command), host_config=settings)["Id"]
    try:
        client.start(made)
        status: int = client.wait(made)["StatusCode"]
        return status, client.logs(made).decode()
    finally:
        client.remove_container(made, force=True)


def test_the_judge_judges_in_its_container(client: Any) -> None:
    image = DockerImages(client).find(ImageSource("judge"))
    status, said = ran_in(client, image.reference, "python3", "-c", JUDGED, unconfined=True)
    assert (status, said.splitlines()[-1:]) == (0, ["WA False"])
    status, said = ran_in(client, image.reference, "alphadial", "doctor", unconfined=True)
    assert status == 0
    assert "the sandbox works" in said
    assert "ok  boxes: rootfs" in said


def test_without_these_options_the_judge_names_them(client: Any) -> None:
    image = DockerImages(client).find(ImageSource("judge"))
    status, said = ran_in(client, image.reference, "alphadial", "doctor")
    assert status == 2
    assert all(option in " ".join(said.split()) for option in UNCONFINED)


def test_the_server_of_vllm_finds_the_plugin(client: Any, forgotten: list[str]) -> None:
    """Upon a small image in place of vLLM's, which takes gigabytes: all steps, and what vLLM looks for."""
    base = DockerImages(client).find(ImageSource("base"))
    row = build_image("vllm", "docker", base.reference)
    forgotten += [row.reference, "alphadial/vllm:latest"]
    code = (
        "from importlib.metadata import entry_points as found; import os; print(os.environ['VLLM_PLUGINS'])\n"
        "print(*(each.name for kind in ('general', 'endpoint') for each in found(group=f'vllm.{kind}_plugins')))"
    )
    status, said = ran_in(client, row.reference, "python3", "-c", code)
    assert (status, said.split()) == (0, ["alphadial,alphadial_http", "alphadial", "alphadial_http"])
    status, said = ran_in(client, row.reference, "alphadial", "serve", "--help")
    assert (status, "Serve every alpha" in said) == (0, True)
