"""The same sandbox without what is kept warm in it."""

from __future__ import annotations

from collections.abc import Sequence

from alphadial.envs.sandbox.bubblewrap import Bubblewrap
from alphadial.envs.sandbox.protocol import CommandServer
from alphadial.envs.sandbox.warm_commands import FreshCommands
from alphadial.envs.types import Limits


class Fresh(Bubblewrap):
    """Every run of a command, also of one that would be run in a warm server, gets a sandbox of its own."""

    def open_command(self, command: Sequence[str], limits: Limits) -> CommandServer:
        """See ``Sandbox``."""
        return FreshCommands(self, command)
