"""task.toml of Harbor task folders, schema 1.4, and the keys of ours in it: docs/repository_tasks.md tells all of them.

Source: harborframework.com/docs/tasks. What would make a task another one if it were passed over is refused by name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from alphadial.envs.problems.formats.features import Features, known_features
from alphadial.envs.problems.formats.fields import Row, flag, mapping, number, sequence, text
from alphadial.envs.problems.formats.file_trees import read_regular
from alphadial.envs.problems.formats.packages import FormatError, LoadError
from alphadial.envs.types import MIB

TASK = "task.toml"
LARGEST = 4 * MIB
"""The largest task.toml, instruction or other file that is read as text, in bytes."""
_OURS = {
    *("image", "tree", "workdir", "verifier", "fail_to_pass", "pass_to_pass", "public", "calls", "test_tree", "gold"),
    *("rewards", "timeout_s"),
    *("editable", "protected", "import_from", "template", "performance"),
}
_VERSION = re.compile(r"1\.(\d{1,3})")
_NEWEST = 4
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")
_LOGS = "/logs/artifacts"
"""The folder that Harbor always carries to a separate verifier, whether it is named among the artifacts or not."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What task.toml says, checked."""

    path: Path
    ours: Row
    """``[metadata.alphadial]``; empty where there is none."""
    features: Features
    docker_image: str
    verifier_image: str
    """The image that a separate verifier names; "" where it names none."""
    workdir: str
    """The working directory in the box; "" where it is not stated."""
    env: Mapping[str, str]
    memory_bytes: int
    files_bytes: int
    separate: bool
    """Whether the verifier has a box of its own."""
    timeout_s: float
    verifier_env: Mapping[str, str]
    artifacts: tuple[str, ...]
    collect: tuple[str, ...]
    warnings: tuple[LoadError, ...]


def read_settings(folder: Path) -> Settings:
    """What the task.toml of a folder says.

    Raises:
        FormatError: it is no TOML, says something that cannot be, or asks for what is not supported.
    """
    path = folder / TASK
    values = _toml(path)
    reader = _Reader(path, values)
    _refuse(reader)
    environment, verifier = reader.table("environment"), reader.table("verifier")
    own = reader.inner(verifier, "environment", "verifier.environment")
    metadata = reader.table("metadata")
    ours = reader.inner(metadata, "alphadial", "metadata.alphadial")
    for key in ours:
        if key not in _OURS:
            raise FormatError(f"unknown key {key[:40]!r} in [metadata.alphadial]", path=path)
    separate = verifier.get("environment_mode", "separate" if "environment" in verifier else "shared")
    if separate not in ("separate", "shared"):
        raise FormatError("environment_mode must be shared or separate", path=path)
    return Settings(
        path=path,
        ours=ours,
        features=_features(reader, metadata),
        docker_image=reader.text(environment, "docker_image"),
        verifier_image=reader.text(own, "docker_image"),
        workdir=reader.text(environment, "workdir"),
        env=reader.variables(environment, "environment.env"),
        memory_bytes=int(number(environment.get("memory_mb", 1024), "memory_mb")) * MIB,
        files_bytes=int(number(environment.get("storage_mb", 512), "storage_mb")) * MIB,
        separate=separate == "separate",
        timeout_s=_timeout_s(ours, verifier),
        verifier_env=reader.variables(verifier, "verifier.env"),
        artifacts=_artifacts(reader, reader.text(environment, "workdir")),
        collect=_collect(reader, verifier),
        warnings=tuple(reader.warnings),
    )


class _Reader:
    """Typed access to tables, with messages that name the key."""

    def __init__(self, path: Path, values: Row) -> None:
        self.path = path
        self.values = values
        self.warnings: list[LoadError] = []

    def table(self, name: str) -> Row:
        return mapping(self.values.get(name, {}), f"[{name}]")

    def inner(self, table: Row, key: str, name: str) -> Row:
        return mapping(table.get(key, {}), f"[{name}]")

    def text(self, table: Row, key: str) -> str:
        return text(table.get(key, ""), key)

    def variables(self, table: Row, name: str) -> dict[str, str]:
        """Variables; those that come from the host have the value that is given for its having none."""
        stated = mapping(table.get("env", {}), f"[{name}]")
        return {key: self._filled(text(value, f"{name}.{key[:40]}"), name) for key, value in stated.items()}

    def warn(self, message: str) -> None:
        self.warnings.append(LoadError(self.path, None, message, harmless=True))

    def _filled(self, value: str, name: str) -> str:
        for found in _VARIABLE.finditer(value):
            if found[2] is None:
                raise FormatError(f"[{name}] asks for the host's variable {found[1][:40]}, which no box is given")
        return _VARIABLE.sub(lambda found: found[2], value)


def _toml(path: Path) -> Row:
    data = read_regular(path, LARGEST)
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 at byte {error.start}", path=path) from None
    except RecursionError:
        raise FormatError("not TOML that can be read: it nests too deeply", path=path) from None
    except ValueError as error:  # tomllib's own, and that of integers longer than Python reads
        raise FormatError(f"not TOML: {' '.join(str(error).split())[:200]}", path=path) from None


def _refuse(reader: _Reader) -> None:
    """Refuses what is not supported."""
    values, environment, verifier = reader.values, reader.table("environment"), reader.table("verifier")
    version = text(values.get("schema_version", values.get("version", "1.4")), "schema_version")
    found = _VERSION.fullmatch(version)
    if found is None:
        raise FormatError(f"schema_version {version[:20]!r} is not supported: 1.0 to 1.{_NEWEST} are")
    if int(found[1]) > _NEWEST:
        reader.warn(f"schema_version {version} is newer than 1.{_NEWEST}: what is new in it is not read")
    if steps := values.get("steps"):
        raise FormatError(f"tasks of several steps are not supported: it has {len(sequence(steps, 'steps'))}")
    own = reader.inner(verifier, "environment", "verifier.environment")
    tables = {"environment": environment, "verifier.environment": own}
    for name, table in tables.items():
        if str(table.get("os", "linux")).lower() != "linux":
            raise FormatError(f"[{name}] os = {str(table['os'])[:20]!r} is not supported: linux is")
        if table.get("gpus") or table.get("tpu"):
            raise FormatError(f"[{name}] asks for {'GPUs' if table.get('gpus') else 'TPUs'}, which no box has")
    if servers := environment.get("mcp_servers"):
        names = ", ".join(
            str(mapping(each, "mcp_servers").get("name"))[:40] for each in sequence(servers, "mcp_servers")
        )
        raise FormatError(f"MCP servers ({names}) are not supported")
    for name, table in {**tables, "agent": reader.table("agent"), "verifier": verifier}.items():
        _refuse_network(reader, name, table)
    if environment.get("healthcheck"):
        reader.warn("[environment.healthcheck] is not used: nothing runs in a box before its first command")


def _refuse_network(reader: _Reader, name: str, table: Row) -> None:
    mode = table.get("network_mode")
    if mode == "allowlist":
        hosts = ", ".join(str(host)[:60] for host in sequence(table.get("allowed_hosts", []), "allowed_hosts")[:5])
        raise FormatError(f"[{name}] network_mode = 'allowlist' ({hosts}) is not supported: no box reaches a network")
    if mode not in (None, "public", "no-network"):
        raise FormatError(f"[{name}] network_mode must be no-network, public or allowlist")
    if "allow_internet" in table:
        flag(table["allow_internet"], f"[{name}] allow_internet")


def _timeout_s(ours: Row, verifier: Row) -> float:
    if "timeout_s" in ours:
        return number(ours["timeout_s"], "[metadata.alphadial] timeout_s", most=86_400)
    return number(verifier.get("timeout_sec", 600.0), "[verifier] timeout_sec", most=86_400)


def _features(reader: _Reader, metadata: Row) -> Features:
    keywords = metadata.get("tags") or reader.table("task").get("keywords")
    found = known_features(difficulty=metadata.get("difficulty"), tags=keywords)
    category = known_features(difficulty=metadata.get("category")).get("difficulty")
    return found if category is None else found | {"category": category}


def _artifacts(reader: _Reader, workdir: str) -> tuple[str, ...]:
    found = [_LOGS]
    for each in sequence(reader.values.get("artifacts", []), "artifacts"):
        entry: Mapping[str, Any] = {"source": each} if isinstance(each, str) else mapping(each, "each of artifacts")
        source = PurePosixPath(text(entry.get("source"), "source of an artifact"))
        _refuse_service(entry, f"artifact {source}")
        if ".." in source.parts or not source.parts:
            raise FormatError(f"artifact {str(source)[:100]!r} is no path in the box")
        if entry.get("exclude"):
            reader.warn(f"exclude of artifact {str(source)[:100]} is not used: all of it is carried over")
        found.append(str(PurePosixPath(workdir or "/app") / source))
    return tuple(dict.fromkeys(found))


def _collect(reader: _Reader, verifier: Row) -> tuple[str, ...]:
    commands = []
    for each in sequence(verifier.get("collect", []), "verifier.collect"):
        hook = mapping(each, "each of verifier.collect")
        _refuse_service(hook, "a command of verifier.collect")
        commands.append(text(hook.get("command"), "command of verifier.collect"))
    return tuple(commands)


def _refuse_service(entry: Row, what: str) -> None:
    if (service := entry.get("service")) not in (None, "main"):
        raise FormatError(f"{what} is of the side service {str(service)[:40]!r}: side services are not supported")
