"""What the shape of the repository promises: the namespace, the arrows between parts, light imports, small files."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PARTS = sorted(folder.parent.name for folder in ROOT.glob("*/alphadial") if folder.parent.name != ".venv")
MAY_IMPORT = {
    "envs": set(),
    "controller": set(),
    "merge_engine": set(),
    "agents": {"envs", "controller", "merge_engine"},
    "training": {"agents", "envs", "controller", "merge_engine"},
    "cli": {"training", "agents", "envs", "controller", "merge_engine"},
}
HEAVY = ("torch", "transformers", "matplotlib", "docker")
LONG_FILES: dict[str, str] = {}
TASKS = "envs/alphadial/envs/problems/repositories/tasks/"
"""Code bases that are to be worked on are data."""


def part_folder(part: str) -> Path:
    return ROOT / part / "alphadial" / part


def sources(part: str) -> list[Path]:
    return sorted(file for file in part_folder(part).rglob("*.py") if not relative(file).startswith(TASKS))


def all_sources() -> list[Path]:
    return [file for part in PARTS for file in sources(part)]


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), relative(file))


def imported_modules(file: Path, part: str) -> Iterator[str]:
    """Absolute names of all that a file imports, at the top or inside functions."""
    package = file.relative_to(ROOT / part).parent.parts
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # "from alphadial import envs" names the part only in its second half.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def functions(file: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


NAMED_TWICE = {
    "envs": {"gvisor", "workspace"},  # the guest's side of a sandbox is called as the host's
}


@pytest.mark.parametrize("part", PARTS)
def test_a_modules_name_occurs_once_in_a_part(part: str) -> None:
    names = Counter(file.stem for file in sources(part) if file.stem != "__init__")
    assert {name for name, count in names.items() if count > 1} == NAMED_TWICE.get(part, set())


def test_readme_and_examples_import_from_public_faces_alone() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    programs = [*blocks, *(file.read_text("utf-8") for file in (ROOT / "examples").glob("*.py"))]
    modules = {
        node.module
        for program in programs
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("alphadial")
    }
    assert modules
    assert modules <= {f"alphadial.{part}" for part in PARTS}


def test_namespace_has_no_init_files() -> None:
    for part in PARTS:
        assert not (ROOT / part / "__init__.py").exists()
        assert not (ROOT / part / "alphadial" / "__init__.py").exists()
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("part", PARTS)
def test_part_is_a_typed_package_with_public_names_and_a_readme(part: str) -> None:
    folder = part_folder(part)
    assert (folder / "py.typed").exists()
    assert (folder / "README.md").exists()
    assigned = {
        target.id
        for node in parsed(folder / "__init__.py").body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "__all__" in assigned


def test_pyproject_names_every_part() -> None:
    hatch = PYPROJECT["tool"]["hatch"]["build"]
    assert sorted(hatch["dev-mode-dirs"]) == PARTS
    assert sorted(hatch["targets"]["wheel"]["packages"]) == [f"{part}/alphadial" for part in PARTS]
    assert sorted(PYPROJECT["tool"]["pytest"]["ini_options"]["pythonpath"]) == PARTS
    assert set(PARTS) <= set(PYPROJECT["tool"]["mypy"]["files"])
    assert set(PARTS) <= set(PYPROJECT["tool"]["mypy"]["mypy_path"].split(":"))
    assert sorted(MAY_IMPORT) == PARTS


@pytest.mark.thorough
@pytest.mark.parametrize("part", PARTS)
def test_arrows_between_parts(part: str) -> None:
    wrong = []
    for file in sources(part):
        for module in imported_modules(file, part):
            namespace, _, rest = module.partition(".")
            target = rest.partition(".")[0]
            if namespace == "alphadial" and target not in ("", part) and target not in MAY_IMPORT[part]:
                wrong.append(f"{relative(file)} imports {module}")
    assert not wrong


@pytest.mark.thorough
def test_no_modules_import_each_other() -> None:
    """Neither at the top, nor inside functions, nor for types alone."""
    modules = {
        ".".join(file.relative_to(ROOT / part).with_suffix("").parts).removesuffix(".__init__"): (part, file)
        for part in PARTS
        for file in sources(part)
    }

    def found(name: str) -> str:
        return name if name in modules else name.rpartition(".")[0]

    graph = {
        name: {found(target) for target in imported_modules(file, part)} & (modules.keys() - {name})
        for name, (part, file) in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_guest_code_needs_the_standard_library_only() -> None:
    guest = part_folder("envs") / "sandbox" / "guest"
    files = sorted(guest.rglob("*.py"))
    assert files
    own = "alphadial.envs.sandbox.guest"
    of_the_image = {"pytest_run.py": "pytest"}
    siblings = {guest.name, *(file.stem for file in files)}
    wrong = [
        f"{relative(file)} imports {module}"
        for file in files
        for module in imported_modules(file, "envs")
        if not f"{module}.".startswith(f"{own}.")
        and module.partition(".")[0] not in sys.stdlib_module_names
        and module.partition(".")[0] not in siblings
        and module.partition(".")[0] != of_the_image.get(file.name)
    ]
    assert not wrong


@pytest.mark.parametrize("part", PARTS)
def test_import_is_light(part: str) -> None:
    code = (
        f"import sys, alphadial.{part} as part; [getattr(part, '__doc__')]; "
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    path = [str(ROOT / name) for name in PARTS]
    code = f"import sys; sys.path[:0] = {path!r}; {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
    assert done.stderr == ""


def test_files_are_short() -> None:
    lengths = {relative(file): len(file.read_text("utf-8").splitlines()) for file in all_sources()}
    too_long = {name: lines for name, lines in lengths.items() if lines > 400}
    assert {name: lines for name, lines in too_long.items() if name not in LONG_FILES} == {}
    assert set(LONG_FILES) <= set(too_long), "an exception is no longer needed"


def test_functions_fit_a_screen() -> None:
    sizes = [(lines, f"{relative(file)}: {name}") for file in all_sources() for name, lines in functions(file)]
    assert [entry for entry in sizes if entry[0] > 70] == []
    assert statistics.quantiles((lines for lines, _ in sizes), n=10)[-1] <= 35


@pytest.mark.parametrize("part", PARTS)
def test_readme_lists_files_that_exist(part: str) -> None:
    folder = part_folder(part)
    text = (folder / "README.md").read_text("utf-8")
    named = [name for name in re.findall(r"`([\w./-]+)`", text) if name.endswith((".py", ".json", ".md", "/"))]
    assert named
    missing = [name for name in named if not (folder / name).exists() and not any(folder.rglob(name.rstrip("/")))]
    assert not missing


@pytest.mark.parametrize("part", PARTS)
def test_readme_lists_every_file(part: str) -> None:
    folder = part_folder(part)
    text = (folder / "README.md").read_text("utf-8")
    entries = [*folder.glob("*.py"), *(room for room in folder.iterdir() if (room / "__init__.py").exists())]
    unlisted = [entry.name for entry in entries if entry.name != "__init__.py" and f"`{entry.name}" not in text]
    assert not unlisted


def test_no_file_names_the_machine_it_was_made_on() -> None:
    home = re.compile(rf"/(home|work)/[\w.]|/root/\.|{re.escape(str(ROOT))}")
    checked = [
        *all_sources(),
        *ROOT.glob("*.*"),
        *ROOT.glob("tests/**/*.py"),
        *ROOT.glob("scripts/*"),
        ROOT / "Makefile",
    ]
    # In a linked working tree, .git is a file that names a folder of this machine; it is no part of the project.
    files = [file for file in checked if file.is_file() and file != Path(__file__) and file.name != ".git"]
    assert [relative(file) for file in files if home.search(file.read_text("utf-8"))] == []
