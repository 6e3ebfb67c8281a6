"""What every box of Docker's gets from us, whatever its image holds: an interpreter with its libraries, and the keeper.

It lies in a volume of the daemon that all boxes share and none can change. Its name tells its content.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import marshal
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from ...errors import SandboxUnavailableError

LABEL = "alphadial.keeper"
"""The label by which a daemon's volume is known to be one of ours."""
PLACE = "/.alphadial"
"""The folder of a container in which the volume is mounted."""
_GUEST = Path(__file__).parent.parent / "guest"
_UNCHECKED = (1).to_bytes(4, "little") + bytes(8)
"""The flags and the empty hash of a compiled module that is not checked against its source (PEP 552)."""
_LOADED = """
import json, sys
sys.path.insert(0, sys.argv[1])
import guest.container_keeper
print(json.dumps([file for module in sys.modules.values() if (file := getattr(module, "__file__", None))]))
"""
_TIMEOUT_S = 60
_DOCTOR = "alphadial doctor"


def name() -> str:
    """The volume's name: a hash of the interpreter and of all that is in it."""
    running = _interpreter()
    status = running.stat()
    digest = hashlib.sha256(f"{sys.version} {running} {status.st_size} {status.st_mtime_ns}".encode())
    for source in sorted(_GUEST.glob("*.py")):
        digest.update(source.read_bytes())
    return f"alphadial-keeper-{digest.hexdigest()[:16]}"


def command(*arguments: str) -> list[str]:
    """The command line of the keeper. The loader is ours too: that of the image may be older, or of another library."""
    code = f"import sys; sys.path.insert(0, {PLACE!r}); from guest.container_keeper import main; main()"
    python = [f"{PLACE}/loader", "--library-path", f"{PLACE}/lib", f"{PLACE}/bin/python3"]
    return [*python, "-I", "-S", "-B", "-X", "utf8", "-c", code, *arguments]


def archive() -> bytes:
    """All of it, as a tar file.

    Raises:
        SandboxUnavailableError: this interpreter cannot be taken along.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content, mode in _files():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _interpreter() -> Path:
    return Path(sys.executable).resolve()


def _files() -> Iterator[tuple[str, bytes, int]]:
    running, prefix = _interpreter(), Path(sys.base_prefix).resolve()
    modules = {
        Path(file).resolve() for file in json.loads(_said(running, "-I", "-S", "-B", "-c", _LOADED, _GUEST.parent))
    }
    extensions = {file for file in modules if file.suffix != ".py"}
    for file in sorted(modules):
        path = str(file.relative_to(_GUEST.parent if file.is_relative_to(_GUEST) else prefix))
        if file in extensions:
            yield path, file.read_bytes(), 0o755
        else:
            yield f"{path}c", _compiled(file, path), 0o644
    yield "bin/python3", running.read_bytes(), 0o755
    for library in sorted({path for file in (running, *extensions) for path in _needed(file)}):
        place = "loader" if re.match(r"ld[-.]", library.name) else f"lib/{library.name}"
        yield place, library.read_bytes(), 0o755


def _compiled(source: Path, shown: str) -> bytes:
    code = compile(source.read_bytes(), shown, "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + marshal.dumps(code)


def _needed(file: Path) -> set[Path]:
    """Shared libraries, and the loader that finds them, as ldd(1) tells them."""
    return {Path(path) for path in re.findall(r"(/\S+) \(0x", _said("ldd", file))}


def _said(*words: str | Path) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxUnavailableError(
            f"cannot take {_interpreter()} along into boxes: {error}; run: {_DOCTOR}"
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SandboxUnavailableError(f"cannot take {_interpreter()} along into boxes: {said[0]}; run: {_DOCTOR}")
    return done.stdout
