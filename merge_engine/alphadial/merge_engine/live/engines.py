"""Starts engines on this machine: vLLM, from an environment that has it, with a family's endpoints in its worker."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from alphadial.merge_engine.errors import EngineError, ServingError
from alphadial.merge_engine.file_digests import cache_folder
from alphadial.merge_engine.live import engine_guard
from alphadial.merge_engine.live.blend import BLEND_ENVIRONMENT, blend_arguments
from alphadial.merge_engine.live.http_engine import HttpEngine
from alphadial.merge_engine.live.swap import swap_arguments
from alphadial.merge_engine.types import Family, ServingMode

PYTHON_VARIABLE = "ALPHADIAL_VLLM_PYTHON"
_ENVIRONMENT = {
    "VLLM_PLUGINS": "alphadial,alphadial_http",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
"""What an engine needs of its environment: both plugins, and nothing from elsewhere."""
_POLL_S = 0.5
_LOOK_S = 2.0
_SAY_S = 10.0
_END_S = 10.0
_LAST_LINES = 3
_LAST_CHARACTERS = 300


def vllm_python(given: Path | None) -> str:
    """The Python that engines are started with.

    Raises:
        ServingError: there is none that has vLLM.
    """
    if python := given or os.environ.get(PYTHON_VARIABLE):
        if not os.access(python, os.X_OK) or Path(python).is_dir():
            raise ServingError(f"{python} is no Python to start vLLM with: correct --python or {PYTHON_VARIABLE}")
        return str(python)
    if find_spec("vllm") is None:
        raise ServingError(
            "this Python has no vLLM to start an engine with: name one that has vLLM and alphadial by --python or "
            f"{PYTHON_VARIABLE}, or name a running engine by --engine"
        )
    return sys.executable


class OwnEngine:
    """An engine that ends with this process, however that ends. Its routes are on the loopback and need a key.

    Args:
        family: what it serves.
        mode: how.
        python: has vLLM and alphadial installed.
        arguments: further ones of vLLM's server.
        start_s: the longest that it may take to start.
        say: is told how the start goes on.
    """

    def __init__(
        self,
        family: Family,
        mode: ServingMode,
        python: str,
        arguments: Sequence[str],
        start_s: float,
        say: Callable[[str], None],
    ) -> None:
        swaps = mode is ServingMode.SWAP
        live = swap_arguments(family) if swaps else blend_arguments(family)
        self._environment = _ENVIRONMENT | ({} if swaps else BLEND_ENVIRONMENT)
        port, self._key = _free_port(), secrets.token_hex(16)
        self._command = [python, "-m", "vllm.entrypoints.openai.api_server", *live]
        self._command += ["--host", "127.0.0.1", "--port", str(port), *arguments]
        self._start_s, self._say = start_s, say
        self._process: Process | None = None
        self._owner = -1
        self.log = cache_folder("engines") / f"{family.name}-{time.strftime('%Y%m%d-%H%M%S')}-{port}.log"
        self.client = HttpEngine(f"http://127.0.0.1:{port}", self._key)

    async def start(self) -> None:
        """Starts it and waits until it answers.

        Raises:
            ServingError: it ended, or did not answer in time; the message has the last lines of its log.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._say(f"starting an engine, whose log is {self.log}")
        guarded, self._owner = os.pipe()
        try:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-IS", engine_guard.__file__, str(guarded), *self._command,
                    stdin=DEVNULL, stdout=log, stderr=log, pass_fds=[guarded], start_new_session=True,
                    env=os.environ | self._environment | {"VLLM_API_KEY": self._key},
                )  # fmt: skip
        finally:
            os.close(guarded)
        await self._answers(self._process)

    async def ended(self) -> str:
        """Waits for its end, and says how it ended. One whose weights are not known any more is ended here."""
        assert self._process is not None, "it was started"
        ending = asyncio.create_task(self._process.wait())
        try:
            while not (await asyncio.wait({ending}, timeout=_LOOK_S))[0]:
                if await self._poisoned():
                    self.kill()
        finally:
            ending.cancel()
        return self._how(ending.result())

    def _how(self, status: int) -> str:
        return f"the engine ended with status {status}; {self._log_ends()}"

    def _log_ends(self) -> str:
        return f"its log {self.log} ends: {self._last_lines()}"

    def kill(self) -> None:
        """Kills all of its processes at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Ends it, with a moment to clean up."""
        if self._process is None:
            return
        os.close(self._owner)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _END_S)
        self.kill()
        await self._process.wait()
        self._process = None

    async def _poisoned(self) -> bool:
        with suppress(EngineError):
            return (await self.client.describe()).state == "poisoned"
        return False

    async def _answers(self, process: Process) -> None:
        began = said = time.monotonic()
        while True:
            try:
                await self.client.describe()
            except EngineError as error:
                why = str(error)
            else:
                self._say(f"the engine answers after {time.monotonic() - began:.0f} s")
                return
            if process.returncode is not None:
                raise ServingError(self._how(process.returncode))
            waited = time.monotonic() - began
            if waited > self._start_s:
                raise ServingError(f"the engine did not answer within {self._start_s:g} s ({why}); {self._log_ends()}")
            if time.monotonic() - said > _SAY_S:
                said = time.monotonic()
                self._say(f"the engine is starting, {waited:.0f} s: {self._last_lines(1)}")
            await asyncio.sleep(_POLL_S)

    def _last_lines(self, count: int = _LAST_LINES) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        return " | ".join(lines[-count:])[-_LAST_CHARACTERS:] or "(it is empty)"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
