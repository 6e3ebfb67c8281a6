"""Patches: whatever became of a tree, the patch says it, and hostile patches are refused."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alphadial.envs.errors import PatchError
from alphadial.envs.files import File
from alphadial.envs.patches import MAX_PATCH_BYTES, apply, diff

NAMES = st.sampled_from(
    ["a", "b.py", "with space", 'quo"te', "tab\t", "größe", "back\\slash", "new\nline", "-x", "a b/c"]
)
LINES = st.lists(
    st.sampled_from([b"", b"x", b"y = 1", b"-- ", b"+++ b/a", b"\\ No", b"\r", "é".encode(), b"@@ -1 +1 @@"])
)
CONTENTS = st.one_of(
    st.tuples(LINES, st.booleans()).map(lambda made: b"\n".join(made[0]) + (b"\n" if made[1] else b"")),
    st.binary(max_size=120),
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.builds(File, CONTENTS, st.booleans())


def _tree(files: Mapping[str, File]) -> dict[str, File]:
    """Without those that lie below another."""
    parents = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    return {path: file for path, file in files.items() if path not in parents}


TREES = st.dictionaries(PATHS, FILES, max_size=5).map(_tree)


@pytest.mark.thorough
@given(TREES, TREES, TREES)
@example({"a": File(b"x")}, {"a": File(b"x\n")}, {})
@example({"a": File(b"")}, {}, {"b.py": File(b"", executable=True)})
@settings(max_examples=150, deadline=None)
def test_a_patch_makes_of_one_tree_the_other(
    before: dict[str, File], after: dict[str, File], same: dict[str, File]
) -> None:
    before, after = _tree({**before, **same}), _tree({**after, **same})
    patch = diff(before, after)
    assert apply(patch, before) == after
    assert patch == diff(dict(reversed(before.items())), dict(reversed(after.items())))
    assert bool(patch) == (before != after)


@given(st.sets(st.integers(0, 59), max_size=9), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=80, deadline=None)
def test_pieces_fit_where_lines_moved(changed: set[int], above: int, gone: int) -> None:
    lines = [b"%d\n" % number for number in range(100)]
    new = [b"new\n" + line if number in changed else line for number, line in enumerate(lines)]
    patch = diff({"f": File(b"".join(lines))}, {"f": File(b"".join(new))})
    head = [b"above\n"] * above
    moved = apply(patch, {"f": File(b"".join(head + lines[: -gone or None]))})
    assert moved["f"].data == b"".join(head + new[: -gone or None])


def test_unchanged_files_stay_the_same_objects_and_links_as_they_were() -> None:
    kept, link = File(b"kept\n"), File(b"kept", link=True)
    before = {"kept": kept, "link": link, "old": File(b"old\n"), "dir/link": link}
    after = {"kept": kept, "link": File(b"now a file"), "new": File(b"kept", link=True), "dir": File(b"a file")}
    made = apply(diff(before, after), before)
    assert made == {"kept": kept, "link": link, "dir/link": link}
    assert made["kept"] is kept


def test_caches_and_git_are_no_part_of_it() -> None:
    after = {path: File(b"x") for path in (".git/config", "a/__pycache__/b.pyc", ".pytest_cache/v", "a/.gitignore")}
    assert list(apply(diff({}, after), {})) == ["a/.gitignore"]


def test_the_form_is_gits() -> None:
    before = {"src/a.py": File(b"one\ntwo\n"), "run": File(b"#!/bin/sh\n")}
    after = {"src/a.py": File(b"one\n2\n"), "run": File(b"#!/bin/sh\n", executable=True)}
    assert diff(before, after) == (
        "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n"
        "diff --git a/src/a.py b/src/a.py\n"
        "index 814f4a422927b82f5f8a43f8fab6d3839e3983f2..99b356dcd03dde0755c749bcd4cae4b2b73a8fa8 100644\n"
        "--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    )


BEFORE = {
    "a.py": File(b"".join(b"line %d\n" % number for number in range(60))),
    "old name.txt": File(b"".join(b"same %d\n" % number for number in range(30))),
    "gone": File(b"gone"),
    "größe": File(b"small\n"),
    "data.bin": File(bytes(range(256)) * 40),
    "tool": File(b"#!/bin/sh\n"),
}
AFTER = {
    "a.py": File(BEFORE["a.py"].data.replace(b"line 3\n", b"").replace(b"line 50\n", b"line fifty\nmore\n") + b"end"),
    "sub/new name.txt": File(BEFORE["old name.txt"].data + b"more\n"),
    "größe": File("groß\n".encode(), executable=True),
    "data.bin": File(bytes(range(256)) * 20 + b"middle" + bytes(range(256)) * 20),
    "tool": File(b"#!/bin/sh\n", executable=True),
    "sub/empty": File(b""),
    "fresh.bin": File(b"\0\1\2"),
}


def _git(folder: Path, *arguments: str, stdin: str | None = None) -> str:
    settings_ = ["-c", "user.name=x", "-c", "user.email=x@y", "-c", "core.autocrlf=false", "-c", "safe.directory=*"]
    done = subprocess.run(
        ["git", *settings_, *arguments], cwd=folder, input=stdin, text=True, capture_output=True, check=True
    )
    return done.stdout


def _write(folder: Path, tree: Mapping[str, File]) -> None:
    for entry in folder.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for path, file in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(file.data)
        (folder / path).chmod(0o755 if file.executable else 0o644)


def _read(folder: Path) -> dict[str, File]:
    return {
        path.relative_to(folder).as_posix(): File(path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_git_applies_our_patches_and_we_apply_gits(tmp_path: Path) -> None:
    _write(tmp_path, BEFORE)
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "before")
    _git(tmp_path, "apply", "--whitespace=nowarn", "-", stdin=diff(BEFORE, AFTER))
    assert _read(tmp_path) == AFTER
    _git(tmp_path, "add", "-A")
    theirs = _git(tmp_path, "diff", "--cached", "--binary", "-M", "HEAD")
    assert all(word in theirs for word in ("rename from", "delta ", "literal "))
    assert apply(theirs, BEFORE) == AFTER
    _git(tmp_path, "commit", "-qm", "after\n\nbody")
    assert apply(_git(tmp_path, "format-patch", "--stdout", "--binary", "-C", "HEAD~1"), BEFORE) == AFTER


def test_a_plain_patch_of_a_model_is_read() -> None:
    tree = {"src/a.py": File(b"def f():\n    return 1\n\n\ndef g():\n    return 2\n")}
    pieces = "@@ -4,3 +4,3 @@\n\n def g():\n-    return 2\n+    return 3"
    patch = f"Here it is:\n\n--- src/a.py\n+++ src/a.py\t2024-01-01\n{pieces}"
    assert apply(patch, tree)["src/a.py"].data.endswith(b"return 3\n")
    created = apply("--- /dev/null\n+++ b/new/x.py\n@@ -0,0 +1 @@\n+x = 1\n", tree)
    assert created["new/x.py"] == File(b"x = 1\n")
    removed = apply("--- a/new/x.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x = 1\n", created)
    assert removed == tree


HEAD = "diff --git a/{0} b/{0}\n"
NEW = HEAD + "new file mode 100644\n--- /dev/null\n+++ b/{0}\n@@ -0,0 +1 @@\n+x\n"
HOSTILE = {
    "outside": (NEW.format("../../etc/passwd"), "no path inside"),
    "absolute": ("--- /etc/passwd\n+++ /etc/passwd\n@@ -0,0 +1 @@\n+x\n", "no path inside"),
    "git": (NEW.format(".git/hooks/post-checkout"), "belongs to git"),
    "Git": (NEW.format("sub/.GIT/config"), "belongs to git"),
    "quoted": ('diff --git "a/\\056\\056/x" "b/\\056\\056/x"\nnew file mode 100644\n', "no path inside"),
    "null": ('diff --git "a/x\\000" "b/x\\000"\nnew file mode 100644\n', "no path inside"),
    "link": (HEAD.format("l") + "new file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n", "a link"),
    "link's target": (
        HEAD.format("link") + "index 1..2 120000\n--- a/link\n+++ b/link\n@@ -1 +1 @@\n-a\n+b\n",
        "a link",
    ),
    "through a link": (NEW.format("link/x"), "another file"),
    "in a link's place": (NEW.format("link"), "a link"),
    "link is changed": ("--- a/link\n+++ b/link\n@@ -1 +1 @@\n-a\n+b\n", "a link"),
    "submodule": (HEAD.format("m") + "new file mode 160000\nindex 0..1\n", "a submodule"),
    "mode": (HEAD.format("m") + "new file mode 999\n", "a mode"),
    "below a file": (NEW.format("a/b"), "another file"),
    "above a file": (NEW.format("dir"), "another file"),
    "there already": (NEW.format("a"), "there already"),
    "not there": ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", "no file x"),
    "does not fit": ("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-b\n+c\n", "line 3: the piece does not fit a"),
    "part of a file is removed": (
        HEAD.format("dir/f") + "deleted file mode 100644\n--- a/dir/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n",
        "more is left",
    ),
    "ends early": ("--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n a\n", "ends within"),
    "too few lines": ("--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n a\n@@ -5 +5 @@\n", "fewer lines"),
    "too many lines": ("--- a/a\n+++ b/a\n@@ -1,1 +1,2 @@\n a\n b\n", "more lines"),
    "no name": ("@@ -1 +1 @@\n-a\n+b\n", "no line before it names"),
    "no patch": ("I would change a.py.", "no patch"),
    "binary left out": (
        HEAD.format("a") + "index 1..2 100644\nBinary files a/a and b/a differ\n",
        "without its content",
    ),
    "plain binary": ("Binary files a/a and b/a differ\n", "without its content"),
    "damaged binary": (HEAD.format("a") + "index 1..2\nGIT binary patch\nliteral 5\nzabc\n\n", "damaged"),
    "no end": ("--- a/a\n+++ b/a\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n", "without an end"),
    "not UTF-8": ('diff --git "a/\\377" "b/\\377"\nnew file mode 100644\n', "not UTF-8"),
}
TREE = {
    "a": File(b"a\n"),
    "link": File(b"/etc", link=True),
    "dir/f": File(b"1\n2\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refused(name: str) -> None:
    patch, why = HOSTILE[name]
    with pytest.raises(PatchError, match=why) as caught:
        apply(patch, TREE)
    assert "\n" not in str(caught.value)


@pytest.mark.thorough
def test_what_is_too_large_is_refused_at_once() -> None:
    with pytest.raises(PatchError, match="larger than 10 MiB"):
        apply("x" * (MAX_PATCH_BYTES + 1), {})
    with pytest.raises(PatchError, match="more than 10 MiB"):
        diff({}, {f"{number}": File(b"%d\n" % number * 100_000) for number in range(100, 130)})
    large = diff({}, {"a": File(bytes(2**20))})  # a few bytes that make a million
    assert len(large) < 2000
    for size in (10, 2**20 - 1, 2**20 + 1, 2**39):
        with pytest.raises(PatchError, match="damaged"):
            apply(large.replace(f"literal {2**20}", f"literal {size}"), {})
    text = File(b"x\n" * 2**20 + b"y\n")
    assert apply(diff({}, {"a": text}), {}) == {"a": text}
    with pytest.raises(PatchError, match="too large to be changed line by line"):
        apply("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n", {"a": File(b"x\n" * 2**25)})


def test_nobodys_files_make_it_take_long() -> None:
    odd = File(b"".join(b"%d\n" % (number * number % 97) for number in range(40_000)))
    even = File(b"".join(b"%d\n" % (number * number % 89) for number in range(40_000)))
    begin = time.process_time()
    patch = diff({"f": odd}, {"f": even})
    assert apply(patch, {"f": odd}) == {"f": even}
    tree = {"f": File(b"x\n" * 200_000)}
    lost = "--- a/f\n+++ b/f\n@@ -1,200 +0,0 @@\n" + "-x\n" * 199 + "-y\n"
    with pytest.raises(PatchError, match="does not fit"):
        apply(lost, tree)
    assert time.process_time() - begin < 5
