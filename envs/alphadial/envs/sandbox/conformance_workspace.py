"""What ``Sandbox.run_in`` must do, as checks over the protocol; part of ``conformance.BEHAVIOURS``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..types import MIB, KilledBy, Limits
from .protocol import Sandbox
from .workspace import File, Workspace, WorkspaceRun

LIMITS = Limits(cpu_s=2.0, wall_s=10.0, memory_bytes=192 * MIB, output_bytes=64 * 1024, files_bytes=8 * MIB)
_BEFORE = Workspace({"a.txt": File(b"a\n"), "src/run.sh": File(b"echo ran\n", executable=True)}, frozenset({"empty"}))


def _shell(sandbox: Sandbox, command: str, before: Workspace = _BEFORE, limits: Limits = LIMITS) -> WorkspaceRun:
    return sandbox.run_in(before, ["sh", "-c", command], limits)


def files_come_back(sandbox: Sandbox) -> None:
    """New and changed files, executable bits and empty folders come back; deleted files are gone."""
    run = _shell(
        sandbox, "[ -d empty ] && echo empty && src/run.sh && rm a.txt && echo b > b && chmod +x b && mkdir -p x/y"
    )
    assert (run.result.exit_status, run.result.stdout, run.note) == (0, "empty\nran\n", "")
    wanted = Workspace({**_BEFORE.files, "b": File(b"b\n", executable=True)}, frozenset({"empty", "x/y"}))
    assert run.workspace.files.keys() == {"b", "src/run.sh"}
    assert run.workspace.files["b"] == wanted.files["b"]
    assert run.workspace.folders == wanted.folders


def ordinary_tools(sandbox: Sandbox) -> None:
    """The usual commands find what lies there."""
    run = _shell(
        sandbox, "ls -d src/*; find . -name '*.txt'; grep -r ran .; head -c1 a.txt | wc -c; date +%Y >b; mv b c"
    )
    assert (run.result.stdout, run.result.stderr) == ("src/run.sh\n./a.txt\n./src/run.sh:echo ran\n1\n", "")
    assert set(run.workspace.files) == {"a.txt", "src/run.sh", "c"}


def nothing_changed(sandbox: Sandbox) -> None:
    """A command that changes nothing leaves an equal workspace, whatever its exit status."""
    run = _shell(sandbox, "cat a.txt; exit 3")
    assert (run.result.exit_status, run.workspace) == (3, _BEFORE)
    assert run.workspace.digest == _BEFORE.digest
    assert sandbox.run_in(_BEFORE, ["no-such-command"], LIMITS).result.exit_status == 127


def only_the_folder_comes_back(sandbox: Sandbox) -> None:
    """Files outside stay outside, and the next command finds none of them."""
    run = _shell(sandbox, "f=$(mktemp) && echo x > $f && echo $f")
    assert run.workspace == _BEFORE
    again = _shell(sandbox, f"cat {run.result.stdout.strip()} {_BEFORE.digest}")
    Path(run.result.stdout.strip()).unlink(missing_ok=True)
    assert again.result.stdout == ""


def links_do_not_leak(sandbox: Sandbox) -> None:
    """Links are dropped and never followed: no file of the host comes back."""
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text("secret")
        for path in (Path(folder), secret):
            path.chmod(0o777)
        run = _shell(sandbox, f"ln -s {folder} dir; ln -s {secret} file; rm -r src; ln -s {folder} src; mkfifo pipe")
    assert run.workspace == Workspace({"a.txt": _BEFORE.files["a.txt"]}, frozenset({"empty"}))
    assert run.note.startswith("not kept: 4 ")


def names_are_text(sandbox: Sandbox) -> None:
    """Any UTF-8 name comes back, newlines and all; other names are dropped."""
    run = _shell(sandbox, "echo > 'a\n b\u00e9'; echo > \"$(printf 'bad\\377')\"")
    assert run.workspace.files.keys() == {"a.txt", "a\n b\u00e9", "src/run.sh"}
    assert run.note.startswith("not kept: 1 ")


def unreadable_files_come_back(sandbox: Sandbox) -> None:
    """A mode cannot hide a file."""
    run = _shell(sandbox, "mkdir d; echo x > d/f; chmod 000 d/f a.txt d .")
    assert run.workspace.files.keys() == {"a.txt", "d/f", "src/run.sh"}


def background_ends(sandbox: Sandbox) -> None:
    """Nothing that the command started lives on, not even in a session of its own."""
    seconds = f"2.{os.getpid()}"  # that nobody else sleeps
    run = _shell(sandbox, f"setsid sleep {seconds} >/dev/null 2>&1 & sleep 0.05")
    assert (run.result.exit_status, run.workspace) == (0, _BEFORE)
    assert not [name for name in map(_command_line, Path("/proc").glob("[0-9]*")) if seconds.encode() in name]


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


def huge_trees_are_refused(sandbox: Sandbox) -> None:
    """Too many files, too many bytes, too deep: a result with a note, and the workspace as before."""
    commands = {
        "1,000 files": "i=0; while [ $i -lt 1200 ]; do : > f$i; i=$((i+1)); done",
        "4 MiB": "head -c 5000000 /dev/zero > big",
        "24 folders": f"mkdir -p {'d/' * 40}",
    }
    for reason, command in commands.items():
        run = _shell(sandbox, command)
        assert run.result.exit_status == 0
        assert run.workspace is _BEFORE
        assert reason in run.note


def limits_undo(sandbox: Sandbox) -> None:
    """A command that a limit stops is killed whole, and the workspace is as before."""
    for limits, command, killed_by in (
        (replace(LIMITS, wall_s=0.3), "rm a.txt; sleep 30 & sleep 30", KilledBy.WALL),
        (replace(LIMITS, cpu_s=0.2), "rm a.txt; while :; do :; done", KilledBy.CPU),
        (LIMITS, "rm a.txt; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", KilledBy.OUTPUT),
    ):
        run = _shell(sandbox, command, limits=limits)
        assert (run.result.killed_by, run.workspace) == (killed_by, _BEFORE)
        assert run.result.wall_s < 20  # seconds before the commands would end


WORKSPACE_BEHAVIOURS: dict[str, Callable[[Sandbox], None]] = {
    check.__name__: check
    for check in (
        files_come_back, ordinary_tools, nothing_changed, only_the_folder_comes_back, links_do_not_leak, names_are_text,
        unreadable_files_come_back, background_ends, huge_trees_are_refused, limits_undo,
    )
}  # fmt: skip
