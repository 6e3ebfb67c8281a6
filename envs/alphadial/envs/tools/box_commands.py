"""The commands of an attempt on a repository: in a box, opened at the first of them and again where one broke it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from alphadial.envs.closing import Closing
from alphadial.envs.errors import SandboxFailedError, WorkspaceError
from alphadial.envs.forking import in_child
from alphadial.envs.repository import Repository
from alphadial.envs.sandbox import Workspace, WorkspaceRun
from alphadial.envs.sandbox.boxes.box import MAX_TREE_BYTES, MAX_TREE_FILES, Box, Boxes, BoxLimits
from alphadial.envs.types import BOX_TOOL_LIMITS, TOOL_LIMITS, Limits, Problem, Rules

GIT = ".git/"
"""The folder of the history that a box begins with; nothing in it is part of what is handed in."""
_ENV = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Compiled files hold times, by which equal work would end in workspaces that differ."""
BEGIN_HISTORY = """
command -v git >/dev/null 2>&1 || exit 0
export GIT_AUTHOR_DATE='2000-01-01T00:00:00Z' GIT_COMMITTER_DATE='2000-01-01T00:00:00Z'
git -c init.defaultBranch=main init -q --template= . || exit 0
git config user.name agent && git config user.email agent@localhost
git add -A && git commit -q --allow-empty -m 'The repository as the task begins'
git -c pack.threads=1 repack -adq
"""
"""One commit, by which the policy sees what it has changed. Nothing depends on it: an image may be without git."""
_BEGIN_LIMITS = Limits(cpu_s=120.0, wall_s=300.0)
_AS_BEFORE = "the workspace is as it was before the command"


def first_tree(boxes: Boxes, repository: Repository) -> Workspace:
    """The repository before any command.

    Raises:
        ImageError: the image that holds it is not there.
        WorkspaceError: it is more than a box may hold.
    """
    if repository.tree is None:
        return boxes.tree(boxes.find(repository.image), repository.workdir)
    return Workspace(repository.tree, max_bytes=MAX_TREE_BYTES, max_files=MAX_TREE_FILES)


def without_history(workspace: Workspace) -> Workspace:
    """A repository's workspace without ``.git``, which holds times: equal work ends in equal trees."""
    if not any(path.startswith(GIT) for path in workspace.files):
        return workspace
    files = {path: file for path, file in workspace.files.items() if not path.startswith(GIT)}
    folders = frozenset(folder for folder in workspace.folders if not folder.startswith(GIT))
    return replace(workspace, files=files, folders=folders)


class BoxCommands(Closing):
    """Runs commands as ``Sandbox.run_in`` does, for one attempt. Used by one thread at a time.

    A command that a limit stops changes nothing: its box is dropped, and the next command gets another one that holds
    what lay there before.

    Args:
        boxes: where the box comes from.
        repository: says what it is made from.
        first: the repository before any command or edit, by which the history in the box begins.
        limits: of the box.
        begun: a command has run, in an earlier process perhaps, so that the workspace has its history.
        sockets: a folder whose unix sockets its commands may connect to.
    """

    def __init__(
        self,
        boxes: Boxes,
        repository: Repository,
        first: Workspace,
        limits: BoxLimits,
        *,
        begun: bool,
        sockets: Path | None = None,
    ) -> None:
        self._boxes, self._repository, self._limits = boxes, repository, limits
        self._first, self._begun = first, begun
        self._sockets = sockets
        self._env = {**repository.env, **_ENV}
        self._box: Box | None = None
        self._ended = False
        self._held: Workspace | None = None
        """What lies in the box; None where that is not known, or no box is open."""
        in_child(self, BoxCommands._leave)

    def _leave(self) -> None:
        """Forgets the box in a forked child: it is the parent's."""
        self._box = self._held = None

    def run_in(self, workspace: Workspace, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        """Runs a command in a box that holds a workspace, and returns that and the workspace after it.

        Raises:
            SandboxFailedError: our machinery broke, or it was closed; nothing was changed.
            ImageError: the image is gone.
        """
        run = None
        try:
            run = self._run(workspace, command, limits)
            return run
        finally:
            if run is None or self._ended:  # nobody knows what is left in it
                self.drop()

    def _run(self, before: Workspace, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        if not self._begun:
            before = self._with_history(before)
        box = self._holding(before)
        result = box.exec(command, limits, env=self._env)
        self._begun = True
        if result.killed_by is not None or not box.alive:
            self.drop()
            return WorkspaceRun(result, before, _AS_BEFORE)
        try:
            found = box.snapshot()
        except WorkspaceError as error:
            self.drop()
            return WorkspaceRun(result, before, f"{error}: {_AS_BEFORE}")
        self._held = before if found == before else found
        return WorkspaceRun(result, self._held)

    def _holding(self, workspace: Workspace) -> Box:
        if self._ended:
            raise SandboxFailedError("the attempt was given up")
        if self._box is None:
            image = self._boxes.find(self._repository.image)
            self._box = self._boxes.open(image, self._repository.workdir, self._limits, sockets=self._sockets)
        if workspace is not self._held:
            self._box.restore(workspace)
            self._held = workspace
        return self._box

    def _with_history(self, workspace: Workspace) -> Workspace:
        """A workspace that no command has seen yet, with a history that begins at the first tree, edited or not."""
        box = self._holding(self._first)
        result = box.exec(["sh", "-c", BEGIN_HISTORY], _BEGIN_LIMITS, env=self._env)
        if result.killed_by is not None or not box.alive:
            raise SandboxFailedError(f"the history of a repository could not be begun: {result.words[:200]}")
        self._held = begun = box.snapshot()
        if workspace is self._first:
            return begun
        history = {path: file for path, file in begun.files.items() if path.startswith(GIT)}
        folders = {folder for folder in begun.folders if folder.startswith(GIT)}
        return replace(workspace, files={**workspace.files, **history}, folders=workspace.folders | folders)

    def close(self) -> None:
        """Ends the box, with whatever another thread runs in it, for good. Idempotent."""
        self._ended = True
        self.drop()

    def drop(self) -> None:
        """Ends the box; the next command gets another one."""
        box, self._box, self._held = self._box, None, None
        if box is not None:
            with suppress(SandboxFailedError):  # it ends with this process at the latest
                box.close()


def command_limits(problem: Problem, rules: Rules) -> Limits:
    """What one command may use."""
    if problem.repository is None:
        return rules.tool_limits or TOOL_LIMITS
    own = problem.limits
    return replace(
        rules.tool_limits or BOX_TOOL_LIMITS,
        memory_bytes=own.memory_bytes,
        files_bytes=own.files_bytes,
        processes=own.processes,
    )
