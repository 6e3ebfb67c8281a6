"""Answers of vLLM with fields of our own: in one JSON object, or in every event of a stream."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

_DATA = b"data: "


class Stamping:
    """Sends what an ASGI application sends, with fields put into each completion. Errors pass as they are.

    Args:
        send: to the client.
        fields: of each completion, or each part of one.
        headers: of the answer.
    """

    def __init__(self, send: Send, fields: Mapping[str, str], headers: Mapping[str, str]) -> None:
        self._send = send
        self._fields = fields
        self._headers = headers
        self._start: Message = {}
        self._streams = False
        self._held = b""

    async def __call__(self, message: Message) -> None:
        """Sends one message."""
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            await (self._event if self._streams else self._part)(body, more)
        else:
            await self._send(message)

    async def _begin(self, start: Message) -> None:
        headers = MutableHeaders(raw=list(start.get("headers", [])))
        self._streams = headers.get("content-type", "").startswith("text/event-stream")
        for name, value in self._headers.items():
            headers[name] = value
        self._start = {**start, "headers": headers.raw}
        if self._streams:
            await self._send(self._start)

    async def _event(self, body: bytes, more: bool) -> None:
        *lines, self._held = (self._held + body).split(b"\n")
        if not more:
            lines, self._held = [*lines, self._held], b""
        ended = b"\n" if more else b""
        stamped = b"\n".join(map(self._line, lines)) + (ended if lines else b"")
        if stamped or not more:
            await self._send({"type": "http.response.body", "body": stamped, "more_body": more})

    def _line(self, line: bytes) -> bytes:
        return _DATA + self._stamped(line[len(_DATA) :]) if line.startswith(_DATA + b"{") else line

    async def _part(self, body: bytes, more: bool) -> None:
        self._held += body
        if more:
            return
        whole = self._stamped(self._held) if self._held.startswith(b"{") else self._held
        headers = MutableHeaders(raw=self._start["headers"])
        headers["content-length"] = str(len(whole))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": whole, "more_body": False})

    def _stamped(self, content: bytes) -> bytes:
        answer = json.loads(content)
        if "choices" not in answer:
            return content
        return json.dumps(answer | dict(self._fields), ensure_ascii=False, separators=(",", ":")).encode()
