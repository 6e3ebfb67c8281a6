"""Script verifiers of Harbor's form: a script looks at what a candidate left, and writes a reward.

Source: harborframework.com/docs/tasks. ``reward.json`` beats ``reward.txt``; the exit status of the script is ignored.
A script in a box of its own sees the artifacts alone. Code of the candidate's that it runs there could still write the
reward: such a verifier is as good as its script.
"""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from alphadial.envs.errors import EnvsError
from alphadial.envs.files import File
from alphadial.envs.judging.repositories.box_report import Said
from alphadial.envs.raw import as_bytes
from alphadial.envs.repository import REWARD, Repository, VerifierKind
from alphadial.envs.sandbox.boxes.box import Box, User
from alphadial.envs.types import MIB, Limits, Problem, RunResult

_TESTS = "/tests"
_LOGS = ("/logs/verifier", "/logs/artifacts", "/logs/agent")
_JSON, _TEXT = "/logs/verifier/reward.json", "/logs/verifier/reward.txt"
_LONGEST = 64 * 1024
_ARTIFACTS_BYTES = 64 * MIB
_COPYING = Limits(cpu_s=60.0, wall_s=180.0, output_bytes=_ARTIFACTS_BYTES)
NO_REWARD = "no reward"
"""The cause of failure where the script writes no reward, or none that is a finite number."""


@dataclass(frozen=True, slots=True)
class Places:
    """The boxes that a verifier's script needs: each function opens a fresh one.

    Args:
        candidate: opens a box as the candidate left it, with the history of the repository.
        verifier: opens one as the verifier's image has it.
    """

    candidate: Callable[[], Box]
    verifier: Callable[[], Box]


class RewardScript:
    """Runs the script of one problem's verifier.

    Args:
        problem: whose verifier it is.
        limits: of the script.
    """

    def __init__(self, problem: Problem, limits: Limits) -> None:
        assert problem.repository is not None
        self._problem = problem
        self._repository: Repository = problem.repository
        self._verifier = problem.repository.verifier
        self._limits = limits

    def run(self, places: Places) -> tuple[dict[int, Said], RunResult]:
        """What each test came to, by its position in the problem, and how the script ended.

        Raises:
            SandboxFailedError: our machinery broke.
            EnvsError: the artifacts cannot be copied.
        """
        if self._verifier.kind is VerifierKind.SHARED_SCRIPT:
            with places.candidate() as box:
                return self._rewarded(box)
        with places.candidate() as box:
            artifacts = self._artifacts(box)
        with places.verifier() as box:
            _make_logs(box)
            for path, file in artifacts.items():
                box.write(path, file, User.ROOT)
            return self._rewarded(box)

    def _artifacts(self, box: Box) -> dict[str, File]:
        """What is copied from the candidate's box; what is not there is left out, as Harbor has it."""
        _make_logs(box)
        for command in self._verifier.collect:
            box.exec(["sh", "-c", command], replace(self._limits, output_bytes=_LONGEST), env=self._repository.env)
        found: dict[str, File] = {}
        for path in self._verifier.artifacts:
            result = box.exec(["tar", "-C", "/", "-cf", "-", "--", path.lstrip("/")], _COPYING)
            if result.killed_by is not None:
                raise EnvsError(f"the artifact {path} is more than {_ARTIFACTS_BYTES // MIB} MiB, or cannot be read")
            found |= _unpacked(as_bytes(result.stdout))
        return found

    def _rewarded(self, box: Box) -> tuple[dict[int, Said], RunResult]:
        box.seal(self._verifier.files, _TESTS)
        _make_logs(box)
        env = {**self._repository.env, **self._verifier.env}
        result = box.exec(self._verifier.command, self._limits, user=User.ROOT, env=env)
        if result.killed_by is not None or result.oom:
            return {index: Said(missing=True) for index in range(len(self._problem.tests))}, result
        rewards = _rewards(box.read(_JSON, _LONGEST), box.read(_TEXT, _LONGEST))
        return {index: _said(rewards, test.name) for index, test in enumerate(self._problem.tests)}, result


def _make_logs(box: Box) -> None:
    """The folders that scripts find, without what a candidate may have left as a reward."""
    box.write(_TEXT, File(b""), User.ROOT)  # a box may have no folder for logs before something is written there
    folders = " ".join(_LOGS)
    script = f"rm -rf {_JSON} {_TEXT}; mkdir -p {folders}; chmod 777 {folders}"
    box.exec(["sh", "-c", script], _COPYING, user=User.ROOT, cwd="/")


def _unpacked(archive: bytes) -> dict[str, File]:
    """The regular files of an archive, by absolute path. Nothing in it is believed, or laid out on the host."""
    found: dict[str, File] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            for member in opened:
                content = opened.extractfile(member) if member.isreg() else None
                if content is not None and ".." not in member.name.split("/"):
                    found[f"/{member.name.lstrip('/')}"] = File(content.read(), bool(member.mode & 0o100))
    except (tarfile.TarError, ValueError, OverflowError):
        return found
    return found


def _rewards(json_text: bytes | None, text: bytes | None) -> dict[str, float]:
    """The rewards by name; empty where there is none that is a finite number."""
    try:
        if json_text is not None:
            value = json.loads(json_text)
            named = value if isinstance(value, dict) else {REWARD: value}
        else:
            named = {REWARD: float((text or b"").decode())}
    except (ValueError, RecursionError):
        return {}
    return {name: float(number) for name, number in named.items() if _is_number(number)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _said(rewards: Mapping[str, float], name: str) -> Said:
    """Whether the test's reward is 1 or more; a single reward may have any name."""
    reward = rewards.get(name)
    if reward is None and name == REWARD and len(rewards) == 1:
        (reward,) = rewards.values()
    if reward is None:
        return Said(error=NO_REWARD)
    return Said(reward >= 1.0, text=f"{name} {reward:g}")
