"""The arguments of bwrap(1): what a sandbox shows of the host, and what it puts there itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .interpreter import Interpreter

BOX = "/w/box"
"""The working directory; /tmp and /dev/shm lie beside it on the same tmpfs."""
_GUEST = "/opt/alphadial"
_GUEST_SOURCES = Path(__file__).parent / "guest"
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LIBRARIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")

ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
"""Hash seeds are fixed: the order of a set of strings must not change a verdict."""
_FLAGS = ("-P", "-s", "-S", "-X", "int_max_str_digits=0")
"""Python's -I would ignore the hash seed; under an environment of our own -P -s do the same."""


@dataclass(slots=True)
class Invocation:
    """A command line with the descriptors that it names. ``close`` them after the start."""

    arguments: list[str]
    descriptors: list[int] = field(default_factory=list)

    def add(self, *arguments: str) -> None:
        """Appends arguments."""
        self.arguments += arguments

    def data(self, content: bytes) -> str:
        """A descriptor to read ``content`` from, as text."""
        descriptor = os.memfd_create("alphadial")
        self.descriptors.append(descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return str(descriptor)

    def close(self) -> None:
        """Closes the descriptors on our side."""
        while self.descriptors:
            os.close(self.descriptors.pop())


def for_server(bwrap: str, interpreter: Interpreter) -> Invocation:
    """A sandbox whose server may make further namespaces; each program mounts its own tmpfs over /w."""
    invocation = _base(bwrap, interpreter)
    invocation.add("--cap-add", "CAP_SYS_ADMIN", "--dir", "/w")
    invocation.add("--remount-ro", "/", "--chdir", "/w")
    return invocation


def guest_command(interpreter: Path, module: str, arguments: Sequence[str], folder: str = _GUEST) -> list[str]:
    """The command line of ``guest.MODULE``; ``folder`` is the one that holds ``guest``."""
    code = f"import sys; sys.path.insert(0, {folder!r}); from guest.{module} import main; del sys.path[0]; main()"
    return [str(interpreter), *_FLAGS, "-c", code, *arguments]


def for_command(
    bwrap: str, interpreter: Interpreter, files: Mapping[str, str | bytes], files_bytes: int, seccomp: bytes | None
) -> Invocation:
    """A sandbox for one command, with ``files`` in its working directory."""
    invocation = _base(bwrap, interpreter)
    invocation.add("--size", str(files_bytes), "--tmpfs", "/w", "--dir", BOX, "--dir", "/w/tmp", "--dir", "/w/shm")
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        invocation.add("--perms", "0644", "--file", invocation.data(data), f"{BOX}/{checked(name)}")
    invocation.add("--remount-ro", "/", "--chdir", BOX)
    if seccomp is not None:
        invocation.add("--seccomp", invocation.data(seccomp))
    return invocation


def for_workspace(bwrap: str, interpreter: Interpreter, files_bytes: int, seccomp: bytes | None) -> Invocation:
    """A sandbox for ``guest.workspace``, which fills the working directory itself."""
    invocation = for_command(bwrap, interpreter, {}, files_bytes, seccomp)
    invocation.add("--as-pid-1")
    return invocation


def checked(name: str) -> str:
    """A relative path that stays inside.

    Raises:
        ValueError: it does not.
    """
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise ValueError(f"{name!r} is not a relative path inside the working directory")
    return str(path)


def _base(bwrap: str, interpreter: Interpreter) -> Invocation:
    invocation = Invocation([bwrap, "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"])
    invocation.add("--hostname", "sandbox", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv")
    path = f"/opt/bin:{interpreter.executable.parent}:/usr/local/bin:/usr/bin:/bin"
    for key, value in {**ENVIRONMENT, "PATH": path, "HOME": BOX}.items():
        invocation.add("--setenv", key, value)
    _show_host(invocation, interpreter)
    invocation.add("--symlink", str(interpreter.executable), "/opt/bin/python3")
    invocation.add("--proc", "/proc", "--dir", "/dev", "--symlink", "/w/shm", "/dev/shm", "--symlink", "/w/tmp", "/tmp")
    for device in _DEVICES:
        invocation.add("--dev-bind", f"/dev/{device}", f"/dev/{device}")
    for source in sorted(_GUEST_SOURCES.glob("*.py")):
        invocation.add("--ro-bind-data", invocation.data(source.read_bytes()), f"{_GUEST}/guest/{source.name}")
    _links(invocation, {"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1"})
    return invocation


def _show_host(invocation: Invocation, interpreter: Interpreter) -> None:
    invocation.add("--ro-bind", "/usr", "/usr")
    for name in _LIBRARIES:
        path = Path("/") / name
        if path.is_symlink():
            invocation.add("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            invocation.add("--ro-bind", str(path), str(path))
    if not interpreter.prefix.is_relative_to("/usr"):
        invocation.add("--ro-bind", str(interpreter.prefix), str(interpreter.prefix))
    for setting in ("/etc/ld.so.cache", "/etc/alternatives"):
        invocation.add("--ro-bind-try", setting, setting)
    for folder in interpreter.hidden():
        # Read-only as well: a writable corner would carry files from one program to the next.
        invocation.add("--tmpfs", str(folder), "--remount-ro", str(folder))


def _links(invocation: Invocation, links: Mapping[str, str]) -> None:
    for name, target in links.items():
        invocation.add("--symlink", target, name)
