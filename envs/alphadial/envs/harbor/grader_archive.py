"""The modules that grade, as one archive that Python imports from: an exported task needs nothing to be installed."""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import resources

_ROOT = "alphadial.envs"
_START = "alphadial.envs.harbor.grading_here"
_GUEST = ("assertions", "calling", "pytest_run", "reporting", "values")
"""The modules of ``sandbox.guest`` that the archive holds: they are laid out in boxes, and nothing imports them."""
_DATE = (2000, 1, 1, 0, 0, 0)
"""The date of every entry of the archive; being always the same, it lets equal modules make equal archives."""


@cache
def grader_archive() -> bytes:
    """A zip of the modules that ``grading_here`` imports as it is loaded, and of those that run in its boxes."""
    modules = _closure([_START, *(f"{_ROOT}.sandbox.guest.{name}" for name in _GUEST)])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted({*modules, *(folder for module in modules for folder in _folders(module))}):
            entry = zipfile.ZipInfo(path, _DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, modules.get(path, b""))
    return packed.getvalue()


def _closure(names: list[str]) -> dict[str, bytes]:
    """Path to source of modules, of the packages that they are in, and of all that they import at their top."""
    found: dict[str, bytes] = {}
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or not name.startswith(_ROOT):
            continue
        seen.add(name)
        waiting.append(name.rpartition(".")[0])
        if (read := _read(name)) is None:
            continue
        path, source = read
        # The harbor package's own face loads what exports; in the archive nothing does.
        found[path] = b"" if name == _START.rpartition(".")[0] else source
        package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
        waiting += _imported(ast.parse(found[path]), package)
    return found


def _read(name: str) -> tuple[str, bytes] | None:
    """Path and source of a module or a package; None where the name is that of something in one."""
    inner = name.removeprefix(_ROOT).replace(".", "/").strip("/")
    for path in (f"{inner}.py", f"{inner}/__init__.py".lstrip("/")):
        file = resources.files(_ROOT).joinpath(path)
        if file.is_file():
            return f"{_ROOT.replace('.', '/')}/{path}", file.read_bytes()
    return None


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _folders(path: str) -> Iterator[str]:
    """The folders above a path, to be entries too: Python needs them for packages without an ``__init__.py``."""
    parts = path.split("/")[:-1]
    yield from ("/".join(parts[: count + 1]) + "/" for count in range(len(parts)))
