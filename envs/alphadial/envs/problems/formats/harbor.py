"""Harbor task folders: a code base, what is asked of it, and what decides. docs/repository_tasks.md describes them.

Nothing of a task is executed. Of its folders ``tests`` and ``solution`` are never seen by whoever works on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from alphadial.envs.files import File
from alphadial.envs.problems.formats.compose_file import check_services
from alphadial.envs.problems.formats.fields import sequence, text
from alphadial.envs.problems.formats.file_trees import below, read_regular, read_tree
from alphadial.envs.problems.formats.harbor_settings import LARGEST, TASK, Settings, read_settings
from alphadial.envs.problems.formats.harbor_tests import read_performance, read_tests
from alphadial.envs.problems.formats.packages import FormatError, LoadError, Package
from alphadial.envs.problems.formats.quarantine import QUARANTINE, counted, read_quarantine
from alphadial.envs.problems.formats.repository_problems import check_gold, gold_solutions, repository_problem
from alphadial.envs.problems.formats.tree import kind_of
from alphadial.envs.raw import as_text
from alphadial.envs.repository import PERFORMANCE, PROTECTED, ImageSource, Repository, Verifier, VerifierKind
from alphadial.envs.types import Problem, Test

_CANARY = re.compile(r"(<!--.*canary.*-->|#.*canary.*)", re.IGNORECASE)
_WORKDIR = re.compile(r"^[ \t]*WORKDIR[ \t]+(/[\w./-]*)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_DOCKERFILE = "Dockerfile"
_SCRIPT = "test.sh"
_SOLVE = "solve.sh"


def is_task(folder: Path) -> bool:
    """Whether a folder is a task, perhaps a broken one."""
    return kind_of(folder / TASK) is not None


def load(folder: Path, name: str) -> Iterator[Package | LoadError]:
    """The task in a folder as a problem, after warnings of what is not used; or the fault of it.

    Args:
        folder: which holds task.toml.
        name: to be the problem's id.
    """
    try:
        settings, quarantined = read_settings(folder), read_quarantine(folder)
        problem = _problem(folder, name, settings, quarantined)
    except FormatError as error:
        yield error.fault(folder / TASK)
        return
    yield from settings.warnings
    if quarantined:
        names = ", ".join(f"{test[:100]} ({why[:100]})" for test, why in list(quarantined.items())[:3])
        yield LoadError(folder / QUARANTINE, None, f"{len(quarantined):,} tests do not count: {names}", harmless=True)
    solutions = gold_solutions(problem.repository) if problem.repository is not None else ()
    yield Package(problem, solutions, source=folder)


def _problem(folder: Path, name: str, settings: Settings, quarantined: Mapping[str, str]) -> Problem:
    environment, hidden = read_tree(folder / "environment"), read_tree(folder / "tests")
    for where, files in (("environment", environment), ("tests", hidden)):
        check_services(folder / where, files)
    solution = read_tree(folder / "solution")
    tree = _tree(settings, environment)
    tests = read_tests(settings, hidden, tree)
    gold = _gold(settings, solution)
    if tree is not None:
        check_gold(gold, tree)
    performance = read_performance(settings, hidden, gold)
    repository = Repository(
        image=_image(settings, environment),
        verifier=_verifier(settings, hidden, tests.kind, tests.files),
        workdir=_workdir(settings, environment),
        tree=tree,
        gold=gold,
        solution={} if gold or _SOLVE not in solution else solution,
        editable=_patterns(settings, "editable", ("*",)),
        protected=(*PROTECTED, *_patterns(settings, "protected", ())),
        import_from=_patterns(settings, "import_from", ("src", ".")),
        performance=performance,
        env=settings.env,
    )
    return repository_problem(
        name,
        _statement(folder),
        repository,
        counted(tests.tests if performance is None else (*tests.tests, Test(3, "", "", name=PERFORMANCE)), quarantined),
        template=text(settings.ours.get("template", name), "template"),
        memory_bytes=settings.memory_bytes,
        files_bytes=settings.files_bytes,
        features=settings.features,
    )


def _statement(folder: Path) -> str:
    """The instruction without the marks at its head by which people search for leaked tasks."""
    path = folder / "instruction.md"
    if kind_of(path) is None:
        raise FormatError("there is no instruction.md", path=folder)
    try:
        lines = read_regular(path, LARGEST).decode().split("\n")
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 at byte {error.start}", path=path) from None
    while lines and _CANARY.fullmatch(lines[0].strip()):
        lines.pop(0)
    return "\n".join(lines).strip("\n") + "\n"


def _tree(settings: Settings, environment: dict[str, File]) -> dict[str, File] | None:
    stated = text(settings.ours.get("tree", ""), "tree")
    found = below(environment, stated or "repository")
    if stated and not found:
        raise FormatError(f"tree: there is no folder environment/{stated[:100]}")
    return found or None


def _gold(settings: Settings, solution: Mapping[str, File]) -> str:
    stated = text(settings.ours.get("gold", ""), "gold")
    file = solution.get(stated or "gold.patch")
    if file is None or file.link:
        if stated:
            raise FormatError(f"gold: there is no file solution/{stated[:100]}")
        return ""
    return as_text(file.data)


def _image(settings: Settings, environment: Mapping[str, File]) -> ImageSource:
    if named := text(settings.ours.get("image", ""), "image") or settings.docker_image:
        return ImageSource(named)
    if _DOCKERFILE not in environment:
        raise FormatError("it has no image: neither environment/Dockerfile nor [environment] docker_image is there")
    return ImageSource(context=environment)


def _workdir(settings: Settings, environment: Mapping[str, File]) -> str:
    found = text(settings.ours.get("workdir", ""), "workdir") or settings.workdir
    if not found and not settings.docker_image and _DOCKERFILE in environment:
        found = next(iter(_WORKDIR.findall(as_text(environment[_DOCKERFILE].data))[::-1]), "")
    path = PurePosixPath(found or "/app")
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise FormatError(f"workdir must be an absolute path of a folder, not {found[:100]!r}")
    return str(path)


def _verifier(
    settings: Settings, hidden: Mapping[str, File], kind: VerifierKind, files: Mapping[str, File]
) -> Verifier:
    if kind in (VerifierKind.TESTS, VerifierKind.PROJECT_TESTS):
        return Verifier(kind, files, timeout_s=settings.timeout_s, env=settings.verifier_env)
    if _SCRIPT not in hidden:
        raise FormatError("a task without tests: there is no tests/test.sh, and no tests or calls are stated")
    separate = kind is VerifierKind.SCRIPT
    image = None
    if separate and settings.verifier_image:
        image = ImageSource(settings.verifier_image)
    elif separate and _DOCKERFILE in hidden:
        image = ImageSource(context=hidden)
    return Verifier(
        kind,
        hidden,
        command=("bash", f"/tests/{_SCRIPT}"),
        timeout_s=settings.timeout_s,
        image=image,
        artifacts=settings.artifacts if separate else (),
        collect=settings.collect if separate else (),
        env=settings.verifier_env,
    )


def _patterns(settings: Settings, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    if key not in settings.ours:
        return default
    found = tuple(text(each, f"each of {key}") for each in sequence(settings.ours[key], key))
    if key == "editable" and not found:
        raise FormatError("editable is empty: no change would count")
    return found
