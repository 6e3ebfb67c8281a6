"""Errors of the judging machinery. What the candidate program does wrong is a result, never one of these."""

from collections.abc import Mapping


class EnvsError(Exception):
    """Base of every error raised by ``alphadial.envs``."""


class ProblemError(EnvsError):
    """A problem set, split, template or problem that does not exist or cannot be read."""


class NoCompilerError(ProblemError):
    """The machine lacks what compiles or runs programs in a language."""


class NoTimeLimitError(ProblemError):
    """A problem states no time limit, and the times of its own solutions give none."""

    def __init__(self, message: str, left_out: Mapping[str, str]) -> None:
        super().__init__(message)
        self.left_out = left_out
        """Solution whose time would count, to why it does not."""


class RewardError(EnvsError):
    """A reward function of the user's raised, or gave what is no finite number."""


class SandboxUnavailableError(EnvsError):
    """The sandbox that was asked for cannot run on this machine; the message names the command that mends it."""


class SandboxFailedError(EnvsError):
    """The sandbox itself broke while a program ran. The judge retries it in a fresh one."""


class ImageError(EnvsError):
    """An image is not there, or cannot be made; the message says what to do."""


class PatchError(EnvsError):
    """A text is no patch, or it does not fit the files that it is to change; the message says where."""


class NotWarmError(SandboxFailedError):
    """The program needs what a warm server cannot give it; a fresh sandbox can."""


class MachineFullError(SandboxFailedError):
    """The machine, or a group around the sandbox, ran out of memory while a program ran within its own limit."""


class UncountedError(SandboxFailedError):
    """The program's processes may have used more CPU time than its limit, and without a cgroup nothing counts them."""


class WorkspaceError(EnvsError):
    """A workspace that cannot be: a bad path, or more files or bytes than are kept."""


class JournalError(EnvsError):
    """A journal file that cannot be used: of another version, or damaged."""


class ForeignError(EnvsError):
    """A file or a folder that is read back is not what alphadial would have made."""


class StoreError(EnvsError):
    """A run folder or a store that cannot be used: of another configuration or version, in use, or unwritable."""
