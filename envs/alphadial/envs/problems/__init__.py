"""Problem sets by name, path or class, and their splits."""

from alphadial.envs.problems.formats import LoadError, Package
from alphadial.envs.problems.overview import Overview, ProblemLine, find_package, shown, survey
from alphadial.envs.problems.sets import Source, Split, find_problem, load_split
from alphadial.envs.problems.sources import NAMES, ProblemSet

__all__ = [
    "NAMES",
    "LoadError",
    "Overview",
    "Package",
    "ProblemLine",
    "ProblemSet",
    "Source",
    "Split",
    "find_package",
    "find_problem",
    "load_split",
    "shown",
    "survey",
]
