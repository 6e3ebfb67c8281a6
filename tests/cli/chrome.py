"""Headless Chromium over its debugging pipe, with the standard library alone."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_SECONDS = 60.0


class Tab:
    """A page, and what it complained of."""

    def __init__(self, browser: _Pipe, session: str) -> None:
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> Any:
        return self._browser.send(method, parameters, self._session)

    def screen(self, width: int, height: int, *, dark: bool = False) -> None:
        mobile = width < 600
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, file: Path, fragment: str = "") -> None:
        """Opens a report and waits until it has drawn its charts and unpacked its transcripts."""
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=f"{file.as_uri()}{fragment}")
        # A page that is just being left has no root element.
        self.wait("document.documentElement?.dataset.drawn && document.readyState === 'complete'")
        self.wait("document.documentElement.dataset.ready || !document.getElementById('list')")

    def value(self, expression: str) -> Any:
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        end = time.monotonic() + _SECONDS
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        file.write_bytes(base64.b64decode(data))

    def forget(self) -> None:
        """What earlier pages did."""
        self._browser.events.clear()

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, exceptions, refusals of the page's policy."""
        found = []
        for event in self._browser.events:
            parameters = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"])[:400])
            elif event["method"] == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                found.append(parameters["entry"]["text"][:400])
            elif event["method"] == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(parameters["args"])[:400])
        return found

    def fetched(self) -> list[str]:
        """What was asked for beside the page itself and what it made up in memory."""
        asked = [event["params"] for event in self._browser.events if event["method"] == "Network.requestWillBeSent"]
        return [
            request["request"]["url"][:200]
            for request in asked
            if request["type"] != "Document" and not request["request"]["url"].startswith(("data:", "blob:"))
        ]


class _Pipe:
    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._buffer, self._count = b"", 0
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, parameters: dict[str, Any], session: str | None = None) -> Any:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], _SECONDS)
            assert ready, "Chromium does not answer"
            piece = os.read(self._read, 1 << 20)
            assert piece, "Chromium ended"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def chrome(program: str, profile: Path) -> Iterator[Tab]:
    """Starts Chromium with a profile of its own; it ends with the block."""
    to_chrome, from_chrome = os.pipe(), os.pipe()
    # Chromium reads from descriptor 3 and writes to 4; ours are moved out of their way first.
    theirs = [fcntl.fcntl(number, fcntl.F_DUPFD, 20) for number in (to_chrome[0], from_chrome[1])]
    os.close(to_chrome[0])
    os.close(from_chrome[1])

    def place() -> None:
        os.dup2(theirs[0], 3)
        os.dup2(theirs[1], 4)

    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command = [program, *flags, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, preexec_fn=place, pass_fds=(3, 4), start_new_session=True, stdout=quiet, stderr=quiet
    )
    try:
        for number in theirs:
            os.close(number)
        pipe = _Pipe(to_chrome[1], from_chrome[0])
        target = pipe.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = pipe.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        yield Tab(pipe, session)
        pipe.send("Browser.close", {})
        process.wait(_SECONDS)
    finally:
        # Chromium is many processes; where it could not be asked to end, all of them are ended.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(to_chrome[1])
        os.close(from_chrome[0])
