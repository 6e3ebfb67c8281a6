from __future__ import annotations

import random

import pytest

from alphadial.envs import KilledBy, RunResult, WorkspaceError
from alphadial.envs.sandbox.guest import folder
from alphadial.envs.sandbox.guest.folder import END, ENTRY, EXECUTABLE, FILE, FOLDER, REFUSED
from alphadial.envs.sandbox.workspace import File, Workspace, paths, returned

BEFORE = Workspace.of({"a": "1", "b/c": "2"})
RAN = RunResult(exit_status=0)


def entry(kind: bytes, path: bytes, data: bytes = b"", size: int | None = None) -> bytes:
    return ENTRY.pack(kind, len(path), len(data) if size is None else size) + path + data


def test_equal_trees_have_equal_digests() -> None:
    again = Workspace({"b/c": File(b"2"), "a": File(b"1")}, frozenset({"b"}))
    assert again == BEFORE
    assert again.digest == BEFORE.digest
    for other in (
        Workspace.of({"a": "1"}),
        Workspace.of({"a": "1", "b/c": "3"}),
        Workspace.of({"a": "1", "b/d": "2"}),
        Workspace({"a": File(b"1", executable=True), "b/c": File(b"2")}),
        Workspace(BEFORE.files, frozenset({"d"})),
        Workspace({"a": File(b"1", link=True), "b/c": File(b"2")}),
    ):
        assert other.digest != BEFORE.digest


def test_a_workspace_cannot_be_changed() -> None:
    changed = BEFORE.with_file("a", b"3")
    assert (BEFORE.files["a"].data, changed.files["a"].data) == (b"1", b"3")
    with pytest.raises(TypeError):
        BEFORE.files["a"] = File(b"")  # type: ignore[index]


def test_writing_keeps_the_mode_and_fills_empty_folders() -> None:
    workspace = Workspace({"run": File(b"1", executable=True)}, frozenset({"d/e"}))
    assert workspace.with_file("run", b"2").files["run"] == File(b"2", executable=True)
    assert paths(workspace.with_file("d/e/f", b"")) == ["d/e/f", "run"]


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "..", "a/../b", "./a", "a//b", "a/", "a\0", "\ud800", "x" * 256, "d/" * 24 + "f"]
)
def test_bad_paths(path: str) -> None:
    with pytest.raises(WorkspaceError):
        Workspace.of({path: ""})


def test_bad_trees() -> None:
    with pytest.raises(WorkspaceError, match="'a' is a file"):
        Workspace.of({"a": "", "a/b": ""})
    with pytest.raises(WorkspaceError, match="1,000 files"):
        Workspace.of({str(number): "" for number in range(1001)})
    with pytest.raises(WorkspaceError, match="4 MiB"):
        Workspace({"a": File(bytes(folder.MAX_BYTES + 1))})


def test_links_are_leaves_that_nothing_follows() -> None:
    workspace = Workspace({"a": File(b"../../etc/passwd", link=True), "b": File(b"b")})
    assert workspace.with_file("b", b"c").files["a"] is workspace.files["a"]
    with pytest.raises(WorkspaceError, match="'a' is a file"):
        Workspace({"a": File(b"b", link=True), "a/c": File(b"")})
    for target in (b"", b"x\0y", b"x" * 5000):
        with pytest.raises(WorkspaceError, match="'a' cannot be a link"):
            Workspace({"a": File(target, link=True)})
    with pytest.raises(WorkspaceError, match="'a' cannot be a link"):
        Workspace({"a": File(b"b", executable=True, link=True)})


@pytest.mark.thorough
def test_a_repository_is_a_workspace_too() -> None:
    files = {f"package{number % 100}/sub/module{number}.py": File(b"%d" % number) for number in range(20_000)}
    workspace = Workspace(files, max_bytes=64 * 2**20, max_files=20_001)
    changed = workspace.with_file("new", b"")
    assert (changed.max_bytes, changed.max_files) == (64 * 2**20, 20_001)
    assert changed.digest != workspace.digest
    assert all(changed.files[path] is file for path, file in files.items())
    with pytest.raises(WorkspaceError, match="at most 20,001 files"):
        changed.with_file("another", b"")


def test_streams_round_trip() -> None:
    workspace = Workspace({**BEFORE.files, "x\n": File(b"\0\xff", executable=True)}, frozenset({"empty/one"}))
    run = returned(workspace.stream() + ENTRY.pack(END, 0, 2), BEFORE, RAN)
    assert run.workspace == workspace
    assert run.note.startswith("not kept: 2 ")


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"garbage",
        entry(FILE, b"a", b"no end"),
        entry(FILE, b"../a") + entry(END, b""),
        entry(FILE, b"/etc/passwd") + entry(END, b""),
        entry(FILE, b"\xff") + entry(END, b""),
        entry(FILE, b"a") * 2 + entry(END, b""),
        entry(FILE, b"a") + entry(FILE, b"a/b") + entry(END, b""),
        entry(FILE, b"a", size=2**63) + entry(END, b""),
        ENTRY.pack(FILE, 2**32 - 1, 0),
        entry(b"?", b"a") + entry(END, b""),
        entry(FOLDER, b"d", size=5) + entry(END, b""),
        entry(END, b"") + entry(FILE, b"after"),
        entry(FILE, b"a", bytes(BEFORE.longest_stream)) + entry(END, b""),
        b"".join(entry(FILE, b"%d" % number) for number in range(1001)) + entry(END, b""),
    ],
)  # fmt: skip
def test_forged_streams_change_nothing(stream: bytes) -> None:
    run = returned(stream, BEFORE, RAN)
    assert run.workspace is BEFORE
    assert "as it was before" in run.note


def test_refusals_and_limits_change_nothing() -> None:
    for reason, words in (("too many", "1,000 files"), ("too large", "4 MiB"), ("forged\n", "more than can be kept")):
        run = returned(entry(REFUSED, reason.encode()), BEFORE, RAN)
        assert run.workspace is BEFORE
        assert words in run.note
        assert "\n" not in run.note
    stream = entry(FILE, b"new") + entry(END, b"")
    stopped = RunResult(exit_status=None, signal=9, killed_by=KilledBy.WALL)
    assert returned(stream, BEFORE, stopped).workspace is BEFORE


def test_random_damage_never_raises() -> None:
    rng = random.Random(5)
    whole = BEFORE.stream() + entry(EXECUTABLE, b"run", b"data") + entry(FOLDER, b"d") + entry(END, b"")
    for _ in range(2000):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        run = returned(bytes(damaged[: rng.randint(0, len(damaged))]), BEFORE, RAN)
        assert len(run.workspace.files) <= 4
