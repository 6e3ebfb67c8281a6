"""The tools that look at files of a workspace and change them."""

from __future__ import annotations

from alphadial.envs.sandbox import Workspace
from alphadial.envs.sandbox.workspace import check_path
from alphadial.envs.tools.box_commands import without_history
from alphadial.envs.tools.specs import BadCallError
from alphadial.envs.tools.text import file_text, folder_text, link_text


def view(workspace: Workspace, path: str, start: int | None = None, end: int | None = None) -> str:
    """What the tool of this name says of a file or folder.

    Raises:
        BadCallError: there is none.
        WorkspaceError: it is no path within a workspace.
    """
    path = path.removeprefix("./").rstrip("/")
    if path in ("", "."):
        return folder_text(without_history(workspace), "")
    file = workspace.files.get(check_path(path))
    if file is not None and file.link:
        return link_text(path, file.data)
    if file is not None:
        return file_text(path, file.data, start, end)
    if path in workspace.folders or any(name.startswith(f"{path}/") for name in workspace.files):
        return folder_text(workspace, path)
    raise BadCallError(f"there is no file {path!r} in the workspace")


def edit(workspace: Workspace, path: str, old: str, new: str) -> tuple[Workspace, str]:
    """What a workspace becomes, and what the tool of this name says of that.

    Raises:
        BadCallError: it cannot be edited so.
        WorkspaceError: it is no path within a workspace, or the file would be too large for one.
    """
    path = check_path(path.removeprefix("./"))
    file = workspace.files.get(path)
    if file is not None and file.link:
        raise BadCallError(f"{path!r} is a link: edit the file that it leads to")
    if not old:
        if file is not None and file.data:
            raise BadCallError(f"{path!r} exists: give in 'old' the text to replace")
        return workspace.with_file(path, new.encode()), f"created {path}"
    if file is None:
        raise BadCallError(f"there is no file {path!r} in the workspace")
    count = file.data.count(old.encode())
    if count != 1:
        raise BadCallError(f"'old' occurs {count} times in {path}, not once: nothing was changed")
    return workspace.with_file(path, file.data.replace(old.encode(), new.encode())), f"changed {path}"
