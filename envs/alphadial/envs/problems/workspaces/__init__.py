"""Small hand-made problems with files, for the agentic setting."""

from alphadial.envs.problems.workspaces.tasks import Workspaces

__all__ = ["Workspaces"]
