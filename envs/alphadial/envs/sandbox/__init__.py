"""Isolation: code that nobody has read is run here."""

from __future__ import annotations

from ..errors import SandboxUnavailableError
from ..forking import imported
from .protocol import CommandServer, Program, Protection, Sandbox, Server
from .workspace import File, Workspace, WorkspaceRun

__all__ = [
    "SANDBOXES",
    "CommandServer",
    "File",
    "Program",
    "Protection",
    "Sandbox",
    "Server",
    "Workspace",
    "WorkspaceRun",
    "open_sandbox",
]

SANDBOXES = {
    "bubblewrap": "alphadial.envs.sandbox.bubblewrap:Bubblewrap",
    "gvisor": "alphadial.envs.sandbox.gvisor:Gvisor",
    "trusted": "alphadial.envs.sandbox.trusted:Trusted",
}
"""Names to classes; "trusted" isolates nothing and is never chosen but by its name."""


def open_sandbox(name: str = "bubblewrap") -> Sandbox:
    """Opens a sandbox by name, after a run has proven, once in a process, that it works. Use it as a context manager.

    Raises:
        SandboxUnavailableError: an unknown name, or one that cannot work on this machine; never falls back to another.
    """
    if name not in SANDBOXES:
        raise SandboxUnavailableError(f"no sandbox is named {name!r}; choose from: {', '.join(SANDBOXES)}")
    module, _, attribute = SANDBOXES[name].partition(":")
    sandbox: Sandbox = getattr(imported(module), attribute)()
    return sandbox
