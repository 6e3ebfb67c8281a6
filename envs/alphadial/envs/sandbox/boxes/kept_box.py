"""What every box with a keeper inside does with files: the owner's end of ``guest.box_keeper``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ...closing import Closing
from ...errors import SandboxFailedError, WorkspaceError
from ...files import File
from ...forking import OfOneProcess, in_child
from ..guest.box_wire import EXECUTABLE, FILE, LINK
from ..guest.folder import TOO_DEEP, TOO_LARGE, TOO_MANY
from ..workspace import Workspace
from .box import AGENT_UID, MAX_TREE_BYTES, MAX_TREE_FILES, User, absolute
from .keeper_link import BrokenLinkError, Facts, KeeperLink

ANSWER_S = 60.0
"""The time for an answer, or the next piece of one, beside that which a command may take."""
UIDS = {User.AGENT: AGENT_UID, User.ROOT: 0}
_REASONS = {
    TOO_MANY: f"more than {MAX_TREE_FILES:,} files and folders",
    TOO_LARGE: f"more than {MAX_TREE_BYTES // 2**20} MiB",
    TOO_DEEP: "paths that are too long or too deep",
}
_UNKNOWN = File(b"", executable=True, link=True)
"""Stands for a file that a command may have changed; equal to none that there is."""


class KeptBox(OfOneProcess, Closing):
    """Implements ``Box`` but for commands.

    Args:
        link: to its keeper.
        sealed: the folders below which files can be sealed.
    """

    def __init__(self, link: KeeperLink, sealed: Sequence[str]) -> None:
        self._link, self._sealed = link, sealed
        self._alive = True
        in_child(self, KeptBox._forget)
        self._files: dict[str, File] = {}
        self._empty: frozenset[str] = frozenset()
        self._known = True
        """The working directory is what ``_files`` and ``_empty`` say."""
        self._seen: Workspace | None = None
        """The same as a value, where it was asked for."""
        self._agreed = True
        """The keeper last handed over or got what ``_files`` says."""

    def _forget(self) -> None:
        """Leaves the box to the parent, in a forked child."""
        self._alive = False

    @property
    def alive(self) -> bool:
        """See ``Box``."""
        return self._alive

    def snapshot(self) -> Workspace:
        """See ``Box``."""
        facts, contents = self._look(contents=True)
        if "refused" in facts:
            raise refusal(facts["refused"])
        self._known = True
        if self._seen is not None and not facts["changed"] and not facts["gone"] and self._empty == set(facts["empty"]):
            return self._seen
        self._seen = None
        for path in facts["gone"]:
            self._files.pop(path, None)
        for path, file in changed_files(facts, contents):
            if self._files.get(path) != file:
                self._files[path] = file
        self._empty = frozenset(facts["empty"])
        self._seen = Workspace(dict(self._files), self._empty, MAX_TREE_BYTES, MAX_TREE_FILES)
        return self._seen

    def restore(self, workspace: Workspace) -> None:
        """See ``Box``."""
        self._find_differences()
        self._seen = None
        wanted = workspace.files
        gone = [path for path in (*self._files, *self._empty) if path not in wanted and path not in workspace.folders]
        written = {path: file for path, file in wanted.items() if self._files.get(path) != file}
        self._send_files({"do": "change", "gone": gone, "folders": sorted(workspace.folders)}, written)
        self._files, self._empty, self._known = dict(wanted), workspace.folders, True

    def seal(self, files: Mapping[str, File], at: str) -> None:
        """See ``Box``."""
        at = absolute(at)
        if not any(f"{at}/".startswith(f"{folder}/") for folder in self._sealed):
            raise SandboxFailedError(f"nothing is sealed in {at}: choose from {', '.join(self._sealed)}")
        self._send_files({"do": "write", "uid": 0}, {f"{at}/{path}": file for path, file in files.items()})

    def read(self, path: str, max_bytes: int) -> bytes | None:
        """See ``Box``."""
        order = {"do": "read", "path": absolute(path), "max_bytes": max_bytes}
        facts, data = self._ask(order, max_bytes=max_bytes)
        return bytes(data) if facts["found"] else None

    def write(self, path: str, file: File, user: User = User.AGENT) -> None:
        """See ``Box``."""
        self._known = False
        self._send_files({"do": "write", "uid": UIDS[user]}, {absolute(path): file})

    def tree(self, path: str) -> Workspace:
        """What lies under an absolute path, without ``.git``.

        Raises:
            WorkspaceError: more than ``MAX_TREE_BYTES`` or ``MAX_TREE_FILES``.
            SandboxFailedError: there is no such folder.
        """
        facts, contents = self._look(contents=True, at=absolute(path))
        if "refused" in facts:
            raise refusal(facts["refused"])
        return tree_of(facts, contents)

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

    def _look(self, *, contents: bool, at: str = "") -> tuple[Facts, memoryview]:
        order = {"do": "look", "contents": contents, "max_files": MAX_TREE_FILES, "max_bytes": MAX_TREE_BYTES, "at": at}
        anew = not self._agreed and not at
        if anew:
            self._files, self._seen = {}, None
        answer = self._ask({**order, "anew": anew}, max_bytes=MAX_TREE_BYTES)
        self._agreed = self._agreed or anew
        return answer

    def _send_files(self, order: Facts, files: Mapping[str, File]) -> None:
        listed = [(path, _kind(file), len(file.data)) for path, file in files.items()]
        pieces = (file.data for file in files.values())
        self._ask({**order, "files": listed}, pieces, sum(size for _, _, size in listed))

    def _ask(
        self,
        order: Facts,
        pieces: Iterable[bytes] = (),
        size: int = 0,
        *,
        max_bytes: int = 0,
        longer_s: float = 0.0,
    ) -> tuple[Facts, memoryview]:
        with self._talking():
            facts, data = self._link.ask(order, pieces, size, max_bytes=max_bytes, timeout_s=ANSWER_S + longer_s)
        return self._done(facts), data

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Lasts from an order to its answer, and closes the box where that does not come."""
        self._check_alive()
        try:
            yield
        except BrokenLinkError as error:
            said = self._last_words()
            self.close()
            raise SandboxFailedError(f"the box broke: {said or error}") from None
        except BaseException:  # Ctrl-C: the answer that is still to come would be taken for that of another order
            self.close()
            raise

    def _check_alive(self) -> None:
        if not self.alive:
            said = self._last_words() if self._alive else ""
            self.close()
            raise SandboxFailedError(f"the box is gone: {said}" if said else "the box is gone")

    def _done(self, facts: Facts) -> Facts:
        """The same facts, where the order could be followed."""
        if "failed" in facts:
            self._known = self._agreed = False
            raise SandboxFailedError(f"the box cannot do it: {facts['failed']}")
        return facts

    @abstractmethod
    def _last_words(self) -> str:
        """Ends what is left of a box whose keeper does not answer; what is known of why, in one line."""


def refusal(reason: object) -> WorkspaceError:
    """Why a folder cannot be kept, given what ``guest.box_tree`` says of it."""
    return WorkspaceError(f"the folder holds {_REASONS.get(str(reason), 'too much')}")


def changed_files(facts: Facts, contents: memoryview) -> Iterator[tuple[str, File]]:
    """Each file that a look has found changed."""
    at = 0
    for path, kind, size in facts["changed"]:
        yield path, File(bytes(contents[at : at + size]), kind == EXECUTABLE, kind == LINK)
        at += size


def tree_of(facts: Facts, contents: memoryview) -> Workspace:
    """What a first look has found."""
    files = dict(changed_files(facts, contents))
    return Workspace(files, frozenset(facts["empty"]), MAX_TREE_BYTES, MAX_TREE_FILES)


def _kind(file: File) -> str:
    if file.link:
        return LINK
    return EXECUTABLE if file.executable else FILE
