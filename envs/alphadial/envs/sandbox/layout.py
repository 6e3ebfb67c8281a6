"""The arguments of bwrap(1): what a sandbox shows of the host, and what it puts there itself."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SandboxFailedError
from ..forking import OwnFile
from ..raw import as_bytes
from .guest.folder import ENTRY, EXECUTABLE
from .interpreter import Interpreter

BOX = "/w/box"
"""The working directory; /tmp and /dev/shm lie beside it on the same tmpfs."""
_GUEST = "/opt/alphadial"
GUEST_MODULES = f"{_GUEST}/guest"
_GUEST_SOURCES = Path(__file__).parent / "guest"
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
"""The host's."""
KEYS = ("/proc/keys", "/proc/key-users")
"""What they list is of the whole machine: the keys of an ordinary user by name, where programs run under that uid."""
_LIBRARIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")

_SYSTEM_PATH = "/usr/bin:/bin"
_RLIMITS = {
    resource.RLIMIT_AS: "as",
    resource.RLIMIT_CORE: "core",
    resource.RLIMIT_CPU: "cpu",
    resource.RLIMIT_FSIZE: "fsize",
    resource.RLIMIT_NOFILE: "nofile",
    resource.RLIMIT_NPROC: "nproc",
    resource.RLIMIT_STACK: "stack",
}
"""As prlimit(1) calls them."""

ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYPY_GC_NURSERY": "4M",
    "LANG": "C.UTF-8",
}
"""Hash seeds are fixed: the order of a set of strings must not change a verdict. So is when PyPy collects garbage: it
would depend on the CPU's cache, and PyPy complains on stderr where it sees none, as on gVisor."""
_FLAGS = ("-P", "-s", "-S", "-X", "int_max_str_digits=0")
"""Python's -I would ignore the hash seed; under an environment of our own -P -s do the same."""


@dataclass(slots=True)
class Invocation:
    """A command line with the descriptors that it names. ``close`` them after the start."""

    arguments: list[str]
    _files: list[OwnFile] = field(default_factory=list)

    @property
    def descriptors(self) -> list[int]:
        """Those that the arguments speak of."""
        return [file.fileno() for file in self._files]

    def add(self, *arguments: str) -> None:
        """Appends arguments."""
        self.arguments += arguments

    def data(self, content: bytes) -> str:
        """A descriptor to read ``content`` from, as text.

        Raises:
            SandboxFailedError: the machine has no more of them, or no memory; all are closed.
        """
        try:
            own = OwnFile(lambda: os.memfd_create("alphadial"))
            self._files.append(own)
            with open(own.fileno(), "wb", closefd=False) as file:
                file.write(content)
            os.lseek(own.fileno(), 0, os.SEEK_SET)
        except OSError as error:
            self.close()
            raise SandboxFailedError(f"cannot hold a file for the sandbox: {error}") from None
        return str(own.fileno())

    def close(self) -> None:
        """Closes the descriptors on our side; those of an invocation that nobody closes go with it."""
        for file in self._files:
            file.close()
        self._files.clear()


def for_server(bwrap: str, interpreter: Interpreter, variables: Mapping[str, str] | None = None) -> Invocation:
    """A sandbox whose server may make further namespaces; each program mounts its own tmpfs over /w."""
    invocation = _base(bwrap, interpreter)
    for name, value in (variables or {}).items():
        invocation.add("--setenv", name, value)
    invocation.add("--cap-add", "CAP_SYS_ADMIN", "--dir", BOX)
    invocation.add("--remount-ro", "/", "--chdir", BOX)
    return invocation


def for_keeper(bwrap: str, interpreter: Interpreter) -> Invocation:
    """The namespaces of a box, for ``guest.keeper``, which lays out what commands find there."""
    invocation = _base(bwrap, interpreter)
    for capability in ("SYS_ADMIN", "DAC_OVERRIDE"):
        invocation.add("--cap-add", f"CAP_{capability}")
    invocation.add("--as-pid-1", "--dir", BOX, "--chdir", "/")
    return invocation


def guest_command(interpreter: Path, module: str, arguments: Sequence[str], folder: str = _GUEST) -> list[str]:
    """The command line of ``guest.MODULE``; ``folder`` is the one that holds ``guest``."""
    code = f"import sys; sys.path.insert(0, {folder!r}); from guest.{module} import main; del sys.path[0]; main()"
    return [str(interpreter), *_FLAGS, "-c", code, *arguments]


def can_be_held(command: Sequence[str]) -> bool:
    """Whether a command is our interpreter with options that leave it to ``guest.sitecustomize`` to hold it."""
    options = list(command[1:])
    while options[:1] == ["-X"]:
        del options[:2]
    return command[0] == "python3" and bool(options) and (options[0] == "-c" or not options[0].startswith("-"))


def hidden() -> list[str]:
    """What is covered below every /proc."""
    return [listing for listing in KEYS if os.path.exists(listing)]  # noqa: PTH110


def limited(interpreter: Interpreter, rlimits: Mapping[int, tuple[int, int]], command: Sequence[str]) -> list[str]:
    """The command line of ``command`` under rlimits. prlimit(1) starts in a tenth of the time of an interpreter."""
    prlimit = shutil.which("prlimit", path=_SYSTEM_PATH)
    if prlimit is None:
        values = json.dumps([(which, *value) for which, value in rlimits.items()])
        return guest_command(interpreter.executable, "limited", [values, *command])
    options = [f"--{_RLIMITS[which]}={_rlimit(soft)}:{_rlimit(hard)}" for which, (soft, hard) in rlimits.items()]
    return [prlimit, *options, "--", *command]


def _rlimit(value: int) -> str:
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


def for_command(
    bwrap: str, interpreter: Interpreter, files: Mapping[str, str | bytes], files_bytes: int, seccomp: bytes | None
) -> Invocation:
    """A sandbox for one command, with ``files`` in its working directory."""
    invocation = _base(bwrap, interpreter)
    invocation.add("--size", str(files_bytes), "--tmpfs", "/w", "--dir", BOX, "--dir", "/w/tmp", "--dir", "/w/shm")
    for name, content in files.items():
        data = as_bytes(content) if isinstance(content, str) else content
        invocation.add("--perms", "0755", "--file", invocation.data(data), f"{BOX}/{checked(name)}")
    invocation.add("--remount-ro", "/", "--chdir", BOX)
    if seccomp is not None:
        invocation.add("--seccomp", invocation.data(seccomp))
    return invocation


def for_workspace(bwrap: str, interpreter: Interpreter, files_bytes: int, seccomp: bytes | None) -> Invocation:
    """A sandbox for ``guest.workspace``, which fills the working directory itself."""
    invocation = for_command(bwrap, interpreter, {}, files_bytes, seccomp)
    invocation.add("--as-pid-1")
    return invocation


def stream(files: Mapping[str, str | bytes]) -> bytes:
    """Files of a working directory as ``guest.folder.unpack`` reads them.

    Raises:
        ValueError: a path leaves the folder.
    """
    parts = []
    for name, content in files.items():
        path, data = checked(name).encode(), as_bytes(content) if isinstance(content, str) else content
        parts += [ENTRY.pack(EXECUTABLE, len(path), len(data)), path, data]
    return b"".join(parts)


def checked(name: str) -> str:
    """A relative path that stays inside.

    Raises:
        ValueError: it does not.
    """
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise ValueError(f"{name!r} is not a relative path inside the working directory")
    return str(path)


def stack_limit(memory_bytes: int) -> tuple[int, int]:
    """Soft and hard RLIMIT_STACK: as deep as memory lasts, where the host allows that."""
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    return (memory_bytes if hard == resource.RLIM_INFINITY else min(hard, memory_bytes)), hard


def _base(bwrap: str, interpreter: Interpreter) -> Invocation:
    invocation = Invocation([bwrap, "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"])
    invocation.add("--hostname", "sandbox", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv")
    for key, value in environment(interpreter).items():
        invocation.add("--setenv", key, value)
    show_host(invocation, interpreter)
    show_guest(invocation)
    invocation.add("--proc", "/proc", "--dir", "/dev", "--symlink", "/w/shm", "/dev/shm", "--symlink", "/w/tmp", "/tmp")
    for listing in hidden():
        invocation.add("--ro-bind", "/dev/null", listing)
    for device in DEVICES:
        invocation.add("--dev-bind", device, device)
    streams = {f"/dev/{name}": f"/proc/self/fd/{number}" for number, name in enumerate(("stdin", "stdout", "stderr"))}
    _links(invocation, {"/dev/fd": "/proc/self/fd", **streams})
    return invocation


def show_host(invocation: Invocation, interpreter: Interpreter, root: str = "") -> None:
    """Adds what every program finds under ``root``: libraries, tools and the interpreter."""
    invocation.add("--ro-bind", "/usr", f"{root}/usr")
    for name in _LIBRARIES:
        path = Path("/") / name
        if path.is_symlink():
            invocation.add("--symlink", str(path.readlink()), f"{root}{path}")
        elif path.is_dir():
            invocation.add("--ro-bind", str(path), f"{root}{path}")
    if not interpreter.prefix.is_relative_to("/usr"):
        invocation.add("--ro-bind", str(interpreter.prefix), f"{root}{interpreter.prefix}")
    # Debian's Java keeps its configuration there.
    for setting in ("/etc/ld.so.cache", "/etc/alternatives", *sorted(map(str, Path("/etc").glob("java-*")))):
        invocation.add("--ro-bind-try", setting, f"{root}{setting}")
    for folder in interpreter.hidden():
        # Read-only as well: a writable corner would carry files from one program to the next.
        invocation.add("--tmpfs", f"{root}{folder}", "--remount-ro", f"{root}{folder}")
    invocation.add("--symlink", str(interpreter.executable), f"{root}/opt/bin/python3")


def show_guest(invocation: Invocation, root: str = "") -> None:
    """Adds our guest modules. They are read-only once all that is mounted at ``root`` is."""
    for source in sorted(_GUEST_SOURCES.glob("*.py")):
        data = invocation.data(source.read_bytes())
        invocation.add("--perms", "0444", "--file", data, f"{root}{_GUEST}/guest/{source.name}")


def environment(interpreter: Interpreter) -> dict[str, str]:
    """Of every program."""
    path = f"/opt/bin:{interpreter.executable.parent}:/usr/local/bin:/usr/bin:/bin"
    return {**ENVIRONMENT, "PATH": path, "HOME": BOX}


def _links(invocation: Invocation, links: Mapping[str, str]) -> None:
    for name, target in links.items():
        invocation.add("--symlink", target, name)
