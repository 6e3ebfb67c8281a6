"""The files that an image's folder holds, read by its owner: some of them a box's own uid may not read."""

from __future__ import annotations

import os
from pathlib import Path

from ..guest.box_tree import RefusedError, Tree
from ..workspace import Workspace
from .box import MAX_TREE_BYTES, MAX_TREE_FILES
from .kept_box import refusal, tree_of


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
    tree = Tree(str(folder), os.geteuid(), without=".git")
    try:
        seen = tree.look(MAX_TREE_FILES, MAX_TREE_BYTES)
    except RefusedError as refused:
        raise refusal(refused) from None
    return tree_of(seen.facts(), memoryview(b"".join(tree.contents(seen))))
