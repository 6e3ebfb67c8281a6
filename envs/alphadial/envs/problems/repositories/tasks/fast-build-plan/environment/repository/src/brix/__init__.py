"""What to build, and in which order."""

from brix.costs import cost, longest
from brix.errors import BrixError, Cycle
from brix.planning import plan
from brix.rules import Rule, parse
from brix.stale import stale

__all__ = ["BrixError", "Cycle", "Rule", "cost", "longest", "parse", "plan", "stale"]
