"""Models that answer: in process, behind an OpenAI-compatible server, or scripted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from alphadial.agents.errors import MissingExtraError
from alphadial.agents.policies.scripted import ScriptedPolicy

if TYPE_CHECKING:
    from alphadial.agents.types import Policy
    from alphadial.merge_engine import Family

__all__ = ["ScriptedPolicy", "open_policy"]


def open_policy(family: Family, server: str | None = None, unverified_weights: bool = False) -> Policy:
    """The policy that answers as the models of a family: in process, or on the server at that address.

    A server is sent the key in the environment variable ``OPENAI_API_KEY``, where there is one.

    Raises:
        MissingExtraError: torch or transformers is not installed; the message names the command that mends it.
        PolicyError: the address is none, or the family's folders cannot be read.
    """
    if server is not None:
        from alphadial.agents.policies.http import HttpPolicy
        from alphadial.agents.policies.weights import UnverifiedPolicy, VerifiedPolicy

        asked = HttpPolicy(server, api_key=os.environ.get("OPENAI_API_KEY"))
        return UnverifiedPolicy(asked) if unverified_weights else VerifiedPolicy(asked, family, server)
    try:
        from alphadial.agents.policies.torch_policy import TorchPolicy
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "transformers", "tokenizers", "safetensors"):
            raise
        raise MissingExtraError(
            f"sampling in process needs {error.name}: pip install 'alphadial[local]', or pass --server"
        ) from error
    return TorchPolicy(family)
