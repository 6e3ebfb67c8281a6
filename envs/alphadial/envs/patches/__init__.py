"""Patches in git's format: what became of a tree of files as text, and back.

A patch changes regular files, their content and whether they can be executed. Links are never part of one: ``diff``
leaves them as they were, and ``apply`` refuses them, since whoever follows one on the host would leave the tree.
"""

from alphadial.envs.patches.applying import apply, written
from alphadial.envs.patches.changes import MAX_PATCH_BYTES
from alphadial.envs.patches.making import diff

__all__ = ["MAX_PATCH_BYTES", "apply", "diff", "written"]
