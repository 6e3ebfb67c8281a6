"""Harbor task folders: what is read of them, and what is refused by name while the others are read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.files import File
from alphadial.envs.patches import diff
from alphadial.envs.problems import LoadError, Package, find_package, load_split, shown, survey
from alphadial.envs.problems.formats import Format, detect, load
from alphadial.envs.repository import PERFORMANCE, PROTECTED, REWARD, ImageSource, Repository, VerifierKind
from alphadial.envs.types import Interface, Test

CORE = "def order(a):\n    return a\n"
GOLD = diff(
    {"src/shop/core.py": File(CORE.encode())}, {"src/shop/core.py": File(b"def order(a):\n    return sorted(a)\n")}
)
TOML = """
schema_version = "1.4"
[task]
name = "shop/order"
keywords = ["sorting"]
[metadata]
difficulty = "easy"
category = "bug fix"
[metadata.alphadial]
image = "repository"
editable = ["src/*"]
protected = ["src/shop/version.py"]
fail_to_pass = ["tests/test_hidden.py::test_order[x:y]"]
pass_to_pass = ["tests/test_core.py::test_empty"]
public = ["tests/test_core.py::test_empty"]
[metadata.alphadial.performance]
command = ["python3", "/grade/bench.py"]
[verifier]
timeout_sec = 90
env = { LEVEL = "${LEVEL:-3}", PLAIN = "x" }
[environment]
memory_mb = 512
"""
CALLS: Any = [
    {"call": "shop.core:order", "arguments": [[2, 1]], "value": [1, 2]},
    {"call": "shop.core:order", "arguments": [[]], "value": [], "level": 2, "name": "nothing"},
]
TASK = {
    "instruction.md": "<!-- canary GUID 1 -->\n# canary\n\norder(a) is to return a in order.\n",
    "environment/Dockerfile": "FROM x\nWORKDIR /shop\n",
    "environment/repository/src/shop/core.py": CORE,
    "environment/repository/tests/test_core.py": "",
    "environment/repository/.gitignore": "*.pyc\n",
    "environment/repository/.git/HEAD": "the future",
    "environment/repository/src/__pycache__/core.pyc": "",
    "tests/test.sh": "",
    "tests/calls.json": json.dumps(CALLS),
    "tests/repository/tests/test_hidden.py": "",
    "tests/performance/bench.py": "",
    "solution/gold.patch": GOLD,
    "task.toml": TOML,
}
FOREIGN = {
    "instruction.md": "Write /app/add.py.\n",
    "environment/Dockerfile": "FROM x\nWORKDIR /first\nworkdir /srv/app\n",
    "tests/test.sh": "echo 1 > /logs/verifier/reward.txt\n",
    "solution/solve.sh": "touch /srv/app/add.py\n",
    "task.toml": 'version = "1.0"\n',
}


def _write(folder: Path, files: Mapping[str, str]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, "utf-8")
    return folder


def _repository(folder: Path) -> Repository:
    ((package),) = load(folder)
    assert isinstance(package, Package), str(package)
    assert package.problem.repository is not None
    return package.problem.repository


def _faults(folder: Path) -> list[str]:
    found = list(load(folder))
    assert all(isinstance(item, LoadError) for item in found)
    return [str(item) for item in found]


def test_a_task_of_ours(tmp_path: Path) -> None:
    folder = _write(tmp_path / "order", TASK)
    assert detect(folder) is Format.HARBOR
    (package,) = load(folder)
    assert isinstance(package, Package)
    problem, repository = package.problem, _repository(folder)
    assert (problem.id, problem.template, problem.interface) == ("order", "order", Interface.REPOSITORY)
    assert problem.statement == "order(a) is to return a in order.\n"
    assert problem.tests == (
        Test(1, "", "", name="tests/test_hidden.py::test_order[x:y]"),
        Test(1, '["shop.core:order", [[2, 1]]]', "[1, 2]", name="call 1: shop.core:order"),
        Test(2, "", "", public=True, name="tests/test_core.py::test_empty"),
        Test(2, '["shop.core:order", [[]]]', "[]", name="nothing"),
        Test(3, "", "", name=PERFORMANCE),
    )
    assert problem.coverages == {"low": 1, "mid": 2, "high": 3}
    assert problem.features == {"difficulty": "easy", "category": "bug fix", "tags": "sorting"}
    assert (problem.time_limit_s, problem.limits.memory_bytes) == (90.0, 512 * 2**20)
    assert repository.image == ImageSource("repository")
    assert repository.tree is not None
    assert sorted(repository.tree) == [".gitignore", "src/shop/core.py", "tests/test_core.py"]
    assert (repository.gold, repository.workdir, repository.editable) == (GOLD, "/shop", ("src/*",))
    assert repository.protected == (*PROTECTED, "src/shop/version.py")
    assert repository.verifier.kind is VerifierKind.TESTS
    assert repository.verifier.env == {"LEVEL": "3", "PLAIN": "x"}
    assert list(repository.verifier.files) == ["tests/test_hidden.py"]
    assert repository.performance is not None
    assert repository.performance.command == ("python3", "/grade/bench.py")
    assert list(repository.performance.files) == ["bench.py"]
    (gold,) = package.solutions
    assert (gold.submission.source, gold.expected) == (GOLD, "accepted")


def test_a_foreign_task_is_graded_by_its_script(tmp_path: Path) -> None:
    repository = _repository(_write(tmp_path, FOREIGN))
    verifier = repository.verifier
    assert (verifier.kind, verifier.command) == (VerifierKind.SHARED_SCRIPT, ("bash", "/tests/test.sh"))
    assert (repository.tree, repository.workdir, repository.gold) == (None, "/srv/app", "")
    assert sorted(repository.image.context) == ["Dockerfile"]
    _write(tmp_path, {"task.toml": 'artifacts = ["out", {source = "/x/y"}]\n[verifier]\nenvironment_mode = "separate"'})
    (package,) = load(tmp_path)
    assert isinstance(package, Package)
    assert package.problem.repository is not None
    assert package.problem.repository.verifier.artifacts == ("/logs/artifacts", "/app/out", "/x/y")
    assert package.problem.repository.verifier.kind is VerifierKind.SCRIPT
    assert [test.name for test in package.problem.tests] == [REWARD]


def test_a_script_may_write_a_number_for_each_level(tmp_path: Path) -> None:
    toml = '[metadata.alphadial]\nrewards = ["level_1", "level_2"]\n[verifier.environment]\ndocker_image = "checker"\n'
    toml += '[[verifier.collect]]\ncommand = "git diff > /logs/artifacts/p"\n'
    (package,) = load(_write(tmp_path, FOREIGN | {"task.toml": toml}))
    assert isinstance(package, Package)
    assert [(test.level, test.name) for test in package.problem.tests] == [(1, "level_1"), (2, "level_2")]
    assert package.problem.repository is not None
    verifier = package.problem.repository.verifier
    assert (verifier.image, verifier.collect) == (ImageSource("checker"), ("git diff > /logs/artifacts/p",))


REFUSED: dict[str, tuple[str, dict[str, str | None], str]] = {
    "several steps": ('[[steps]]\nname = "one"\n[[steps]]\nname = "two"', {}, "several steps .* it has 2"),
    "side services": (
        "",
        {"environment/docker-compose.yaml": "services:\n  main: {init: true}\n  db: {image: postgres}\n"},
        r"docker-compose.yaml:\d: side services \(db\)",
    ),
    "volumes": ("", {"environment/docker-compose.yaml": "services:\n  main: {volumes: [/:/host]}\n"}, "volumes of the"),
    "host network": ("", {"environment/compose.yaml": "services:\n  main: {network_mode: host}\n"}, "other than none"),
    "side services of the verifier": ("", {"tests/docker-compose.yaml": "services: {judge: {}}"}, r"\(judge\)"),
    "a side service's file": ('artifacts = [{source = "/x", service = "db"}]', {}, "side service 'db'"),
    "a side service's command": ('[[verifier.collect]]\ncommand = "x"\nservice = "db"', {}, "side service 'db'"),
    "hosts": (
        '[environment]\nnetwork_mode = "allowlist"\nallowed_hosts = ["pypi.org"]',
        {},
        r"\[environment\] network_mode = 'allowlist' \(pypi.org\)",
    ),
    "hosts of the verifier": ('[verifier]\nnetwork_mode = "allowlist"', {}, r"\[verifier\] network_mode"),
    "GPUs": ("[environment]\ngpus = 1", {}, "GPUs"),
    "TPUs": ('[environment.tpu]\ntype = "v4"', {}, "TPUs"),
    "Windows": ('[environment]\nos = "Windows"', {}, "linux is"),
    "MCP": ('[[environment.mcp_servers]]\nname = "search"', {}, r"MCP servers \(search\)"),
    "host's variable": ('[environment.env]\nKEY = "${API_KEY}"', {}, "variable API_KEY"),
    "schema": ('schema_version = "2.0"', {}, "1.0 to 1.4"),
    "no TOML": ("a = = b", {}, "not TOML: .*line 1"),
    "deep": ("a = " + "[" * 5000, {}, "nests too deeply"),
    "no environment": ("", {"environment/Dockerfile": None}, "neither environment/Dockerfile nor"),
    "no tests": ("", {"tests/test.sh": None}, "a task without tests"),
    "no statement": ("", {"instruction.md": None}, "no instruction.md"),
    "timeout": ("[verifier]\ntimeout_sec = -1", {}, r"\[verifier\] timeout_sec must be a number"),
    "table": ("verifier = 3", {}, r"\[verifier\] must be an object"),
    "unknown key": ("[metadata.alphadial]\neditabel = []", {}, "unknown key 'editabel'"),
    "no tests of ours": ('[metadata.alphadial]\nverifier = "tests"', {}, "a task without tests"),
    "unknown verifier": ('[metadata.alphadial]\nverifier = "magic"', {}, "verifier must be"),
    "no such tree": ('[metadata.alphadial]\ntree = "code"', {}, "no folder environment/code"),
    "no such gold": ('[metadata.alphadial]\ngold = "my.patch"', {}, "no file solution/my.patch"),
    "workdir": ('[metadata.alphadial]\nworkdir = "/"', {}, "workdir must be"),
    "no node": ('[metadata.alphadial]\nfail_to_pass = ["test_order"]', {}, "no test such as"),
    "node outside": ('[metadata.alphadial]\nfail_to_pass = ["../x.py::test"]', {}, "no test such as"),
    "node twice": ('[metadata.alphadial]\nfail_to_pass = ["a.py::t"]\npass_to_pass = ["a.py::t"]', {}, "stated twice"),
    "public": ('[metadata.alphadial]\nfail_to_pass = ["a.py::t"]\npublic = ["a.py::u"]', {}, "in neither"),
    "tests and a script": (
        '[metadata.alphadial]\nfail_to_pass = ["a.py::t"]\nverifier = "script"',
        {},
        "decides alone",
    ),
    "performance": ('[metadata.alphadial.performance]\ncommand = ["x"]', {}, "needs a gold patch"),
    "nothing counts": ("[metadata.alphadial]\neditable = []", {}, "no change would count"),
    "calls": (
        '[metadata.alphadial]\ncalls = "c.json"',
        {"tests/c.json": '[{"call": "os.system", "arguments": [], "value": 0}]'},
        "c.json: call 0: 'os.system' is no function",
    ),
    "level of a call": (
        "",
        {"tests/calls.json": '[{"call": "a:b", "arguments": [], "value": 0, "level": 3}]'},
        "1 or 2",
    ),
    "calls without a value": ("", {"tests/calls.json": '[{"call": "a:b", "arguments": []}]'}, "has no value"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str, tmp_path: Path) -> None:
    toml, changed, why = REFUSED[name]
    stated: dict[str, str | None] = {**FOREIGN, "task.toml": toml, **changed}
    files = {path: text for path, text in stated.items() if text is not None}
    _write(tmp_path / "set" / "bad", files)
    _write(tmp_path / "set" / "good", FOREIGN)
    fault, good = load(tmp_path / "set")
    assert isinstance(good, Package)
    assert isinstance(fault, LoadError)
    assert "\n" not in str(fault)
    assert re.search(why, str(fault)), str(fault)


def test_a_gold_patch_that_does_not_apply(tmp_path: Path) -> None:
    _write(tmp_path, TASK | {"environment/repository/src/shop/core.py": "changed\n"})
    (fault,) = _faults(tmp_path)
    assert "the gold patch does not apply: line 5: the piece does not fit src/shop/core.py" in fault


def test_a_test_in_no_file(tmp_path: Path) -> None:
    _write(tmp_path, TASK)
    (tmp_path / "tests/repository/tests/test_hidden.py").rename(tmp_path / "tests/repository/tests/other.py")
    (fault,) = _faults(tmp_path)
    assert "neither in the code base nor below tests/" in fault


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../x", "../.."])
def test_links_that_lead_out_are_refused(target: str, tmp_path: Path) -> None:
    _write(tmp_path, TASK)
    link = tmp_path / "environment/repository/src/link"
    link.symlink_to(target)
    (fault,) = _faults(tmp_path)
    assert "a link that leads out of" in fault
    link.unlink()
    link.symlink_to("shop/core.py")
    tree = _repository(tmp_path).tree
    assert tree is not None
    assert tree["src/link"] == File(b"shop/core.py", link=True)


def test_pipes_and_links_in_place_of_files_are_not_followed(tmp_path: Path) -> None:
    _write(tmp_path, TASK)
    os.mkfifo(tmp_path / "tests/pipe")
    assert "neither a file nor a folder" in _faults(tmp_path)[0]
    (tmp_path / "tests/pipe").unlink()
    for folder in ("environment", "tests", "solution"):
        (tmp_path / folder).rename(tmp_path / "elsewhere")
        (tmp_path / folder).symlink_to(tmp_path / "elsewhere")
        assert "a link in place of a folder" in _faults(tmp_path)[0]
        (tmp_path / folder).unlink()
        (tmp_path / "elsewhere").rename(tmp_path / folder)
    (tmp_path / "instruction.md").unlink()
    (tmp_path / "instruction.md").symlink_to("/etc/passwd")
    assert "cannot be read" in _faults(tmp_path)[0]


def test_what_is_not_used_is_told(tmp_path: Path) -> None:
    toml = 'schema_version = "1.9"\nartifacts = [{source = "/x", exclude = ["y"]}]\n'
    toml += '[environment.healthcheck]\ncommand = "x"'
    found = list(load(_write(tmp_path, FOREIGN | {"task.toml": toml})))
    assert len(found) == 4
    assert all(isinstance(item, LoadError) and item.harmless for item in found[:3])


def test_the_hash_covers_every_file_and_not_the_features(tmp_path: Path) -> None:
    before = load_split(_write(tmp_path / "a", TASK)).hash
    for path, text in TASK.items():
        if path.endswith((".git/HEAD", ".pyc", "Dockerfile", "solve.sh", "instruction.md", "test.sh", "calls.json")):
            continue
        changed = text.replace('"easy"', '"hard"') if path == "task.toml" else f"{text}#\n"
        folder = _write(tmp_path / path.replace("/", "_") / "a", TASK | {path: changed})
        assert (load_split(folder).hash == before) == (path == "task.toml"), path
    script = _write(tmp_path / "b", TASK)
    (script / "environment/repository/src/shop/core.py").chmod(0o755)
    assert load_split(script).hash != before


def test_a_set_of_tasks_is_surveyed_and_shown(tmp_path: Path) -> None:
    _write(tmp_path / "train" / "order", TASK)
    _write(tmp_path / "dev" / "add", FOREIGN)
    overview = survey(tmp_path)
    assert {(line.id, line.split, line.tests, line.levels, line.stated) for line in overview.problems} == {
        ("train/order", "train", 5, 3, True),
        ("dev/add", "dev", 1, 1, True),
    }
    page = shown(find_package(tmp_path, "train/order"))
    assert "test_hidden" not in json.dumps(page)
