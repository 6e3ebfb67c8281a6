"""What every box must do with files, as checks over the protocol; part of ``box_conformance.BEHAVIOURS``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ...errors import ImageError, SandboxFailedError, WorkspaceError
from ...files import File
from ..workspace import Workspace
from .box import FOLDERS, MAX_TREE_BYTES, MAX_TREE_FILES, Box, BoxLimits, User
from .box_yard import LIMITS, SMALL, Yard, raised


def _sh(box: Box, command: str) -> str:
    result = box.exec(["sh", "-c", command], LIMITS)
    assert result.exit_status == 0, result
    return result.stdout


def _tree(count: int = 60) -> Workspace:
    return Workspace({f"d{number % 7}/f{number}": File(b"%d\n" % number) for number in range(count)})


def trees_come_back(yard: Yard) -> None:
    """Files, links, executable bits and empty folders are kept; pipes, and names that are not text, are left out."""
    box = yard.box
    _sh(box, "echo a > a; chmod +x a; mkdir -p d/e f; echo b > f/b; ln -s ../../etc/passwd d/l; ln -s f g")
    _sh(box, "ln -s \"$(printf 'bad\\377')\" h")
    _sh(box, "mkfifo p; echo > 'x\n y\u00e9'; echo > \"$(printf 'bad\\377')\"; mkdir \"$(printf 'worse\\377')\"")
    found = box.snapshot()
    assert dict(found.files) == {
        "a": File(b"a\n", executable=True),
        "f/b": File(b"b\n"),
        "d/l": File(b"../../etc/passwd", link=True),
        "g": File(b"f", link=True),
        "h": File(b"bad\xff", link=True),
        "x\n y\u00e9": File(b"\n"),
    }
    assert found.folders == {"d/e"}
    box.restore(found)
    assert box.snapshot() == found
    assert _sh(box, "test -x a; test ! -x f/b; test ! -e p; cat g/b; ls | wc -l") == "b\n7\n"


def unchanged_files_are_shared(yard: Yard) -> None:
    """A snapshot holds the objects of the last one, or of what was restored, wherever nothing changed."""
    box, tree = yard.box, _tree()
    box.restore(tree)
    _sh(box, "cat */* > /dev/null; touch d1/f1; chmod 600 d2/f2; cp d3/f3 x; mv x d3/f3; echo new > d4/new")
    found = box.snapshot()
    assert all(found.files[path] is file for path, file in tree.files.items())
    assert found.files.keys() - tree.files.keys() == {"d4/new"}


def every_change_is_seen(yard: Yard) -> None:
    """Whatever its length and times: in place, by another name, through a mapping, of the kind alone."""
    box = yard.box
    box.restore(_tree())
    code = """
import ctypes, mmap, os
def mapped(path, flags=0):
    try: descriptor = os.open(path, os.O_RDWR | flags)
    except PermissionError: descriptor = os.open(path, os.O_RDWR)
    with mmap.mmap(descriptor, 0) as view: view[0]; view[0:1] = b'x'  # a page that was read is written without a trace
    os.close(descriptor)
mapped('d1/f1')
mapped('d2/f2', os.O_NOATIME)
found = os.stat('d3/f3')
open('d3/f3', 'r+').write('y')
os.utime('d3/f3', ns=(found.st_atime_ns, found.st_mtime_ns))
os.rename('d4/f4', 'd4/g4'); os.link('d5/f5', 'd5/g5'); os.chmod('d6/f6', 0o755)
os.remove('d0/f0'); os.symlink('f7', 'd0/f0'); os.remove('d0/f7'); os.mkdir('d0/f7')
"""
    for _ in range(3):
        box.restore(_tree())
        assert box.exec(["python3", "-c", code], LIMITS).exit_status == 0
        found, before = box.snapshot().files, _tree().files
        assert (found["d1/f1"], found["d2/f2"], found["d3/f3"]) == (File(b"x\n"), File(b"x\n"), File(b"y\n"))
        assert found["d6/f6"] == File(b"6\n", executable=True)
        assert found["d0/f0"] == File(b"f7", link=True)
        assert (found.keys() - before.keys(), before.keys() - found.keys()) == ({"d4/g4", "d5/g5"}, {"d4/f4", "d0/f7"})


def restoring_undoes_everything(yard: Yard) -> None:
    """Content, kinds, modes, owners and strays: afterwards the directory is what the value says, and can be used."""
    box, tree = yard.box, _tree()
    box.restore(tree)
    for damage in (
        "rm -r d0; ln -s /tmp d0; echo x > /tmp/f0; mkdir -p d1/f1x/y; rm d1/f1; mkdir -p d1/f1/z; chmod 0 d2 d3/f3 .",
        'rm -r d4 d5; echo x > d4; mkfifo d5; echo > d6/f6; b=$(printf \'bad\\377\'); mkdir -p "$b/in"; touch "$b."',
        "find . -name 'f1*' -delete; mkdir e; for i in $(seq 100); do echo $i > e/$i; done; chmod -R a-w .",
        "rm -rf * ; mkdir -p a/b/c; chmod 0 a/b/c a/b a",
    ):
        _sh(box, damage)
        box.restore(tree)
        assert box.snapshot() == tree
        assert len(_sh(box, "for f in */*; do cat $f; echo x >> $f; rm $f; done").splitlines()) == len(tree.files)
        box.restore(tree)
        assert _sh(box, "find . -type f | wc -l; find . -type d | wc -l; find . | wc -l").split() == ["60", "8", "68"]
    box.exec(["sh", "-c", "echo root > d1/f1; mkdir -m 700 r; echo x > r/x; chown 0 d2 d3/f3"], LIMITS, user=User.ROOT)
    box.restore(tree)
    assert _sh(box, "cat d1/f1; echo x > d1/f1; echo x > d2/new; echo x > d3/f3; test ! -e r") == "1\n"


def what_is_too_much_is_refused(yard: Yard) -> None:
    """Too many files, too many bytes, too deep: no snapshot, and the box can be restored and used."""
    ample = BoxLimits(memory_bytes=SMALL.memory_bytes, processes=24, files_bytes=128 * 1024 * 1024)
    depth = "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')\nopen('f', 'w')"
    with yard.open(ample) as box:
        for reason, code in {
            "files": f"for i in range({MAX_TREE_FILES} + 9): open(str(i), 'w').close()",
            "MiB": f"for name in 'abc': open(name, 'wb').truncate({MAX_TREE_BYTES // 3} + 1)",
            "deep": depth,
        }.items():
            assert box.exec(["python3", "-c", code], LIMITS).exit_status == 0, reason
            assert reason in raised(WorkspaceError, box.snapshot)
            box.restore(_tree())
            assert box.snapshot() == _tree()


def what_does_not_fit_is_our_failure(yard: Yard) -> None:
    """Files that are larger than the box can hold are refused, and what fits can be restored afterwards."""
    box = yard.box
    large = Workspace({"x": File(b"1"), "large": File(bytes(SMALL.files_bytes + 1))}, max_bytes=2 * SMALL.files_bytes)
    raised(SandboxFailedError, lambda: box.restore(large))
    if box.alive:
        box.restore(_tree())
        assert box.snapshot() == _tree()


def sealed_files_stay(yard: Yard) -> None:
    """The agent reads what is sealed and cannot change, move, hide or add anything there."""
    with yard.open() as box:
        for at in (*(folder for folder in FOLDERS if folder != "/logs"), "/grade/in/it"):
            box.seal({"t/x.py": File(b"#!/bin/sh", executable=True), "y": File(b"t/x.py", link=True)}, at)
            attack = f"cat {at}/y; echo 2 > {at}/t/x.py; rm -rf {at} {at}/t; mv {at} /tmp; mv {at}/t /tmp; touch {at}/z"
            assert box.exec(["sh", "-c", attack], LIMITS).stdout == "#!/bin/sh", at
            assert box.exec([f"{at}/t/x.py"], LIMITS).exit_status == 0
            assert (box.read(f"{at}/t/x.py", 10), box.read(f"{at}/z", 10)) == (b"#!/bin/sh", None)


def files_are_read_and_written(yard: Yard) -> None:
    """Absolute paths alone; what is no regular file, or too long, is not there; nothing of the box itself is told."""
    box = yard.box
    for path in (f"{yard.workdir}/a/b", "/tmp/a/b", "/logs/verifier/b"):
        box.write(path, File(b"yes", executable=True))
        assert _sh(box, f"test -x {path}; cat {path}; echo no > {path}; echo x > {path}x") == "yes"
        assert (box.read(path, 3), box.read(path, 2)) == (b"no\n", None)
        box.write(path, File(b"root's"), User.ROOT)
        assert box.read(path, 9) == b"root's"
    assert box.snapshot().files["a/b"] == File(b"root's")
    _sh(box, "ln -s /etc/passwd l; ln -s /proc/self/environ m; mkfifo p")
    assert (box.read(f"{yard.workdir}/l", 100_000) or b"").startswith(b"root:")
    for path in (f"{yard.workdir}/m", f"{yard.workdir}/p", yard.workdir, "/dev/zero", "/nowhere", "/etc/passwd/x"):
        assert box.read(path, 100_000) is None, path
    for wrong in ("relative", "/a/../b"):
        raised(ValueError, partial(box.read, wrong, 1))
        raised(ValueError, partial(box.write, wrong, File(b"")))
        raised(ValueError, partial(box.seal, {}, wrong))
    assert "Read-only" in raised(SandboxFailedError, partial(box.write, "/usr/x", File(b"")))
    assert _sh(box, "echo here") == "here\n"


def writing_follows_no_trap(yard: Yard) -> None:
    """A link that the agent has left leads no file of ours to what is sealed."""
    with yard.open() as box:
        box.seal({"x": File(b"sealed")}, "/grade")
        box.exec(["sh", "-c", "ln -s /grade/x a; ln -s /grade d"], LIMITS)
        box.write(f"{yard.workdir}/a", File(b"mine"))
        with suppress(SandboxFailedError):
            box.write(f"{yard.workdir}/d/new", File(b"mine"))
        assert (box.read("/grade/x", 9), box.read("/grade/new", 9)) == (b"sealed", None)


def trees_of_images(yard: Yard) -> None:
    """The files of a folder of the image; a folder that is not there is told."""
    tree = yard.boxes.tree(yard.image, "/etc")
    assert "passwd" in tree.files
    assert yard.boxes.tree(yard.image, "/etc/") == tree
    assert "/nowhere" in raised(ImageError, lambda: yard.boxes.tree(yard.image, "/nowhere"))


FILE_BEHAVIOURS: dict[str, Callable[[Yard], None]] = {
    check.__name__: check
    for check in (
        trees_come_back, unchanged_files_are_shared, every_change_is_seen, restoring_undoes_everything,
        what_is_too_much_is_refused, what_does_not_fit_is_our_failure, sealed_files_stay, files_are_read_and_written,
        writing_follows_no_trap, trees_of_images,
    )
}  # fmt: skip
