"""What a server that gives no answer means by it: servers agree on no one way to say so."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_ABOUT_THE_REQUEST = frozenset({400, 413, 422})
_TOO_LONG = (b"context_length_exceeded", b"maximum context length", b"max_model_len", b"context window")
_ADVICE = {
    b"cannot be greater than max_model_len": "an answer of max_tokens exceeds the model's context: lower it",
    b"chat template": "the server's model has no chat template: serve one that has, or give the server a template",
    b"chat_template": "the server's model has no chat template: serve one that has, or give the server a template",
    b"does not support tools": "the server's model calls no tools: serve another one, or use --setting reasoning",
    b"tool-call-parser": "the server takes no tool calls: start it with --enable-auto-tool-choice --tool-call-parser",
}
_KEY = "set OPENAI_API_KEY to a key that the server takes"
_FIELD = re.compile(rb"[a-z_]+")
_UNKNOWN_FIELD = (
    b"unknown",
    b"unrecognized",
    b"unexpected",
    b"unsupported",
    b"not supported",
    b"extra",
    b"not permitted",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal of one request; others may be answered."""

    cause: str


class Overlong(Refusal):
    """The messages exceed the model's context."""


class Busy(Refusal):
    """The same request may be answered later."""


class Unknown(Refusal):
    """No request will be answered: there is no such model or service, or it is not for us."""


def judge_refusal(status: int, content: bytes) -> Refusal:
    """What a status other than 200 means."""
    cause = f"status {status}: {' '.join(content.decode(errors='replace').split())[:200]}"
    if status in _BUSY:
        return Busy(cause)
    if status in _ABOUT_THE_REQUEST:
        for words, advice in _ADVICE.items():
            if words in content:
                return Unknown(f"{advice} ({cause})")
        too_long = status == 400 and any(words in content for words in _TOO_LONG)
        return Overlong(cause) if too_long else Refusal(cause)
    if 200 <= status < 300:
        return Refusal(cause)
    if 300 <= status < 400:
        return Unknown(f"{cause}: it sends elsewhere, which is not followed: give that address")
    return Unknown(f"{cause}: {_KEY}" if status in (401, 403) else cause)


def fields_refused(status: int, content: bytes) -> frozenset[str]:
    """Everything that a refusal of unknown fields may name as one; none where it is about something else."""
    said = content.lower()
    if status not in (400, 422) or not any(words in said for words in _UNKNOWN_FIELD):
        return frozenset()
    return frozenset(word.decode() for word in _FIELD.findall(said))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How many seconds a server asks to be left alone; None where it does not say."""
    said = headers.get("Retry-After", "")
    with suppress(ValueError):
        seconds = float(said)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    with suppress(ValueError):
        until = parsedate_to_datetime(said)
        return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return None
