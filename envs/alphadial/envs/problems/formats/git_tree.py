"""The tree of one commit of a local git repository, and nothing of what came after it.

Only the commands of git that read objects are run, with everything turned off by which a repository of a stranger's
could have others run: hooks, filters, remotes from which missing objects would be fetched.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from alphadial.envs.errors import ProblemError, WorkspaceError
from alphadial.envs.files import File
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.problems.formats.tree import kind_of
from alphadial.envs.sandbox.boxes.box import MAX_TREE_BYTES, MAX_TREE_FILES
from alphadial.envs.sandbox.workspace import check_path

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_ENTRY = re.compile(rb"(\d{6}) (\w+) ([0-9a-f]{40,64}) +(-|\d+)\t(.+)", re.DOTALL)
_SILENT = ("protocol.allow=never", "core.fsmonitor=false", "core.hooksPath=/dev/null", "safe.directory=*")
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_ELSEWHERE = ("commondir", "objects/info/alternates")
"""The files by which a repository takes objects of another one, which may be anybody's."""
_LONGEST_S = 120.0
_KEPT = 4
"""How many trees are held in memory: those of a whole set would not fit."""


class GitTree(Mapping[str, File]):
    """The files of a commit, read when they are first asked for.

    Args:
        folder: of the repository's objects: ".git", or a bare repository.
        digest: git's name of the tree, which stands for its content.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        self.digest = digest
        self._folder = folder

    def __getitem__(self, path: str) -> File:
        return _files(self._folder, self.digest)[path]

    def __iter__(self) -> Iterator[str]:
        return iter(_files(self._folder, self.digest))

    def __len__(self) -> int:
        return len(_files(self._folder, self.digest))


def git_folder(root: Path, repo: str) -> Path | None:
    """The folder with the objects of a repository that is kept under its name below ``root``; None where there is none.

    Args:
        root: such as the folder of the rows that name it.
        repo: as "owner/name"; it lies in ``repos/owner/name``, ``repos/owner__name`` or ``repos/name``, bare or not.

    Raises:
        FormatError: a link there leads elsewhere.
    """
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", repo) or ".." in repo:
        return None
    for name in dict.fromkeys((repo, repo.replace("/", "__"), repo.rpartition("/")[2])):
        for folder in (root / "repos" / name / ".git", root / "repos" / name, root / "repos" / f"{name}.git"):
            if kind_of(folder / "objects") != stat.S_IFDIR or kind_of(folder / "HEAD") is None:
                continue
            if not folder.resolve().is_relative_to(root.resolve()):
                raise FormatError(f"{folder} leads elsewhere: put the repository itself there")
            if any(kind_of(folder / name) is not None for name in _ELSEWHERE):
                raise FormatError(f"{folder} takes objects of another repository: put a whole clone there")
            return folder
    return None


def commit_tree(folder: Path, commit: str) -> GitTree:
    """The tree of a commit.

    Raises:
        FormatError: the repository has no such commit, or git is not there.
    """
    if not _COMMIT.fullmatch(commit):
        raise FormatError(f"base_commit {commit[:80]!r} is no full name of a commit")
    try:
        found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{tree}}")
    except ProblemError as error:
        raise FormatError(f"base_commit {commit[:12]} cannot be read: {error}") from None
    return GitTree(folder, found.decode().strip())


@lru_cache(maxsize=_KEPT)
def _files(folder: Path, tree: str) -> Mapping[str, File]:
    entries = _entries(folder, tree)
    blobs = _blobs(folder, dict.fromkeys(blob for _, blob in entries.values()))
    return {
        path: File(blobs[blob], executable=mode == 0o100755, link=stat.S_ISLNK(mode))
        for path, (mode, blob) in entries.items()
    }


def _entries(folder: Path, tree: str) -> dict[str, tuple[int, str]]:
    """The path of each file, to its mode and the name of its blob; submodules are left out."""
    found: dict[str, tuple[int, str]] = {}
    room = MAX_TREE_BYTES
    for line in filter(None, _git(folder, "ls-tree", "-r", "-l", "-z", "--full-tree", tree).split(b"\0")):
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            raise ProblemError(f"{folder}: a file of the tree {tree[:12]} is missing there: clone it whole")
        if entry[2] != b"blob":
            continue
        try:
            path = check_path(entry[5].decode())
        except (UnicodeDecodeError, WorkspaceError):
            raise ProblemError(f"{folder}: a path of the tree {tree[:12]} is too long or not UTF-8") from None
        room -= int(entry[4]) if entry[4] != b"-" else 0
        found[path] = (int(entry[1], 8), entry[3].decode())
        if room < 0 or len(found) > MAX_TREE_FILES:
            raise ProblemError(f"{folder}: the tree {tree[:12]} holds more than {MAX_TREE_BYTES // 2**20} MiB or files")
    return found


def _blobs(folder: Path, names: Mapping[str, None]) -> dict[str, bytes]:
    answer = _git(folder, "cat-file", "--batch", given="\n".join(names).encode())
    found: dict[str, bytes] = {}
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        name, kind, *size = answer[at:end].split(b" ")
        if kind != b"blob" or not size:
            raise ProblemError(f"{folder}: the object {name.decode('ascii', 'replace')[:12]} is missing")
        at = end + 1 + int(size[0])
        found[name.decode()] = answer[end + 1 : at]
        at += 1
    return found


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    options = [word for setting in _SILENT for word in ("-c", setting)]
    try:
        done = subprocess.run(
            ["git", "--git-dir", os.fspath(folder.resolve()), *options, *arguments],
            input=given,
            capture_output=True,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **_ENVIRONMENT},
            cwd="/",
            timeout=_LONGEST_S,
            check=False,
        )
    except FileNotFoundError:
        raise ProblemError("git is not installed: install it to read repositories (apt-get install git)") from None
    except subprocess.TimeoutExpired:
        raise ProblemError(f"git takes more than {_LONGEST_S:.0f} s to read {folder}") from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise ProblemError(f"{folder}: {words[0][:200] if words else 'git finds no such object there'}")
    return done.stdout
