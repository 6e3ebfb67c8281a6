"""What this machine offers beyond the sandbox: Python, the extras and their versions, cores, memory, languages."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from alphadial.envs.sandbox.probe import Check

if TYPE_CHECKING:
    from alphadial.envs.sandbox import Sandbox

_OLDEST = (3, 11)
EXTRAS = {
    "merge": ("merging", ("torch", "safetensors", "numba")),
    "local": ("models in this process, and training", ("torch", "safetensors", "transformers", "tokenizers")),
    "serve": ("serving a family", ("starlette", "uvicorn", "prometheus-client")),
    "repositories": ("repositories in boxes", ("docker", "pytest", "starlette", "uvicorn")),
    "report": ("pictures and reports", ("matplotlib", "plotly")),
}
"""Extra -> what it is for, and the distributions that make it up."""
_COMFORTABLE_BYTES = 2 * 1024**3


def checks() -> list[Check]:
    """Python, each extra, the SDK of OpenHands, cores and memory."""
    from alphadial.agents import check_openhands

    return [_python(), *(_extra(name) for name in EXTRAS), check_openhands(), _cores(), _memory()]


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", sys.version_info >= _OLDEST, found, "apt-get install python3.11 python3.11-venv")


def _extra(name: str) -> Check:
    purpose, distributions = EXTRAS[name]
    found, missing = [], []
    for distribution in distributions:
        try:
            found.append(f"{distribution} {version(distribution)}")
        except PackageNotFoundError:
            missing.append(distribution)
    detail = f"{purpose}: {', '.join(found)}" if not missing else f"{purpose}: no {', '.join(missing)}"
    return Check(f"extra {name}", not missing, detail, f"pip install 'alphadial[{name}]'")


def _cores() -> Check:
    count = len(os.sched_getaffinity(0))
    return Check("cores", True, f"{count} usable; --workers sets how many judge at once", "")


def _memory() -> Check:
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(fields["MemAvailable"].split()[0]) * 1024
    detail = f"{available / 1024**3:.1f} GiB available"
    return Check("memory", available >= _COMFORTABLE_BYTES, detail, "close other programs, or run with --workers 1")


def languages(sandbox: Sandbox) -> list[Check]:
    """Each language that the judge knows: whether its self-test program compiles and runs. Takes seconds."""
    from alphadial.envs.judging.compiling import self_test
    from alphadial.envs.languages import all_languages

    found = []
    for name, language in all_languages().items():
        wrong = self_test(sandbox, name)
        detail = wrong or "its self-test program compiles and runs in the sandbox"
        found.append(Check(f"language {name}", not wrong, detail, f"apt-get install {language.package}"))
    return found
