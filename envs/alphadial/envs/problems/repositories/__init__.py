"""Five small code bases with something to change in each, for the agentic setting.

They are Harbor task folders below ``tasks/``, data like those of anybody else: two bugs to mend, a feature to add, a
slow function to make fast, and three modules to make one, whose behaviour at the edges no public test shows.
"""

from alphadial.envs.problems.repositories.shipped import FOLDER, Repositories

__all__ = ["FOLDER", "Repositories"]
