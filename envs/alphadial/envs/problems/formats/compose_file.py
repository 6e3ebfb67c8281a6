"""docker-compose.yaml of a task: a box stands for one service, so a task with others is refused by their names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alphadial.envs.files import File
from alphadial.envs.problems.formats.fields import mapping
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.problems.formats.yaml_file import LARGEST, at, parse_yaml

_FILES = ("docker-compose.yaml", "docker-compose.yml", "compose.yaml", "compose.yml")
_MAIN = "main"
_PASSED_OVER = {
    *("build", "init", "network_mode", "cap_drop", "security_opt", "pids_limit", "mem_limit", "memswap_limit", "cpus"),
    *("read_only", "tmpfs", "shm_size", "ulimits", "stdin_open", "tty", "stop_grace_period", "stop_signal", "restart"),
    *("pull_policy", "platform", "hostname", "container_name", "labels", "deploy", "logging", "command"),
}
"""What says how Docker keeps the one service, and nothing of what is in it."""


def check_services(folder: Path, files: Mapping[str, File]) -> None:
    """Refuses side services, and settings of the main one without which the task would be another.

    Raises:
        FormatError: it names them; or the file is no YAML.
    """
    for name in _FILES:
        if name in files:
            _check(folder / name, files[name].data)


def _check(path: Path, data: bytes) -> None:
    if len(data) > LARGEST:
        raise FormatError(f"larger than {LARGEST:,} bytes", path=path)
    try:
        yaml = parse_yaml(data.decode(), path)
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 at byte {error.start}", path=path) from None
    with at(yaml, "services"):
        services = mapping(yaml.values.get("services") or {}, "services")
        others = sorted(services.keys() - {_MAIN})
        if others:
            named = ", ".join(each[:40] for each in others[:5])
            raise FormatError(f"side services ({named}) are not supported: a box is one machine")
        main = mapping(services.get(_MAIN) or {}, "services.main")
    for key in main:
        if key not in _PASSED_OVER:
            raise yaml.error(f"services.main.{key}", f"{key[:40]} of the service main is not supported")
    if main.get("network_mode") not in (None, "none", "bridge"):
        raise yaml.error("services.main.network_mode", "a network_mode other than none is not supported")
