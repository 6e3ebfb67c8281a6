"""tiny-problems: 40 templates of list problems with reference programs in two or three complexity tiers."""

from alphadial.envs.problems.tiny.build import Spec, build_problem
from alphadial.envs.problems.tiny.splits import TinyProblems
from alphadial.envs.problems.tiny.variants import reference, templates

__all__ = ["Spec", "TinyProblems", "build_problem", "reference", "templates"]
