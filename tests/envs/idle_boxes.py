"""Boxes that run nothing: what a command does is a function of the test's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from alphadial.envs.closing import Closing
from alphadial.envs.files import File
from alphadial.envs.repository import ImageSource
from alphadial.envs.sandbox.boxes.box import BoxLimits, Image, User
from alphadial.envs.sandbox.workspace import Workspace
from alphadial.envs.types import Limits, RunResult

Run = Callable[["FakeBox", Sequence[str], bytes], RunResult]


class FakeBox(Closing):
    """Keeps files by absolute path."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.alive = True
        self.tree = Workspace()
        self.files: dict[str, bytes] = {}
        self.limits: list[Limits] = []

    def exec(
        self,
        argv: Sequence[str],
        limits: Limits,
        *,
        stdin: bytes = b"",
        user: User = User.AGENT,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
    ) -> RunResult:
        self.limits.append(limits)
        return self._run(self, argv, stdin)

    def snapshot(self) -> Workspace:
        return self.tree

    def restore(self, workspace: Workspace) -> None:
        self.tree = workspace

    def seal(self, files: Mapping[str, File], at: str) -> None:
        self.files |= {f"{at}/{path}": file.data for path, file in files.items()}

    def read(self, path: str, max_bytes: int) -> bytes | None:
        return self.files.get(path)

    def write(self, path: str, file: File, user: User = User.AGENT) -> None:
        self.files[path] = file.data

    def close(self) -> None:
        self.alive = False


class FakeBoxes(Closing):
    name = "fake"

    def __init__(self, run: Run) -> None:
        self.run = run
        self.opened: list[FakeBox] = []

    def find(self, source: ImageSource) -> Image:
        return Image(source.name, source.name)

    def tree(self, image: Image, path: str) -> Workspace:
        return Workspace()

    def open(
        self, image: Image, workdir: str, limits: BoxLimits | None = None, *, sockets: Path | None = None
    ) -> FakeBox:
        self.opened.append(FakeBox(self.run))
        return self.opened[-1]

    def close(self) -> None:
        pass


def reported(stdin: bytes, *lines: object, **result: object) -> RunResult:
    """What a guest ends with that reports these lines."""
    nonce = json.loads(stdin)["nonce"]
    text = "".join(f"\n{nonce}{json.dumps(line)}\n" for line in ({"ready": True}, *lines))
    return RunResult(**{"exit_status": 0, "stdout": text, **result})  # type: ignore[arg-type]
