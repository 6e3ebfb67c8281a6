"""LiveCodeBench code generation (Jain et al. 2024): rows of JSON, private tests plain or compressed.

Not checked on published files. Compressed tests are base64 of zlib of a pickle of one text, which is JSON. The pickle
is never loaded, since that could run code: its opcodes are read, and any but those of one text refused.

Outputs and values are compared as by the authors' runner, ``lcb_runner/evaluation/testing_util.py``: see
``livecodebench`` in ``judging.graders``, and for values ``judging.equality``.
"""

from __future__ import annotations

import base64
import pickletools
import zlib
from pathlib import Path
from typing import Any

from alphadial.envs.problems.formats.features import known_features
from alphadial.envs.problems.formats.fields import Row, mapping, parse, required, sequence, text, text_of
from alphadial.envs.problems.formats.packages import FormatError, Package
from alphadial.envs.problems.formats.rows import argument_lines, call_test, checked, grouped, problem, stdio_test
from alphadial.envs.types import Rule, Test

KEYS = frozenset({"question_content", "public_test_cases", "private_test_cases"})
TIME_LIMIT_S = 6.0
"""Of every problem, as in the benchmark's own runner."""
LARGEST_TESTS = 256 * 1024 * 1024
"""Bytes of one field of tests, unpacked: zlib makes up to a thousand bytes of one."""
_MOST_OPCODES = 10
"""A pickle of one text has six. Reading millions would take minutes."""
_TEXTS = {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_HARMLESS = {"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"}


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be.
    """
    metadata = row.get("metadata")
    metadata = mapping(parse(metadata, "metadata") if isinstance(metadata, str) else metadata or {}, "metadata")
    public = _cases(required(row, "public_test_cases"), "public_test_cases")
    private = _cases(required(row, "private_test_cases"), "private_test_cases")
    kinds = {text_of(case, "testtype", "stdin") for case in public + private}
    if not kinds <= {"stdin", "functional"} or len(kinds) > 1:
        raise FormatError(f"tests must all be of testtype stdin or functional, not {', '.join(sorted(kinds))}")
    entry = text_of(metadata, "func_name") if kinds == {"functional"} else None
    tests = [
        _test(f"{name}/{at}", case, public=name == "public", functional=entry is not None)
        for name, cases in (("public", public), ("private", private))
        for at, case in enumerate(cases)
    ]
    found = problem(
        text_of(row, "question_id"),
        text_of(row, "question_content"),
        grouped(tests),
        entry=entry,
        starter=text_of(row, "starter_code", ""),
        time_limit_s=TIME_LIMIT_S,
        rule=Rule.LIVECODEBENCH,
        features=known_features(
            difficulty=row.get("difficulty"), platform=row.get("platform"), date=row.get("contest_date")
        ),
    )
    return Package(found, source=path)


def _cases(value: Any, what: str) -> list[Row]:
    if isinstance(value, str):
        packed = not value.lstrip().startswith("[")
        value = parse(_unpacked(value, what) if packed else value, what) if value.strip() else []
    return [mapping(case, f"each of {what}") for case in sequence(value, what)]


def _test(name: str, case: Row, *, public: bool, functional: bool) -> Test:
    given, answer = text_of(case, "input"), text_of(case, "output")
    if not functional:
        return stdio_test(name, given, answer, public=public)
    arguments = argument_lines(given, f"input of test {name!r}")
    return call_test(name, arguments, parse(answer, f"answer of test {name!r}"), public=public)


def _unpacked(value: str, what: str) -> str:
    try:
        packed = base64.b64decode(value, validate=True)
        unzip = zlib.decompressobj()
        pickled = unzip.decompress(packed, LARGEST_TESTS)
    except (ValueError, zlib.error) as error:
        raise FormatError(f"{what} is neither JSON nor compressed tests: {error}") from None
    if not unzip.eof:
        raise FormatError(f"{what} is cut off, or holds more than {LARGEST_TESTS:,} bytes")
    return _pickled_text(pickled, what)


def _pickled_text(pickled: bytes, what: str) -> str:
    texts = []
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(pickled)):
            if opcode.name in _TEXTS:
                texts.append(text(argument, what))
            if opcode.name not in _TEXTS | _HARMLESS or count == _MOST_OPCODES:
                raise FormatError(f"{what} holds more than a text (pickle opcode {opcode.name}): refused")
    except ValueError as error:
        raise FormatError(f"{what} is not a pickled text: {error}") from None
    if len(texts) != 1:
        raise FormatError(f"{what} holds {len(texts)} texts instead of one")
    return texts[0]
