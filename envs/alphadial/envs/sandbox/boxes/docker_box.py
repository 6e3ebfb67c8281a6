"""A box that is a container of Docker's: one keeper in it runs all commands and looks after all files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...closing import Closing
from ...errors import SandboxFailedError, WorkspaceError
from ...files import File
from ...forking import OfOneProcess, in_child
from ...types import KilledBy, Limits, RunResult
from ..guest.container_wire import EXECUTABLE, FILE, LINK
from ..guest.folder import TOO_DEEP, TOO_LARGE, TOO_MANY
from ..supervise import Supervised, result_of
from ..usage import Usage
from ..workspace import Workspace
from .box import AGENT_UID, FOLDERS, MAX_TREE_BYTES, MAX_TREE_FILES, BoxLimits, User, absolute
from .container_link import BrokenLinkError, KeeperLink

_ANSWER_S = 60.0
"""For an answer, beside the time that a command may take."""
_UIDS = {User.AGENT: AGENT_UID, User.ROOT: 0}
_REASONS = {
    TOO_MANY: f"more than {MAX_TREE_FILES:,} files and folders",
    TOO_LARGE: f"more than {MAX_TREE_BYTES // 2**20} MiB",
    TOO_DEEP: "paths that are too long or too deep",
}
_Listed = list[tuple[str, str, int]]
"""Path, kind and size of files, as the keeper takes and gives them."""


class DockerBox(OfOneProcess, Closing):
    """Implements ``Box``.

    Args:
        link: to its keeper.
        limits: of all its commands.
        env: of every command.
        workdir: where it works.
        kill: ends the container, whatever state it is in.
    """

    def __init__(
        self, link: KeeperLink, limits: BoxLimits, env: Mapping[str, str], workdir: str, kill: Callable[[], None]
    ) -> None:
        self._link, self._limits, self._env, self._workdir = link, limits, env, workdir
        self._kill = kill
        self._alive = True
        in_child(self, DockerBox.close)  # whose link is closed there: the box is its parent's
        self._files: dict[str, File] = {}
        self._empty: frozenset[str] = frozenset()
        self._known = True
        """The working directory is what ``_files`` and ``_empty`` say."""
        self._seen: Workspace | None = None
        """The same as a value, where it was asked for."""
        self._agreed = True
        """The keeper last handed over or got what ``_files`` says."""

    @property
    def alive(self) -> bool:
        """See ``Box``."""
        return self._alive

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
        """See ``Box``."""
        order = {
            "do": "run",
            "argv": list(argv),
            "env": {**self._env, **(env or {})},
            "cwd": cwd,
            "uid": _UIDS[user],
            "cpu_s": limits.cpu_s,
            "wall_s": limits.wall_s,
            "output_bytes": limits.output_bytes,
            "memory_bytes": self._limits.memory_bytes,
        }
        self._known = False
        facts, output = self._ask(order, [stdin], len(stdin), limits.wall_s)
        got = Supervised(
            stdout=bytearray(output[: facts["stdout"]]),
            stderr=bytearray(output[facts["stdout"] :]),
            killed_by=KilledBy(facts["killed_by"]) if facts["killed_by"] else None,
            wall_s=facts["wall_s"],
        )
        return result_of(got, facts["status"], Usage(facts["cpu_s"]), facts["peak_bytes"], facts["oom"])

    def snapshot(self) -> Workspace:
        """See ``Box``."""
        facts, contents = self._look(contents=True)
        if "refused" in facts:
            raise WorkspaceError(f"the working directory holds {_REASONS.get(facts['refused'], 'too much')}")
        if self._seen is not None and not facts["changed"] and not facts["gone"] and self._empty == set(facts["empty"]):
            self._known = True
            return self._seen
        self._seen = None
        for path in facts["gone"]:
            self._files.pop(path, None)
        at = 0
        for path, kind, size in facts["changed"]:
            file = File(bytes(contents[at : at + size]), kind == EXECUTABLE, kind == LINK)
            if self._files.get(path) != file:
                self._files[path] = file
            at += size
        self._empty = frozenset(facts["empty"])
        self._known = True
        self._seen = Workspace(dict(self._files), self._empty, MAX_TREE_BYTES, MAX_TREE_FILES)
        return self._seen

    def restore(self, workspace: Workspace) -> None:
        """See ``Box``."""
        self._find_differences()
        self._seen = None
        wanted = workspace.files
        gone = [path for path in (*self._files, *self._empty) if path not in wanted and path not in workspace.folders]
        written = {path: file for path, file in wanted.items() if self._files.get(path) != file}
        order = {"do": "change", "gone": gone, "folders": sorted(workspace.folders)}
        self._send_files(order, written)
        self._files, self._empty, self._known = dict(wanted), workspace.folders, True

    def seal(self, files: Mapping[str, File], at: str) -> None:
        """See ``Box``."""
        at = absolute(at)
        if not any(at == folder or at.startswith(f"{folder}/") for folder in FOLDERS):
            raise SandboxFailedError(f"files can be sealed below {', '.join(FOLDERS)}, not at {at!r}")
        self._send_files({"do": "write", "uid": 0}, {f"{at}/{path}": file for path, file in files.items()})

    def read(self, path: str, max_bytes: int) -> bytes | None:
        """See ``Box``."""
        facts, data = self._ask({"do": "read", "path": absolute(path), "max_bytes": max_bytes})
        return bytes(data) if facts["found"] else None

    def write(self, path: str, file: File, user: User = User.AGENT) -> None:
        """See ``Box``."""
        self._known = False
        self._send_files({"do": "write", "uid": _UIDS[user]}, {absolute(path): file})

    def close(self) -> None:
        """See ``Box``. The keeper ends at once, and all else with it; the daemon removes what is left of them."""
        self._alive = False
        self._link.close()

    def _find_differences(self) -> None:
        """Makes ``_files`` and ``_empty`` true without reading what has changed: files that may have are unknown."""
        if self._known:
            return
        facts, _ = self._look(contents=False)
        if "refused" in facts:
            self._ask({"do": "clear"})
            self._files, self._empty = {}, frozenset()
            return
        for path in facts["gone"]:
            self._files.pop(path, None)
        self._files |= {path: _UNKNOWN for path, _, _ in facts["changed"]}
        self._empty = frozenset(facts["empty"])

    def _look(self, *, contents: bool) -> tuple[dict[str, Any], memoryview]:
        order = {"do": "look", "contents": contents, "max_files": MAX_TREE_FILES, "max_bytes": MAX_TREE_BYTES}
        if not self._agreed:
            self._files, self._seen = {}, None
        facts = self._ask({**order, "anew": not self._agreed})
        self._agreed = True
        return facts

    def _send_files(self, order: dict[str, Any], files: Mapping[str, File]) -> None:
        listed: _Listed = [(path, _kind(file), len(file.data)) for path, file in files.items()]
        pieces = (file.data for file in files.values())
        self._ask({**order, "files": listed}, pieces, sum(size for _, _, size in listed))

    def _ask(
        self, order: dict[str, Any], pieces: Iterable[bytes] = (), size: int = 0, longer_s: float = 0.0
    ) -> tuple[dict[str, Any], memoryview]:
        if not self._alive:
            raise SandboxFailedError("the box is gone")
        try:
            facts, data = self._link.ask(order, pieces, size, timeout_s=_ANSWER_S + longer_s)
        except BrokenLinkError as error:
            self.close()
            with suppress(SandboxFailedError):  # where the daemon has gone, nothing of it is left
                self._kill()
            raise SandboxFailedError(f"the box broke: {error}") from None
        except BaseException:  # Ctrl-C: the answer that is still to come would be taken for that of another order
            self.close()
            raise
        if "failed" in facts:
            self._known = self._agreed = False
            raise SandboxFailedError(f"the box cannot do it: {facts['failed']}")
        return facts, data


_UNKNOWN = File(b"", executable=True, link=True)
"""In place of a file that a command may have changed; equal to none that there is."""


def _kind(file: File) -> str:
    if file.link:
        return LINK
    return EXECUTABLE if file.executable else FILE
