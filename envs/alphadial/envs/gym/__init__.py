"""The Gymnasium environment ``alphadial/Coding-v0``. Importing this package registers it::

import gymnasium
env = gymnasium.make("alphadial.envs.gym:alphadial/Coding-v0", setting="tools")
"""

from alphadial.envs.gym.backend import Backend
from alphadial.envs.gym.coding_env import ENV_ID, CodingEnv
from alphadial.envs.gym.messages import tool_call

__all__ = ["ENV_ID", "Backend", "CodingEnv", "tool_call"]
