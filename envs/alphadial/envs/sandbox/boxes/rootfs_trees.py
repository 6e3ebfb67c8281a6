"""The files that an image's folder holds, read by its owner: some of them a box's own uid may not read."""

from __future__ import annotations

import io
from pathlib import Path

from ..guest.keeper_frames import end, entries
from ..guest.keeper_tree import RefusedError, contents, scan
from ..workspace import Workspace
from .box import MAX_TREE_BYTES, MAX_TREE_FILES
from .rootfs_box import refusal, workspace_of


def read(root: Path, path: str) -> Workspace:
    """What lies under an absolute path of the image, without ``.git``. No link is followed, not even on the way there.

    Raises:
        OSError: there is no such folder, or it cannot be read.
        WorkspaceError: more than ``MAX_TREE_BYTES`` or ``MAX_TREE_FILES``.
    """
    folder = root
    for part in Path(path).parts[1:]:
        folder /= part
        if folder.is_symlink():
            raise NotADirectoryError(f"{folder.relative_to(root)} is a link")
    try:
        found = scan(str(folder), (MAX_TREE_BYTES, MAX_TREE_FILES), without=".git")
    except RefusedError as refused:
        raise refusal(refused) from None
    stream = io.BytesIO(b"".join((*contents(str(folder), found, found.kinds), end())))
    return workspace_of(entries(stream))
