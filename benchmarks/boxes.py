"""Boxes beside what they are made of: bare bubblewrap, and bare ``docker exec``, as a command and by Docker's SDK.

    python benchmarks/boxes.py [--repeats 7] [--files 2500] [--docker IMAGE | --docker ""] [--rootfs host]
        [--out benchmarks/results/boxes.json]

All ways take turns within one process, so that other work on the machine meets all of them; ratios are taken within a
repeat. The repository holds 11,600 random bytes in each of ``--files`` files. Bare ways know no snapshots: beside these
stands tar(1), which reads or writes the whole repository, in a tmpfs where it writes. No bare way has limits, and the
container is not hardened.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox import Workspace
from alphadial.envs.sandbox.boxes import Box, Boxes, BoxLimits, Image, open_boxes
from alphadial.envs.types import MIB, Limits

LIMITS = Limits(cpu_s=60.0, wall_s=120.0, output_bytes=MIB)
AT_ONCE, EACH = 8, 5
FILE_BYTES = 11_600
BLOCK = 5
"""Short runs in a row."""
WORKDIR = "/srv/app"
BWRAP = (
    *("bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib"),
    *("/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
)

Ways = dict[str, Callable[[], object]]


def repository(count: int) -> Workspace:
    """Files of random bytes, so that nothing is gained by packing them."""
    draw = random.Random(0)
    files = {f"package{number % 50}/module{number}.py": File(draw.randbytes(FILE_BYTES)) for number in range(count)}
    return Workspace(files, max_bytes=256 * MIB, max_files=50_000)


class Provider:
    """One provider, with a box that holds the repository."""

    def __init__(self, boxes: Boxes, image: Image, tree: Workspace) -> None:
        self.boxes, self.image, self.tree = boxes, image, tree
        self.box = self.open()
        self.box.restore(tree)
        self.box.snapshot()
        self.turns = 0

    def open(self) -> Box:
        return self.boxes.open(self.image, WORKDIR, BoxLimits())

    def start(self) -> None:
        self.open().close()

    def run(self, *argv: str, box: Box | None = None) -> None:
        result = (box or self.box).exec(argv, LIMITS)
        assert result.exit_status == 0, result

    def run_often(self, box: Box) -> None:
        for _ in range(EACH):
            self.run("true", box=box)

    def change(self) -> None:
        self.turns += 1
        self.run("sh", "-c", f"echo {self.turns} > package1/new")

    def snapshot_of_a_change(self) -> None:
        self.change()
        assert self.box.snapshot().files["package1/new"].data == b"%d\n" % self.turns

    def snapshot_of_all(self) -> None:
        self.run("sh", "-c", "cat */* > /dev/null")
        self.box.snapshot()

    def restore_a_change(self) -> None:
        self.change()
        self.box.restore(self.tree)

    def restore_all(self) -> None:
        with self.open() as box:
            box.restore(self.tree)

    def many_boxes(self) -> None:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            boxes = list(threads.map(lambda _: self.open(), range(AT_ONCE)))
            list(threads.map(self.run_often, boxes))
            list(threads.map(lambda box: box.close(), boxes))


class Bare:
    """Bubblewrap by itself, over a folder of the host's that holds the repository, and a tmpfs."""

    def __init__(self, folder: Path, tree: Workspace) -> None:
        for path, file in tree.files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(file.data)
        packages = sorted(path.name for path in folder.iterdir())
        self.folder, self.tar = str(folder), folder / "tree.tar"
        subprocess.run(["tar", "-C", self.folder, "-cf", self.tar, *packages], check=True)

    def run(self, *argv: str) -> None:
        subprocess.run([*BWRAP, *argv], check=True, stdout=subprocess.DEVNULL)

    def read(self) -> None:
        subprocess.run(
            [*BWRAP, "--ro-bind", self.folder, "/srv", "tar", "-C", "/srv", "-cf", "-", "."], capture_output=True
        )

    def write(self) -> None:
        with self.tar.open("rb") as stream:
            subprocess.run([*BWRAP, "tar", "-C", "/tmp", "-xf", "-"], stdin=stream, check=True)

    def many(self) -> None:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(lambda _: self.run("true"), range(AT_ONCE * EACH)))


class Container:
    """A container of Docker's that only waits, and ``docker exec`` in it."""

    def __init__(self, image: str, tar: Path) -> None:
        from docker import APIClient
        from docker.utils import kwargs_from_env

        self.api, self.image, self.tar = APIClient(**kwargs_from_env()), image, tar
        self.id = self.start()
        self.write()

    def start(self) -> str:
        config = self.api.create_host_config(network_mode="none", auto_remove=True, init=True, tmpfs={"/srv": "exec"})
        made: str = self.api.create_container(self.image, ["cat"], stdin_open=True, host_config=config)["Id"]
        self.api.start(made)
        return made

    def remove(self, container: str) -> None:
        self.api.remove_container(container, force=True, v=True)

    def start_and_remove(self) -> None:
        self.remove(self.start())

    def run(self, *argv: str, container: str = "") -> None:
        made = self.api.exec_create(container or self.id, list(argv))["Id"]
        self.api.exec_start(made)
        assert self.api.exec_inspect(made)["ExitCode"] == 0

    def run_often(self, container: str) -> None:
        for _ in range(EACH):
            self.run("true", container=container)

    def run_command(self, *argv: str) -> None:
        subprocess.run(["docker", "exec", self.id, *argv], check=True, stdout=subprocess.DEVNULL)

    def read(self) -> None:
        subprocess.run(
            ["docker", "exec", self.id, "tar", "-C", "/srv", "-cf", "-", "."], capture_output=True, check=True
        )

    def write(self) -> None:
        with self.tar.open("rb") as stream:
            subprocess.run(["docker", "exec", "-i", self.id, "tar", "-C", "/srv", "-xf", "-"], stdin=stream, check=True)

    def many(self) -> None:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            made = list(threads.map(lambda _: self.start(), range(AT_ONCE)))
            list(threads.map(self.run_often, made))
            list(threads.map(self.remove, made))


def ways_of(bare: Bare, container: Container | None, providers: Mapping[str, Provider]) -> dict[str, Ways]:
    """Name of what is measured to its ways; the first one is what the others are compared with."""
    found: dict[str, Ways] = {
        "start and remove": {"bubblewrap": lambda: bare.run("true")},
        "true": {"bubblewrap": lambda: bare.run("true")},
        "python": {"bubblewrap": lambda: bare.run("/usr/bin/python3", "-c", "pass")},
        "snapshot, nothing changed": {"bubblewrap": bare.read},
        "command and snapshot, one file changed": {"bubblewrap": bare.read},
        "command and snapshot, all files read": {"bubblewrap": bare.read},
        "command and restore, one file changed": {"bubblewrap": bare.write},
        "start, restore all, remove": {"bubblewrap": bare.write},
        f"{AT_ONCE} at once: start, {EACH} times true, remove": {"bubblewrap": bare.many},
    }
    if container is not None:
        bases: Ways = {
            "start and remove": container.start_and_remove,
            "true": lambda: container.run("true"),
            "python": lambda: container.run("python3", "-c", "pass"),
            f"{AT_ONCE} at once: start, {EACH} times true, remove": container.many,
        }
        for what, ways in found.items():
            ways["docker exec"] = bases.get(what, container.write if "restore" in what else container.read)
        found["true"]["docker exec, the command"] = lambda: container.run_command("true")
    for name, provider in providers.items():
        own: list[Callable[[], object]] = [
            provider.start,
            lambda provider=provider: provider.run("true"),  # type: ignore[misc]
            lambda provider=provider: provider.run("python3", "-c", "pass"),  # type: ignore[misc]
            provider.box.snapshot,
            provider.snapshot_of_a_change,
            provider.snapshot_of_all,
            provider.restore_a_change,
            provider.restore_all,
            provider.many_boxes,
        ]
        for ways, way in zip(found.values(), own, strict=True):
            ways[f"box: {name}"] = way
    return found


def measure(ways: Ways, repeats: int) -> dict[str, Any]:
    """Milliseconds, and by repeat the ratio to each bare way."""
    ms: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(repeats):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            first = time.perf_counter() - began
            count = BLOCK if first < 0.1 else 0
            began = time.perf_counter()
            for _ in range(count):
                way()
            ms[name].append((time.perf_counter() - began) / count * 1e3 if count else first * 1e3)
    bases = [name for name in ways if not name.startswith("box: ")]
    ratios = {
        f"{name} over {base}": [a / b for a, b in zip(ms[name], ms[base], strict=True)]
        for name in ways
        if name.startswith("box: ")
        for base in bases
    }
    return {
        "ms": {name: spread(values, 1) for name, values in ms.items()},
        "ratios": {name: spread(values, 2) for name, values in ratios.items()},
    }


def spread(values: list[float], digits: int) -> dict[str, float]:
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[dict[str, Ways]]:
    tree = repository(arguments.files)
    images = {"rootfs": arguments.rootfs} | ({"docker": arguments.docker} if arguments.docker else {})
    with ExitStack() as stack, TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        bare = Bare(folder, tree)
        container = None
        if arguments.docker:
            container = Container(arguments.docker, bare.tar)
            stack.callback(container.remove, container.id)
        providers = {}
        for provider, image in images.items():
            boxes = stack.enter_context(open_boxes(provider))
            providers[provider] = Provider(boxes, boxes.find(ImageSource(image)), tree)
        yield ways_of(bare, container, providers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--files", type=int, default=2500)
    parser.add_argument("--docker", default="alphadial/base:bookworm")
    parser.add_argument("--rootfs", default="host")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "boxes.json")
    arguments = parser.parse_args()
    result: dict[str, Any] = {
        "repeats": arguments.repeats,
        "files": arguments.files,
        "bytes": arguments.files * FILE_BYTES,
        "images": {"rootfs": arguments.rootfs, "docker": arguments.docker},
        "python": platform.python_version(),
        "cpus": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 2),
    }
    with opened(arguments) as found:
        for what, ways in found.items():
            result[what] = measure(ways, arguments.repeats)
            print(what, json.dumps(result[what]["ms"]), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
