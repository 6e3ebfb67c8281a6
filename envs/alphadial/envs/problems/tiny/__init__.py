"""tiny-problems: 490 templates of list problems with reference programs in two or three complexity tiers."""

from alphadial.envs.problems.tiny.build import Spec, build_problem
from alphadial.envs.problems.tiny.splits import TinyProblems, draw, roles, write_split
from alphadial.envs.problems.tiny.variants import reference, templates

__all__ = ["Spec", "TinyProblems", "build_problem", "draw", "reference", "roles", "templates", "write_split"]
