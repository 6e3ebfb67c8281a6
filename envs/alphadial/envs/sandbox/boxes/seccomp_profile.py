"""Our deny list of system calls, as Docker takes it."""

from __future__ import annotations

import errno
import json
from typing import Any

from ..seccomp import (
    DENIED,
    NEW_NAMESPACES,
    NO_ACCESS_TIME,
    SET_FLAGS,
    SOCKET_FAMILIES,
    TERMINAL_IOCTLS,
    WATCHING_FCNTLS,
)

_MASKED_EQUAL = "SCMP_CMP_MASKED_EQ"


def profile() -> str:
    """JSON for the option ``seccomp`` of a container."""
    rules = [
        _fail(list(DENIED), errno.EPERM),
        # Their flags lie behind pointers; glibc does without.
        _fail(["clone3", "openat2", "preadv2"], errno.ENOSYS),
        _fail(["open"], errno.EPERM, 1, _MASKED_EQUAL, NO_ACCESS_TIME, NO_ACCESS_TIME),
        _fail(["openat"], errno.EPERM, 2, _MASKED_EQUAL, NO_ACCESS_TIME, NO_ACCESS_TIME),
        _setting_flags(),
        *(_fail(["clone"], errno.EPERM, 0, _MASKED_EQUAL, bit, bit) for bit in _bits(NEW_NAMESPACES)),
        *(_fail(["ioctl"], error, 1, "SCMP_CMP_EQ", value) for value, error in TERMINAL_IOCTLS.items()),
        *(_fail(["fcntl"], error, 1, "SCMP_CMP_EQ", value) for value, error in WATCHING_FCNTLS.items()),
        *_other_sockets(),
    ]
    return json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})


def _other_sockets() -> list[dict[str, Any]]:
    last = max(SOCKET_FAMILIES)
    calls = ["socket", "socketpair"]
    between = [
        _fail(calls, errno.EAFNOSUPPORT, 0, "SCMP_CMP_EQ", family)
        for family in range(last)
        if family not in SOCKET_FAMILIES
    ]
    return [*between, _fail(calls, errno.EAFNOSUPPORT, 0, "SCMP_CMP_GT", last)]


def _setting_flags() -> dict[str, Any]:
    """F_SETFL with O_NOATIME."""
    rule = _fail(["fcntl"], errno.EPERM, 1, "SCMP_CMP_EQ", SET_FLAGS)
    more = _fail(["fcntl"], errno.EPERM, 2, _MASKED_EQUAL, NO_ACCESS_TIME, NO_ACCESS_TIME)
    return {**rule, "args": [*rule["args"], *more["args"]]}


def _fail(names: list[str], error: int, *argument: int | str) -> dict[str, Any]:
    """A rule; ``argument`` is its index, how to compare, and one or two values."""
    keys = ("index", "op", "value", "valueTwo")
    arguments = [dict(zip(keys, argument, strict=False))] if argument else []
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": error, "args": arguments}


def _bits(mask: int) -> list[int]:
    return [1 << number for number in range(mask.bit_length()) if mask >> number & 1]
