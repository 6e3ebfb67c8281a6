"""The part of a patch that is graded: its changes of the files that it may change, in the tree before it."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from alphadial.envs.files import File
from alphadial.envs.patches import apply
from alphadial.envs.repository import Repository, VerifierKind

CONFIGURATION = (
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
    "*.dist-info/*",
    "*.egg-info/*",
)
"""What configures pytest, and what makes it load plugins."""
_TEST_FOLDERS = frozenset(("test", "tests", "testing"))


def graded_tree(repository: Repository, first: Mapping[str, File], patch: str) -> dict[str, File]:
    """The first tree with the changes of a patch that are graded; all other files are as they were.

    Raises:
        PatchError: it is no patch, or it does not fit.
    """
    after = apply(patch, first)
    changed = [path for path in {*first, *after} if first.get(path) != after.get(path)]
    tree = dict(first)
    for path in changed:
        if not _graded(repository, path):
            continue
        if path in after:
            tree[path] = after[path]
        else:
            del tree[path]
    return _without_clashes(tree, first)


def in_test_folder(path: str) -> bool:
    """Whether a file belongs to the tests of a repository by the name of a folder that it is in."""
    return not _TEST_FOLDERS.isdisjoint(PurePosixPath(path).parts[:-1])


def _graded(repository: Repository, path: str) -> bool:
    verifier = repository.verifier
    own = verifier.kind is VerifierKind.PROJECT_TESTS
    if path in verifier.files or (own and (_any(CONFIGURATION, path) or in_test_folder(path))):
        return False
    return _any(repository.editable, path) and not _any(repository.protected, path)


def _any(patterns: tuple[str, ...], path: str) -> bool:
    """Whether a pattern fits the path or an end of it, such as "b/c.py" or "c.py" of "a/b/c.py"."""
    parts = path.split("/")
    ends = ["/".join(parts[at:]) for at in range(len(parts))]
    return any(fnmatchcase(end, pattern) for pattern in patterns for end in ends)


def _without_clashes(tree: dict[str, File], first: Mapping[str, File]) -> dict[str, File]:
    """Removes files that would lie in each other's place, and returns the tree.

    A patch can make a folder of a file that stays, as its removal is not graded, or the other way round. What was there
    before the patch remains.
    """
    folders = {str(parent) for path in tree for parent in PurePosixPath(path).parents}
    clashing = [path for path in tree if path in folders]
    for path in clashing:
        if path in first:
            for inner in [other for other in tree if other.startswith(f"{path}/")]:
                del tree[inner]
        else:
            del tree[path]
    return tree
